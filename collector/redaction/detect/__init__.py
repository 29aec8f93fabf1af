"""Which values are secrets: by the schema, by the name of the field, by the form of the text.

rules, fields, field_names, schemas, json_schemas      by its place
patterns, tokens, issuers, key_values, urls            by its form
broken_urls, statements                                by the text around it
entropy, plain_kinds, shapes                           by how random it looks, or how plain
masks, reasons                                         what replaces it, and why

Must not know: records, and who asks. Pure.
"""
