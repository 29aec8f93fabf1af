"""Distinguishes random-looking words, such as keys, from names and numbers. Pure.

Theory of operation. A word is split into runs of letters and digits. A run is split into fragments at changes of case
and between letters and digits: `GoogleAnalytics4Export` has four. Each run collects evidence of randomness, in bits:

- Each boundary between two fragments adds `_BOUNDARY` bits. In random base 62 more than half of all adjacent
  characters form a boundary, in names one in eight.
- Each pair of adjacent letters, in a fragment of at least four letters, adds or subtracts bits by its frequency in
  words compared with random letters (`_PAIRS`). A pair in a shorter fragment subtracts a little.

A run is random if its evidence exceeds `_THRESHOLD`; a word is random if enough of its characters are in random runs.
(Naive Bayes over letter bigrams, as in gibberish detectors. The bits were counted over 110,000 words, names and places
of 40 languages in Latin script, without accents.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise, product
from string import ascii_lowercase
from typing import Final

from collector.model.lazy_pattern import lazy_pattern
from collector.redaction.detect.known_safe import is_known_safe, known_safe_spans
from collector.redaction.detect.masks import Substitute
from collector.redaction.detect.reasons import HIGH_ENTROPY

UUID: Final = lazy_pattern(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
"""A UUID (RFC 9562), in either case."""
_CANDIDATE: Final = lazy_pattern(r"[A-Za-z0-9+_~-]{20,}={0,2}")
_WHOLE_BASE64: Final = lazy_pattern(r"[A-Za-z0-9+/]{20,}={0,2}")
_REST_OF_HOST: Final = lazy_pattern(r"(?:\.[a-z0-9-]{1,63}){0,8}\.[a-z]{2,24}(?![\w-])")
_MIN_LENGTH: Final = 20
_MIN_RANDOM: Final = 16  # characters in random runs that suffice alone
_MIN_RANDOM_HALF: Final = 12  # … that suffice if they are half of the word: a name may end in a short hash
_RUN: Final = lazy_pattern(r"[A-Za-z0-9]+")
_WORDS_WITH_PLUS: Final = lazy_pattern(r"[A-Za-z]{2,}(?:\+[A-Za-z]{2,})+")  # spaces in a URL
_FRAGMENT: Final = lazy_pattern(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[A-Z]|[0-9]+")
_SAFE_PART: Final = lazy_pattern(
    rf"(?<![0-9A-Za-z])(?:(?:19|20)[0-9]{{6}}[Tt][0-9]{{4,9}}[Zz]?|{UUID.pattern})(?![0-9A-Za-z])"
)

_CONTEXT: Final = 60  # characters
_CREDENTIAL: Final = (
    r"(?:key|token|secret|pass(?:word|phrase|code|wd)?|pwd|credential|bearer|authorization|signature|cookie)s?"
)
_CREDENTIAL_BEFORE: Final = lazy_pattern(rf"{_CREDENTIAL}\b[^.;,\n]{{0,30}}\Z", re.IGNORECASE)
_CREDENTIAL_AFTER: Final = lazy_pattern(
    rf"[\"'`)\]]*\s(?:is|was|as|as an?|for)\s[^.;,\n]{{0,20}}{_CREDENTIAL}\b", re.IGNORECASE
)

_BOUNDARY: Final = 2.0
_THRESHOLD: Final = 3.0  # acronyms such as `jwks` are slightly above 0
_SHORT: Final = 4  # letters; pairs in shorter fragments are weak evidence
_SHORT_PAIR: Final = -0.6
# One row per first letter, a to z; one digit per second letter, a to z: bits plus 4.
_BITS: Final = (
    "23441243423546230655441023631160036314026006305000306040600660430260031340001361037013611323600531521033"
    "32443232423546220755331223610165026105116006345000106101603460051550054250102071016000610425600423411030"
    "52535242134546521455230013702370004042246001425000017010600250341260043451104062246221622532610133420031"
    "74206001600242640121501020624562526231045001553100322344224232354633065445301360106203501501640633400010"
    "51111001300111300221730001633461416133346103444200225251610350533254015642102360007004601212600534421021"
    "44444342413546230655122113703070006013035003302000307010600370120350034020004061425213611322461226322431"
    "6354503232453553046433202273236011603224510223422045"
)
_PAIRS: Final = {
    "".join(pair): 4 - int(bits) for pair, bits in zip(product(ascii_lowercase, repeat=2), _BITS, strict=True)
}


def mask_random(text: str, substitute: Substitute, *, is_prose: bool = False) -> str:
    """`text` with its random-looking words masked, except known-safe ones and parts of host names.

    In prose only words next to a word for a credential are masked: errors are full of ids.
    """
    if _WHOLE_BASE64.fullmatch(text) and "/" in text and looks_random(text.replace("/", "+")):
        return text if is_known_safe(text) else substitute(text, HIGH_ENTROPY)
    parts, done = list[str](), 0
    for start, end in random_spans(text):
        if is_prose and not _is_next_to_a_credential_word(text, start, end):
            continue
        parts += text[done:start], substitute(text[start:end], HIGH_ENTROPY)
        done = end
    return "".join(parts) + text[done:]


def random_spans(text: str) -> Iterator[tuple[int, int]]:
    """The spans of the random-looking words of a text, except known-safe ones."""
    safe: list[tuple[int, int]] | None = None
    for found in _CANDIDATE.finditer(text):
        if not looks_random(found[0]) or (found[0].islower() and _REST_OF_HOST.match(text, found.end())):
            continue
        if safe is None:
            safe = known_safe_spans(text)
        start, end = found.span()
        if not any(first <= start and end <= last for first, last in safe):
            yield start, end


def _is_next_to_a_credential_word(text: str, start: int, end: int) -> bool:
    before, after = text[max(0, start - _CONTEXT) : start], text[end : end + _CONTEXT]
    return _CREDENTIAL_BEFORE.search(before) is not None or _CREDENTIAL_AFTER.match(after) is not None


def looks_random(text: str) -> bool:
    """Does this word of at least 20 characters look random, and not like a name, a number or a UUID?"""
    if len(text) < _MIN_LENGTH or UUID.fullmatch(text):
        return False
    joined = text if _WORDS_WITH_PLUS.fullmatch(text) else text.replace("+", "")
    runs = _RUN.findall(_SAFE_PART.sub("", joined))
    random = sum(len(run) for run in runs if not is_wordlike(run))
    return random >= _MIN_RANDOM or (random >= _MIN_RANDOM_HALF and 2 * random >= sum(map(len, runs)))


def is_wordlike(run: str) -> bool:
    """Is this run of letters and digits like a name: several words, or a word and a number?"""
    fragments = _FRAGMENT.findall(run)
    evidence = _BOUNDARY * (len(fragments) - 1)
    for fragment in fragments:
        if fragment.isdigit():
            continue
        if len(fragment) < _SHORT:
            evidence += _SHORT_PAIR * (len(fragment) - 1)
        else:
            evidence += sum(_PAIRS[first + second] for first, second in pairwise(fragment.lower()))
    return evidence <= _THRESHOLD
