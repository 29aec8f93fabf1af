"""What is a secret, and what is put in its place.

redactor       a record: every value by its place, its name and its form
scrubber       any text: the secrets this process holds
fingerprint    what shows that a masked value has changed
detect/        which values are secrets

Must not know: where a value comes from, files, HTTP, settings. Pure.
"""
