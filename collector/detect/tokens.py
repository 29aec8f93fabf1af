"""Tokens that say by their form who issued them. Pure. (The table of issuers and its sources: `issuers`.)

One search finds the places to look at: a trie of all beginnings as one regular expression, at the start of a word.
What begins there decides which forms are tried, and the longest that fits is the token. Forms that begin with anything
are tried only inside of runs long enough and dense enough for them. Chosen by measuring (bench/redaction.py): with 284
issuers it takes less than half of what a dictionary by the first two characters of each word took with 40, in names,
SQL and errors, and as much in hosts and URLs. The regular expression leaves a word at its first letter that begins
nothing, without a step of Python.

A form has one run without a limit at most, and it is the last: so a place that fails costs no more than its form is
long, and time grows with the length of the text alone. Two things are remembered for the same reason: where a run
without a JSON web token ends, and where one ends that does not look random.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Final, NamedTuple

from collector.detect.issuers import Form, issuers
from collector.detect.masks import Put
from collector.detect.randomness import looks_random

_PEM: Final = re.compile(r"-----BEGIN [^-\n]{1,60}-----.*?(?:-----END [^-\n]{1,60}-----|\Z)", re.DOTALL)
_JWT_START: Final = "eyJ"
_JWT: Final = re.compile(r"eyJ[\w-]{6,}(?:\.[\w-]*){2,4}")  # RFC 7519, also JWE
_RUN: Final = re.compile(r"[\w-]*")
_LONGEST_BEGINNING: Final = 8  # characters of it that are searched for
_LONG: Final = re.compile(r"[A-Za-z0-9_.+/~:=!|-]{30,}")  # what every token is part of that begins with anything
_DENSE: Final = re.compile(r"[A-Za-z0-9_+~=-]{16}|[A-Za-z0-9+/]{40}")  # which each of them has, and few URLs and hosts
# AWS's secrets have no form but their length.
_LOT: Final = (
    r"\b(?=[a-z0-9/+]{0,39}[A-Z])(?=[A-Z0-9/+]{0,39}[a-z])(?=[A-Za-z/+]{0,39}[0-9])[A-Za-z0-9/+]{40}(?![\w/+=-])"
)
_LOT_RULE: Final = "token:aws-secret"
_ESCAPED: Final = r"(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2})"


class _Shape(NamedTuple):
    """A form, ready to be looked for."""

    rule: str
    pattern: re.Pattern[str]
    must_look_random: bool


class _Matcher(NamedTuple):
    """What is compiled from the table; `escaped_…` also match behind `\\n` and `%3D`, as in quoted or encoded texts."""

    start: re.Pattern[str]
    escaped_start: re.Pattern[str]
    by_start: dict[str, tuple[Form, ...]]
    inner: re.Pattern[str]
    """The forms that begin with anything, each in a group."""
    escaped_inner: re.Pattern[str]
    inner_rules: tuple[str, ...]


def mask_pem(text: str, put: Put) -> str:
    """`text` without its PEM blocks (RFC 7468), whole or cut short."""
    return _PEM.sub(lambda found: put(found[0]), text)


def mask_tokens(text: str, put: Put) -> str:
    """`text` without the tokens in it."""
    matcher = _matcher()
    start = matcher.escaped_start if "%" in text or "\\" in text else matcher.start
    if found := start.search(text):
        text = _mask_from(text, found, start, put)
    if _LONG.search(text):
        text = _mask_inside(text, matcher.escaped_inner if start is matcher.escaped_start else matcher.inner, put)
    return text


def _mask_from(text: str, found: re.Match[str] | None, start: re.Pattern[str], put: Put) -> str:
    done, parts = 0, list[str]()
    no_jwt, dull = 0, dict[re.Pattern[str], int]()
    while found:
        at, end = found.start(), 0
        if found[0] == _JWT_START and at >= no_jwt:
            if token := _JWT.match(text, at):
                end = token.end()
            else:  # nor is there one that begins later in the same run
                no_jwt = _run_end(text, at)
        least, shapes = _shapes(found[0])
        for shape in shapes if least.match(text, at) else ():
            if at < dull.get(shape.pattern, 0):
                continue
            token = shape.pattern.match(text, at)
            if token is None or token.end() <= end:
                continue
            if shape.must_look_random and not looks_random(token[0]):
                dull[shape.pattern] = token.end()  # then no later part of it does
            else:
                end = token.end()
        if end:
            parts += text[done:at], put(text[at:end])
            done = end
        found = start.search(text, end or at + 1)
    return "".join(parts) + text[done:]


def _mask_inside(text: str, inner: re.Pattern[str], put: Put) -> str:
    done, parts = 0, list[str]()
    for run in _LONG.finditer(text):
        for token in inner.finditer(text, *run.span()) if _DENSE.search(text, *run.span()) else ():
            rule = _matcher().inner_rules[(token.lastindex or 1) - 1]
            if rule is not _LOT_RULE or looks_random(token[0]):
                parts += text[done : token.start()], put(token[0])
                done = token.end()
    return "".join(parts) + text[done:]


def _run_end(text: str, at: int) -> int:
    run = _RUN.match(text, at)
    return run.end() if run else at


@cache
def _matcher() -> _Matcher:
    forms = [form for issuer in issuers() for form in issuer.forms]
    by_start: dict[str, list[Form]] = {_JWT_START: []}
    for form in forms:
        for beginning in filter(None, form.beginnings()):
            by_start.setdefault(beginning[:_LONGEST_BEGINNING], []).append(form)
    inner = [form for form in forms if "" in form.beginnings()]
    patterns = "|".join(f"({pattern})" for pattern in (*(form.pattern() for form in inner), _LOT))
    starts = _trie(by_start)
    return _Matcher(
        re.compile(rf"\b{starts}"),
        re.compile(rf"(?:\b|{_ESCAPED}){starts}"),
        {start: tuple(_of_any_length(start, by_start)) for start in by_start},
        re.compile(rf"(?<!\w)(?:{patterns})"),
        re.compile(rf"(?:(?<!\w)|{_ESCAPED})(?:{patterns})"),
        (*(f"token:{form.issuer}" for form in inner), _LOT_RULE),
    )


def _of_any_length(start: str, by_start: Mapping[str, Sequence[Form]]) -> Iterator[Form]:
    """The forms whose beginning is this text or its first characters."""
    for length in range(len(start), 0, -1):
        yield from by_start.get(start[:length], ())


@cache
def _shapes(start: str) -> tuple[re.Pattern[str], tuple[_Shape, ...]]:
    """What may begin so: in short, and in full; compiled when it is first met."""
    forms = _matcher().by_start[start]
    return re.compile("|".join(form.least() for form in forms) or "(?!)"), tuple(
        _Shape(f"token:{form.issuer}", re.compile(form.pattern()), form.must_look_random) for form in forms
    )


def _trie(texts: Iterable[str]) -> str:
    """A regular expression that matches the longest of these texts that is there."""
    by_first: dict[str, list[str]] = {}
    is_end = False
    for text in texts:
        if text:
            by_first.setdefault(text[0], []).append(text[1:])
        else:
            is_end = True
    if not by_first:
        return ""
    branches = [re.escape(first) + _trie(rest) for first, rest in sorted(by_first.items())]
    return f"(?:{'|'.join(branches)}){'?' if is_end else ''}"
