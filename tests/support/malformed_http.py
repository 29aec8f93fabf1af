"""Hypothesis strategies for malformed HTTP: replies built from unusual parts, then cut and corrupted."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import strategies as st

from tests.support.scripted_server import chunked, gzipped


class MalformedReply(NamedTuple):
    """The segments to write, and the end of the connection: close, reset or keep."""

    segments: list[bytes]
    end: str


def one_in(count: int) -> st.SearchStrategy[bool]:
    """True with probability 1/`count`."""
    return st.sampled_from([False] * (count - 1) + [True])


_GOOD_LINES = st.sampled_from([b"HTTP/1.1 200 OK"] * 8 + [b"HTTP/1.0 200 OK", b"HTTP/1.1 200"])
_UNUSUAL_LINES = (
    st.builds(b"HTTP/1.1 %d Whatever".__mod__, st.integers(0, 1500) | st.integers(100, 599))
    | st.sampled_from([b"HTTP/2 200 OK", b"HTTP/1.1 +200 OK", b"HTTP/1.1  200 OK", b"http/1.1 200 ok", b"ICY 200 OK"])
    | st.sampled_from([b"", b"200 OK", b"SSH-2.0-OpenSSH_9.2p1", b"\x15\x03\x01\x00\x02\x02\x46", b"GET / HTTP/1.1"])
)
STATUS_LINES = one_in(4).flatmap(lambda is_unusual: _UNUSUAL_LINES if is_unusual else _GOOD_LINES)

HEADERS = st.sampled_from(
    [
        b"Connection: close",
        b"Connection: keep-alive",
        b"Connection: upgrade\r\nUpgrade: websocket",
        b"Upgrade: h2c",
        b"Content-Encoding: gzip",
        b"Content-Encoding: gzip, gzip",
        b"Content-Encoding: deflate",
        b"Content-Encoding: br",
        b"Content-Encoding: ",
        b"Content-Length: -1",
        b"Content-Length: +5",
        b"Content-Length: 1_0",
        b"Content-Length: 5, 5",
        b"Content-Length: 99999999999999999999",
        b"Content-Type: application/json",
        b"Content-Type: application/json; charset=utf-16",
        b"Content-Type: \xff",
        b"Location: http://[",
        b"Location: file:///etc/passwd",
        b"Retry-After: 1",
        b"Retry-After: 99999999999999999999999",
        b"Retry-After: Wed, 99 Foo 99999 99:99:99 GMT",
        b"Set-Cookie: a=\x01; Expires=never",
        b"Trailer: X",
        b"Transfer-Encoding: chunked",
        b"Transfer-Encoding: gzip, chunked",
        b"Transfer-Encoding: chunked, identity",
        b"Transfer-Encoding : chunked",
        b" folded: on",
        b"No colon",
        b": no name",
        b"X: a\0b",
        b"X: a\rb",
        b"X: " + b"x" * 9000,
    ]
) | st.builds(b"X-%d: %s".__mod__, st.tuples(st.integers(0, 9), st.binary(max_size=20)))

_INTERIM = st.sampled_from([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"])


@st.composite
def bodies(draw: st.DrawFn, due: bytes) -> tuple[bytes, bytes]:
    """An encoded body, and its headers, which may be missing or wrong."""
    body = draw(st.sampled_from([due] * 4 + [b"", b"[]", b"<html>"]) | st.binary(max_size=200))
    headers = b"Content-Type: application/json\r\n" if not draw(one_in(6)) else b""
    if draw(one_in(4)):
        body, headers = gzipped(body), headers + b"Content-Encoding: gzip\r\n"
        body = body[: len(body) - draw(st.sampled_from([0, 0, 1, 8, 20]))]
    framing = draw(st.sampled_from(["length"] * 4 + ["chunked"] * 3 + ["none"]))
    if framing == "length":
        wrong_by = draw(st.sampled_from([0] * 6 + [-1, 1, 100]))
        return body, headers + b"Content-Length: %d\r\n" % (len(body) + wrong_by)
    if framing == "chunked":
        return draw(chunkings(body)), headers + b"Transfer-Encoding: chunked\r\n"
    return body, headers


@st.composite
def chunkings(draw: st.DrawFn, body: bytes) -> bytes:
    """The body in chunks of any size; the last chunk may be missing, and there may be extensions and trailers."""
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=4)))
    pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    encoded = chunked(*filter(None, pieces), end=not draw(one_in(6)))
    if draw(one_in(6)):
        extra = draw(st.sampled_from([b";ext=1\r\n", b" \r\n", b"\n", b";" + b"x" * 9000 + b"\r\n", b"g\r\n"]))
        encoded = encoded.replace(b"\r\n", extra, 1)
    if draw(one_in(6)):
        encoded = encoded.removesuffix(b"\r\n") + b"X: trailer\r\n\r\n"
    return encoded


@st.composite
def tampered(draw: st.DrawFn, reply: bytes) -> bytes:
    """`reply` with some bytes replaced; it may also be cut or followed by extra bytes."""
    for _ in range(draw(st.sampled_from([0] * 5 + [1, 2, 5]))):
        at = draw(st.integers(0, len(reply)))
        junk = draw(st.sampled_from([b"", b"\r\n", b"\n", b"\0", b" ", b"\xff", b":"]) | st.binary(max_size=9))
        reply = reply[:at] + junk + reply[at + draw(st.integers(0, 4)) :]
    if draw(one_in(6)):
        reply = reply[: draw(st.integers(0, len(reply)))]
    if draw(one_in(10)):
        reply += draw(st.binary(max_size=50))
    return reply


@st.composite
def malformed_reply(draw: st.DrawFn, due: bytes) -> MalformedReply:
    """A malformed reply whose intended body is `due`."""
    body, headers = draw(bodies(due))
    more = b"".join(line + b"\r\n" for line in draw(st.lists(HEADERS, max_size=draw(st.sampled_from([0, 0, 0, 1, 3])))))
    interim = b"".join(draw(st.lists(_INTERIM, max_size=draw(st.sampled_from([0, 0, 0, 3])))))
    reply = draw(tampered(interim + draw(STATUS_LINES) + b"\r\n" + headers + more + b"\r\n" + body))
    cuts = sorted(draw(st.lists(st.integers(0, len(reply)), max_size=draw(st.sampled_from([0, 0, 1, 3])))))
    segments = [reply[a:b] for a, b in zip([0, *cuts], [*cuts, len(reply)], strict=True)]
    return MalformedReply(segments, draw(st.sampled_from(["close"] * 7 + ["reset", "keep"])))
