"""What is a secret, and what is put in its place.

redactor, walker, keys     a record: every value by its place, its name and its form
json_texts, plain_texts    texts that are JSON, and texts that hold no secret
substitute, fingerprint    what is put in its place, and what shows that it has changed
scrubber                   any text: the secrets this process holds
detect/                    which values are secrets

Must not know: where a value comes from, files, HTTP, settings. Pure.
"""
