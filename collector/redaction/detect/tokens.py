"""Detect tokens by their issuer's published form, anywhere in a text. Pure. (`issuers` has the table and its sources.)

How a token is found:

1. A trie of all beginnings, compiled to one regular expression, finds candidate positions at the start of a word.
2. The beginning selects the forms to try there; the longest match is the token.
3. Forms without a fixed beginning are tried only inside long runs of token characters.

This design was measured (bench/redaction.py) against the previous one, a dictionary keyed by a word's first two
characters, with 40 issuers. With 282 issuers it takes less than half the time for names, SQL and error texts, and the
same time for host names and URLs. The regular expression rejects most words at their first letters, without running
Python code.

Time is linear in the length of the text. Only the last repetition of a form may be unbounded; a test checks this. So a
failed match costs at most the length of the form. Two kinds of failure could rescan an unlimited run: a JSON web token
without its dots and a match that does not look random. Both are remembered until the end of that run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final, NamedTuple

from collector.model.lazy_pattern import lazy_pattern
from collector.redaction.detect import reasons
from collector.redaction.detect.entropy import UUID, is_wordlike, looks_random
from collector.redaction.detect.issuers import Form, Run, issuers
from collector.redaction.detect.known_safe import PUBLIC_PEM
from collector.redaction.detect.masks import Substitute

_PUTTY: Final = lazy_pattern(r"PuTTY-User-Key-File-\d:.*?(?:Private-MAC: ?[0-9a-f]+|\Z)", re.DOTALL)
_PEM: Final = lazy_pattern(r"-----BEGIN [^-\n]{1,60}-----.*?(?:-----END [^-\n]{1,60}-----|\Z)", re.DOTALL)
_ANY_UUID: Final = "(?:-[0-9a-fA-F]{4}){3}"  # in the pattern of a form that has one
_JWT_BEGINNING: Final = "eyJ"
_JWT: Final = lazy_pattern(r"eyJ[\w-]{6,}(?:\.[\w-]*){2,4}")  # RFC 7519, also JWE
_JWT_RUN: Final = lazy_pattern(r"[\w-]*")
_RUN: Final = lazy_pattern(r"[A-Za-z0-9]+")
_FEWEST_RANDOM: Final = 8
"""Characters in random runs; fewer than `looks_random` demands, since the beginning is evidence too."""
_INDEXED_LENGTH: Final = 8
"""The trie holds at most this many characters of a beginning."""
_LONG_RUN: Final = lazy_pattern(r"[A-Za-z0-9_.+/~:=!|-]{30,}")
"""Every token without a fixed beginning lies inside such a run."""
_DENSE_RUN: Final = lazy_pattern(r"[A-Za-z0-9_+~=-]{16}|[A-Za-z0-9+/]{40}")
"""Part of every token without a fixed beginning; most URLs and host names lack one."""
# AWS publishes no form for a secret access key but its length. After `/` or `.` it is part of a path or a host name.
_AWS_KEY: Final = (
    r"(?<![\w./+-])(?=[a-z0-9/+]{0,39}[A-Z])(?=[A-Z0-9/+]{0,39}[a-z])(?=[A-Za-z/+]{0,39}[0-9])"
    r"[A-Za-z0-9/+]{40}(?![\w/+=-])"
)
_BEHIND_ESCAPE: Final = r"(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2})"


class _Candidate(NamedTuple):
    """A compiled form."""

    rule: str
    pattern: re.Pattern[str]
    beginnings: tuple[str, ...]
    """The beginnings of a form whose rest must look random; otherwise empty."""

    def is_name(self, token: str) -> bool:
        """Is this text, which matches the token's form, made of words?"""
        if not self.beginnings:
            return False
        body = token[max(len(beginning) for beginning in self.beginnings if token.startswith(beginning)) :]
        return sum(len(run) for run in _RUN.findall(body) if not is_wordlike(run)) < _FEWEST_RANDOM


class _Candidates(NamedTuple):
    """The forms to try after one beginning. `shortest` matches where one of them may match, in bounded time."""

    shortest: re.Pattern[str]
    each: tuple[_Candidate, ...]


def mask_pem(text: str, substitute: Substitute) -> str:
    """`text` with its private blocks (RFC 7468, PuTTY) masked, complete or truncated. Public keys stay."""
    text = _PUTTY.sub(lambda found: substitute(found[0], reasons.PEM), text)
    return _PEM.sub(lambda found: found[0] if PUBLIC_PEM.match(found[0]) else substitute(found[0], reasons.PEM), text)


def mask_tokens(text: str, substitute: Substitute) -> str:
    """`text` with its tokens masked."""
    is_escaped = "%" in text or "\\" in text
    beginning = _beginning(is_escaped)
    if candidate := beginning.search(text):
        text = _mask_with_beginning(text, candidate, beginning, substitute)
    if _LONG_RUN.search(text):
        text = _mask_unanchored(text, _unanchored(is_escaped), substitute)
    return text


