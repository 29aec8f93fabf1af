"""Secret detection: by schema, by field name and by the form of a text.

rules, fields, field_names, schemas, json_schemas    by position in the record
patterns, tokens, issuers, key_values, urls          by form
broken_urls, statements                              by surrounding text
entropy, known_safe, shapes                         by randomness, and recognition of known-safe values
masks, reasons                                       the replacement, and the reason for it

Must not know: records, callers. Pure.
"""
