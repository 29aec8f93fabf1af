"""Content codings, decoded as a body arrives."""

from __future__ import annotations

import gzip
import time
import tracemalloc
import zlib
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.client.failures import BadPayload, TooLarge
from collector.client.transport.content_coding import decoder_of

ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "identity": bytes,
}
CAP = 100_000


def decode(field: str, body: bytes, cuts: list[int] | None = None, cap: int = CAP) -> bytes:
    decoder = decoder_of(field, cap, 200)
    if decoder is None:
        return body
    edges = sorted({0, *(cut % (len(body) + 1) for cut in cuts or ()), len(body)})
    body_decoded = b"".join([decoder.feed(body[start:end]) for start, end in pairwise(edges)])
    decoder.close()
    return body_decoded


@given(
    st.binary(max_size=300),
    st.lists(st.sampled_from(sorted(ENCODERS)), max_size=3),
    st.lists(st.integers(0, 500)),
    st.sampled_from([str.lower, str.upper, str.title]),
    st.sampled_from([",", ", ", " ,, "]),
)
def test_codings_are_undone_in_reverse_order_for_any_chunks(
    body: bytes, codings: list[str], cuts: list[int], spelled: Callable[[str], str], comma: str
) -> None:
    compressed = body
    for coding in codings:
        compressed = ENCODERS[coding](compressed)
    assert decode(comma.join(map(spelled, codings)), compressed, cuts) == body


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=8), st.integers(0, 40), st.lists(st.integers(0, 900)))
def test_gzip_members_form_one_body_without_the_padding(members: list[bytes], padding: int, cuts: list[int]) -> None:
    compressed = b"".join(map(gzip.compress, members)) + bytes(padding)
    assert decode("gzip", compressed, cuts) == b"".join(members)


@given(st.binary(max_size=300), st.lists(st.integers(0, 500)))
def test_deflate_is_decoded_with_and_without_the_zlib_wrapper(body: bytes, cuts: list[int]) -> None:
    assert decode("deflate", zlib.compress(body), cuts) == body
    assert decode("deflate", zlib.compress(body, level=9, wbits=-zlib.MAX_WBITS), cuts) == body


@given(
    st.lists(st.binary(max_size=50), min_size=1, max_size=4),
    st.sampled_from(["gzip", "deflate", "deflate, gzip"]),
    st.data(),
)
def test_a_truncated_body_is_never_accepted(members: list[bytes], field: str, data: st.DataObject) -> None:
    compressed = b"".join(members)
    for coding in field.split(", "):
        compressed = ENCODERS[coding](compressed)
    cut = data.draw(st.integers(0, len(compressed) - 1))
    with pytest.raises(BadPayload, match="truncated"):
        decode(field, compressed[:cut])


def test_a_truncated_second_member_is_never_accepted() -> None:
    compressed = gzip.compress(b"one") + gzip.compress(b"two")
    for cut in range(len(gzip.compress(b"one")) + 1, len(compressed)):
        with pytest.raises(BadPayload, match="truncated"):
            decode("gzip", compressed[:cut])


@given(
    st.binary(max_size=100), st.binary(min_size=1, max_size=30).filter(lambda stray: stray.lstrip(b"\0")[:1] != b"\x1f")
)
def test_stray_bytes_after_the_last_member_are_dropped(body: bytes, stray: bytes) -> None:
    assert decode("gzip", gzip.compress(body) + stray, [len(gzip.compress(body)) + 1]) == body


@given(st.sampled_from(["gzip", "deflate", "gzip, gzip", "deflate, gzip"]), st.binary(), st.lists(st.integers(0, 500)))
def test_any_input_is_a_body_or_a_known_failure(field: str, body: bytes, cuts: list[int]) -> None:
    with suppress(BadPayload):
        decode(field, body, cuts)


@pytest.mark.parametrize("field", ["", " ", ",", "identity", "Identity, identity", "utf-8", "UTF-8", "none", "binary"])
def test_a_field_without_a_coding_needs_no_decoder(field: str) -> None:
    assert decoder_of(field, CAP, 200) is None


@pytest.mark.parametrize("field", ["br", "zstd", "compress", "gzip, br", "gzip;q=1", "klingon", "x" * 10_000])
def test_an_unknown_coding_is_named_in_a_short_message(field: str) -> None:
    with pytest.raises(BadPayload, match="unknown Content-Encoding") as failure:
        decoder_of(field, CAP, 200)
    assert len(failure.value.reason) < 80


def test_the_number_of_codings_is_limited() -> None:
    decoder_of("gzip, gzip, gzip, identity", CAP, 200)
    with pytest.raises(BadPayload, match="more than 3 content codings"):
        decoder_of("gzip, gzip, gzip, gzip", CAP, 200)


@pytest.mark.parametrize("field", ["gzip", "deflate", "gzip, gzip", "deflate, gzip"])
def test_a_body_of_exactly_the_cap_is_accepted_and_one_byte_more_is_not(field: str) -> None:
    def compressed(size: int) -> bytes:
        body = bytes(size)
        for coding in field.split(", "):
            body = ENCODERS[coding](body)
        return body

    assert len(decode(field, compressed(CAP))) == CAP
    with pytest.raises(TooLarge):
        decode(field, compressed(CAP + 1))


def test_the_cap_holds_for_all_members_together() -> None:
    with pytest.raises(TooLarge):
        decode("gzip", gzip.compress(bytes(CAP // 2)) * 3)


def test_the_output_between_two_codings_is_bounded() -> None:
    """Empty members produce no output, so only the first stage's own count can reach the cap."""
    compressed = gzip.compress(gzip.compress(b"") * (4 * CAP // 20))
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            decode("gzip, gzip", compressed)
        assert tracemalloc.get_traced_memory()[1] < 8 * CAP
    finally:
        tracemalloc.stop()


def test_the_time_for_empty_members_does_not_grow_quadratically() -> None:
    began = time.process_time()
    assert decode("gzip", gzip.compress(b"") * 50_000) == b""
    assert time.process_time() - began < 5