def _mask_with_beginning(
    text: str, candidate: re.Match[str] | None, beginning: re.Pattern[str], substitute: Substitute
) -> str:
    """Mask the tokens that have a fixed beginning; `candidate` is the first match of `beginning`."""
    done, parts = 0, list[str]()
    not_a_token_until = dict[re.Pattern[str], int]()
    while candidate:
        at = candidate.start()
        end, rule = _longest(text, at, candidate[0], not_a_token_until)
        if end:
            parts += text[done:at], substitute(text[at:end], rule)
            done = end
        candidate = beginning.search(text, end or at + 1)
    return "".join(parts) + text[done:]


def _is_built_on_an_id(token: re.Match[str]) -> bool:
    """Does it contain a UUID that its form does not require, as a file name may?"""
    return "-" in token[0] and _ANY_UUID not in token.re.pattern and UUID.search(token[0]) is not None


def _longest(text: str, at: int, beginning: str, not_a_token_until: dict[re.Pattern[str], int]) -> tuple[int, str]:
    """The end of the longest token at this position and its rule; 0 if there is none."""
    end, rule = 0, ""
    if beginning == _JWT_BEGINNING and at >= not_a_token_until.get(_JWT, 0):
        if token := _JWT.match(text, at):
            end, rule = token.end(), reasons.JWT
        elif run := _JWT_RUN.match(text, at):
            not_a_token_until[_JWT] = run.end()
    candidates = _candidates(beginning)
    if not candidates.shortest.match(text, at):
        return end, rule
    for candidate in candidates.each:
        if at < not_a_token_until.get(candidate.pattern, 0):
            continue
        token = candidate.pattern.match(text, at)
        if token is None or token.end() <= end or _is_built_on_an_id(token):
            continue
        if candidate.is_name(token[0]):
            not_a_token_until[candidate.pattern] = token.end()
        else:
            end, rule = token.end(), candidate.rule
    return end, rule


def _mask_unanchored(text: str, unanchored: re.Pattern[str], substitute: Substitute) -> str:
    """Mask the tokens without a fixed beginning."""
    rules = _unanchored_rules()
    done, parts = 0, list[str]()
    for run in _LONG_RUN.finditer(text):
        for token in unanchored.finditer(text, *run.span()) if _DENSE_RUN.search(text, *run.span()) else ():
            group = token.lastindex or 1
            if group < len(rules) or looks_random(token[0]):  # the last group is AWS's
                parts += text[done : token.start()], substitute(token[0], rules[group - 1])
                done = token.end()
    return "".join(parts) + text[done:]


# Each pattern is compiled when a text first needs it: a short run pays for few of them.
@cache
def _beginning(is_escaped: bool) -> re.Pattern[str]:
    """The trie of all beginnings; for an escaped text also after `\\n` and `%3D`."""
    return re.compile((rf"(?:\b|{_BEHIND_ESCAPE})" if is_escaped else r"\b") + _trie(_forms_by_beginning()))


@cache
def _unanchored(is_escaped: bool) -> re.Pattern[str]:
    """One group for each form without a fixed beginning; the last is AWS's."""
    groups = "|".join(f"({pattern})" for pattern in (*(form.pattern() for form in _unanchored_forms()), _AWS_KEY))
    return re.compile((rf"(?:(?<!\w)|{_BEHIND_ESCAPE})" if is_escaped else r"(?<!\w)") + f"(?:{groups})")


@cache
def _unanchored_rules() -> tuple[str, ...]:
    """The rule of each group of `_unanchored`."""
    return (*(reasons.token(form.issuer) for form in _unanchored_forms()), reasons.token("aws"))


@cache
def _unanchored_forms() -> tuple[Form, ...]:
    return tuple(form for issuer in issuers() for form in issuer.forms if "" in form.beginnings())


@cache
def _forms_by_beginning() -> dict[str, list[Form]]:
    """The first characters of a beginning → the forms indexed under them."""
    found: dict[str, list[Form]] = {_JWT_BEGINNING: []}
    for issuer in issuers():
        for form in issuer.forms:
            for beginning in filter(None, form.beginnings()):
                found.setdefault(beginning[:_INDEXED_LENGTH], []).append(form)
    return found


def _forms_behind(beginning: str) -> Iterator[Form]:
    """The forms indexed under this text or under a prefix of it."""
    for length in range(len(beginning), 0, -1):
        yield from _forms_by_beginning().get(beginning[:length], ())


@cache
def _candidates(beginning: str) -> _Candidates:
    """The compiled forms for a beginning, most specific first; compiled on first use."""
    forms = sorted(_forms_behind(beginning), key=_generality)
    return _Candidates(
        re.compile("|".join(form.shortest_pattern() for form in forms) or "(?!)"),
        tuple(map(_candidate, forms)),
    )


def _candidate(form: Form) -> _Candidate:
    beginnings = tuple(form.beginnings()) if form.must_look_random else ()
    return _Candidate(reasons.token(form.issuer), re.compile(form.pattern()), beginnings)


def _generality(form: Form) -> tuple[int, bool, bool]:
    """Sorts specific forms before general ones: of two that match the same text, the first wins."""
    last = form.parts[-1]
    return -min(map(len, form.beginnings())), form.must_look_random, isinstance(last, Run) and last.most is None


def _trie(texts: Iterable[str]) -> str:
    """A regular expression for the longest of these texts, factored by common prefixes."""
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
