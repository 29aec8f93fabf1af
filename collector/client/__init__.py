"""HTTP client: sends GET requests with retries and rate limits (retry ▸ pacer ▸ transport).

client, retrier, retry              one GET, with attempts until a final reply
pacer, permit_queue, attempt_log    permits for attempts, and a debug line for each attempt
messages, failures, classify        requests, replies, failures and their classification
address                             validation of URLs
transport/, auth/                   the wire; the API key

Must not know: connections, records, snapshot files, settings.
"""
