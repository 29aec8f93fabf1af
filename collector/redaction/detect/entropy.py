"""Tells random-looking words, as keys are, from the names and numbers that people make up. Pure.

Theory of operation. A word is cut into its runs of letters and digits, and a run into fragments at changes of case and
between letters and digits: `GoogleAnalytics4Export` has four. Each run collects evidence in bits:

- each boundary between two fragments speaks for chance (`_BOUNDARY`): in random base 62 more than half of all
  neighbours are one, in names one in eight;
- each pair of neighbouring letters in a fragment of four letters or more speaks for or against, by how much likelier
  it is in words than in random letters (`_PAIRS`); a pair in a shorter fragment speaks a little against.

A run is random when its evidence exceeds `_ENOUGH`, a word when enough of its characters are in random runs. (The idea
is naive Bayes over letter bigrams, as gibberish detectors use; the bits were counted over 110,000 words, names and
places of 40 languages written in Latin letters, without their accents.)
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise, product
from string import ascii_lowercase
from typing import Final

from collector.model.lazy_pattern import lazy_pattern
from collector.redaction.detect.masks import Substitute
from collector.redaction.detect.plain_kinds import is_of_a_kind, plain_spans
from collector.redaction.detect.reasons import HIGH_ENTROPY

UUID: Final = lazy_pattern(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
"""A UUID (RFC 9562), in either case."""
_CANDIDATE: Final = lazy_pattern(r"[A-Za-z0-9+_~-]{20,}={0,2}")
_WHOLE_BASE64: Final = lazy_pattern(r"[A-Za-z0-9+/]{20,}={0,2}")
_REST_OF_HOST: Final = lazy_pattern(r"(?:\.[a-z0-9-]{1,63}){0,8}\.[a-z]{2,24}(?![\w-])")
_SHORTEST_RANDOM: Final = 20
_MANY_RANDOM: Final = 16  # characters in random runs that need no further evidence
_SOME_RANDOM: Final = 12  # … that are random when they are half of the word: a name may end in a short hash
_RUN: Final = lazy_pattern(r"[A-Za-z0-9]+")
_WORDS_WITH_PLUS: Final = lazy_pattern(r"[A-Za-z]{2,}(?:\+[A-Za-z]{2,})+")  # blanks in a URL
_FRAGMENT: Final = lazy_pattern(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[A-Z]|[0-9]+")
_PLAIN_PART: Final = lazy_pattern(
    rf"(?<![0-9A-Za-z])(?:(?:19|20)[0-9]{{6}}[Tt][0-9]{{4,9}}[Zz]?|{UUID.pattern})(?![0-9A-Za-z])"
)

_BESIDE: Final = 60  # characters
_CREDENTIAL: Final = (
    r"(?:key|token|secret|pass(?:word|phrase|code|wd)?|pwd|credential|bearer|authorization|signature|cookie)s?"
)
_CREDENTIAL_BEFORE: Final = lazy_pattern(rf"{_CREDENTIAL}\b[^.;,\n]{{0,30}}\Z", re.IGNORECASE)
_CREDENTIAL_AFTER: Final = lazy_pattern(
    rf"[\"'`)\]]*\s(?:is|was|as|as an?|for)\s[^.;,\n]{{0,20}}{_CREDENTIAL}\b", re.IGNORECASE
)

_BOUNDARY: Final = 2.0
_ENOUGH: Final = 3.0  # acronyms (`jwks`) are a little above 0
_SHORT: Final = 4  # letters; of shorter fragments pairs say little
_SHORT_PAIR: Final = -0.6
# Row by row for the letters a to z: bits for the letter behind it, from a to z, plus 4.
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
    """`text` without its random-looking words, but for those that are of a plain kind or a part of a host's name.

    In prose only those beside a word for a credential go: errors are full of ids.
    """
    if _WHOLE_BASE64.fullmatch(text) and "/" in text and looks_random(text.replace("/", "+")):
        return text if is_of_a_kind(text) else substitute(text, HIGH_ENTROPY)
    parts, done = list[str](), 0
    for start, end in random_spans(text):
        if is_prose and not _is_called_a_credential(text, start, end):
            continue
        parts += text[done:start], substitute(text[start:end], HIGH_ENTROPY)
        done = end
    return "".join(parts) + text[done:]


def random_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where the random-looking words of a text are, but for plain ones."""
    plain: list[tuple[int, int]] | None = None
    for found in _CANDIDATE.finditer(text):
        if not looks_random(found[0]) or (found[0].islower() and _REST_OF_HOST.match(text, found.end())):
            continue
        if plain is None:
            plain = plain_spans(text)
        start, end = found.span()
        if not any(first <= start and end <= last for first, last in plain):
            yield start, end


def _is_called_a_credential(text: str, start: int, end: int) -> bool:
    before, after = text[max(0, start - _BESIDE) : start], text[end : end + _BESIDE]
    return _CREDENTIAL_BEFORE.search(before) is not None or _CREDENTIAL_AFTER.match(after) is not None


def looks_random(text: str) -> bool:
    """Is this word of 20 characters or more random-looking, as keys are, and not a name, a number or a UUID?"""
    if len(text) < _SHORTEST_RANDOM or UUID.fullmatch(text):
        return False
    joined = text if _WORDS_WITH_PLUS.fullmatch(text) else text.replace("+", "")
    runs = _RUN.findall(_PLAIN_PART.sub("", joined))
    random = sum(len(run) for run in runs if not is_wordlike(run))
    return random >= _MANY_RANDOM or (random >= _SOME_RANDOM and 2 * random >= sum(map(len, runs)))


def is_wordlike(run: str) -> bool:
    """Could people have made up this run of letters and digits: words in a row, or a word and a number?"""
    fragments = _FRAGMENT.findall(run)
    evidence = _BOUNDARY * (len(fragments) - 1)
    for fragment in fragments:
        if fragment.isdigit():
            continue
        if len(fragment) < _SHORT:
            evidence += _SHORT_PAIR * (len(fragment) - 1)
        else:
            evidence += sum(_PAIRS[first + second] for first, second in pairwise(fragment.lower()))
    return evidence <= _ENOUGH
