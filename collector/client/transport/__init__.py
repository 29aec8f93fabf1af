"""Transport: sends one attempt over HTTP. The only room of the client that imports aiohttp.

aiohttp_transport    the session; translates the errors of aiohttp
body                 reading of a reply's body within size limits
content_coding       incremental decompression of gzip and deflate
deadlines            timeouts
tls                  trusted certificates

Must not know: retries, rates, the meaning of a reply for an id.
"""
