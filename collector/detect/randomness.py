"""What looks drawn by lot, as keys are, and unlike the names and numbers people make up. Pure."""

from __future__ import annotations

import re
from typing import Final

from collector.detect.masks import Put
from collector.detect.reasons import HIGH_ENTROPY

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_CANDIDATE: Final = re.compile(r"[A-Za-z0-9+_~-]{20,}={0,2}")
_WHOLE_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{20,}={0,2}")
_REST_OF_HOST: Final = re.compile(r"(?:\.[a-z0-9-]{1,63}){0,8}\.[a-z]{2,24}(?![\w-])")
_SHORTEST_RANDOM: Final = 20
_FEWEST_ODD: Final = 8  # characters: a name may end in a few that were drawn by lot
_PIECE: Final = re.compile(r"[A-Za-z0-9]+")
_FRAGMENT: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[A-Z]|[0-9]+")
_HEX: Final = re.compile(r"(?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{16,}")
_SHORTEST_WORD: Final = 3
_SHORTEST_ON_AVERAGE: Final = 3  # letters of words in a row; drawn by lot, those of one case are about two
_UNSPEAKABLE: Final = re.compile(r"[^aeiouy]{5}|[jqxzvkw]{2}|q[^u]|[^aeioulnrstdmpchkg]{3}|^[^aeiouy]{4,}$|[aeiou]{4}")
_TECHNICAL: Final = re.compile(
    r"sql|https?|html?|xml|csv|json|jdbc|dbt|gcp|aws|s?ftp|ssh|tls|ssl|vpc|kms|crm|rds|prd|stg|xl+"
)


def mask_random(text: str, put: Put) -> str:
    """`text` without the words in it that look drawn by lot, but for those that are a part of a host's name."""
    if _WHOLE_BASE64.fullmatch(text) and "/" in text and looks_random(text.replace("/", "+")):
        return put(text, HIGH_ENTROPY)

    def masked(found: re.Match[str]) -> str:
        is_plain = not looks_random(found[0]) or (found[0].islower() and _REST_OF_HOST.match(text, found.end()))
        return found[0] if is_plain else put(found[0], HIGH_ENTROPY)

    return _CANDIDATE.sub(masked, text)


def looks_random(text: str) -> bool:
    """Is this word of 20 characters or more drawn by lot, as keys are, and no name, number or UUID?"""
    if len(text) < _SHORTEST_RANDOM or _UUID.fullmatch(text):
        return False
    return sum(len(piece) for piece in _PIECE.findall(text) if not is_wordlike(piece)) >= _FEWEST_ODD


def is_wordlike(piece: str) -> bool:
    """Could people have made up this run of letters and digits: words in a row, or a word and a number?"""
    fragments = _FRAGMENT.findall(piece)
    words = [fragment for fragment in fragments if not fragment.isdigit()]
    numbers = len(fragments) - len(words)
    if numbers > 2 or sum(map(str.isdigit, fragments[1:-1])) > 1 or _HEX.fullmatch(piece):
        return False
    stumps = sum(len(word) < _SHORTEST_WORD for word in words)
    if len(fragments) > 2 and (stumps > 1 or sum(map(len, words)) < _SHORTEST_ON_AVERAGE * len(words)):
        return False
    return not any(_UNSPEAKABLE.search(_TECHNICAL.sub("a", word.lower())) for word in words)
