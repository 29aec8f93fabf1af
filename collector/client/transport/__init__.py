"""One attempt on the wire: the only place that knows aiohttp.

aiohttp_transport    the session; foreign errors are translated here
body                 the body of a reply within its caps
content_coding       gzip and deflate, undone as it comes
deadlines            time-outs
tls                  whose certificates are trusted

Must not know: retries, rates, what a reply means for an id.
"""
