"""One patient GET: retry ▸ pacer ▸ transport.

client, retrier, retry           attempts until one succeeds
pacer, permit_queue, attempt_log  when an attempt may start, and a line about each
messages, failures, classify     a request, a reply, and what it means
address                          which URLs may be asked
transport/, auth/                the wire, and the key

Must not know: connections, records, files of a snapshot, settings.
"""
