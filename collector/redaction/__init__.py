"""Redaction: masks the secrets in records and in text.

redactor, walker, keys     masking of a record, by the position, name and form of each value
json_texts, text_cache     text that contains JSON; text that contains no secret
substitute, fingerprint    the replacement of a secret; an HMAC that shows when the secret changes
scrubber                   masking of this process's own secrets in any text
detect/                    detection of secrets

Must not know: the origin of a value, files, HTTP, settings. Pure.
"""
