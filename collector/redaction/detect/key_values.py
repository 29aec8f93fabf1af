"""Values after the name of a secret, in free text: `password=…`, `"token": "…"`, `?sig=…`, `Bearer …`. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from collector.model.lazy_pattern import lazy_pattern
from collector.redaction.detect.entropy import UUID, looks_random
from collector.redaction.detect.field_names import NameSignal, name_signal
from collector.redaction.detect.known_safe import known_safe_spans
from collector.redaction.detect.masks import MASKED, PLACEHOLDER, Substitute
from collector.redaction.detect.reasons import HEADER, PAIR

# A name that contains a word for a secret; `field_names.name_signal` decides.
_NAME: Final = (
    r"[\w.-]{0,40}(?:pass(?:w(?:or)?d|phrase|code)?|pwd|secret|token|credentials?|cookie|authorization|auth"
    r"|api[-_ ]?key|key|signature|sig|jwt|bearer|dsn|sas)[\w-]{0,40}"
)
# The value: a placeholder, a quoted text, a block, a text in escaped quotes, or one word.
_VALUE: Final = (
    r"\$\{[^{}\s]{1,100}\}|\{\{[^{}]{1,100}\}\}"
    r'|[bBuUrRfFN]{0,2}"(?:[^"\\]|\\.)*"'  # a Python string prefix
    r"|[bBuUrRfFN]{0,2}'(?:[^'\\]|\\.)*'"
    r"|[|>][+-]?\d?[ \t]*(?:\n[ \t]+[^\n]*)+"  # YAML: the indented lines
    r'|\\+"(?:(?!\\+").)*'
    r"|(?:(?:Bearer|Basic|Token|Digest)\s+)?[^\s&;,\"'<>{}\[\]()\\]+"
)
_PAIR: Final = lazy_pattern(
    rf"(?<![\w.-])({_NAME})([\"'\\]{{0,6}}\s{{0,3}}(?:=>|:=|[=:])\s{{0,3}})({_VALUE})", re.IGNORECASE
)
# A text without one of these, and without another separator of names and values, contains no pair.
_TRIGGERS: Final = (
    *("pass", "pwd", "secret", "token", "credential", "cookie", "auth", "key", "sig", "jwt", "bearer", "basic", "dsn"),
    *("sas", "identified", "digest"),
)
_TRIGGERS_ALONE: Final = ("pass", "pwd", "token", "bearer", "basic", "digest", "identified", "secret")
_DSN_PAIR: Final = lazy_pattern(
    r"((?:\A|;)\s*(?:password|pwd|accountkey|sharedaccesskey)\s*=\s*)(\{(?:[^}]|\}\})*+(?:\}|\Z)|[^;'\"]+)",
    re.IGNORECASE,
)
_SQL: Final = lazy_pattern(r"((?:identified\s+by|password)\s{1,3})('(?:[^']|'')+'|\"(?:[^\"]|\"\")+\")", re.IGNORECASE)
_ELEMENT: Final = lazy_pattern(
    rf"(<({_NAME})(?:\s[^<>]{{0,200}})?>)(<!\[CDATA\[[^<>]*\]\]>|[^<>]+)(?=</)", re.IGNORECASE
)
_CREDENTIALS: Final = lazy_pattern(r"\b(Bearer|Basic|Digest|Token)(\s{1,3})([\w.~+/=-]{6,})", re.IGNORECASE)
# Names of URL parameters are shorter than names of fields: `key`, `code`, `sig`.
_PARAMETER: Final = lazy_pattern(
    r"([?&#;](?:[\w.\[\]%-]{0,40}(?:token|secret|pass(?:word|wd)?|pwd|sig(?:nature)?|credential|api[-_]?key|auth|jwt)"
    r"|(?:access|subscription|functions?|app|client|private|shared|license|account)[-_]?key|key|code|sas|hmac|hash)(?:\]|%5D)?=)"
    r"([^&#\s\"'<>]+)",
    re.IGNORECASE,
)
_NOT_SECRET: Final = lazy_pattern(
    r"(?:true|false|null|none|nil|undefined|yes|no|on|off|required|optional|\d{1,4})\Z", re.I
)
_DONE: Final = lazy_pattern(MASKED.pattern + r"(?![\w-])")
_PARTS_OF_A_SIGNATURE: Final = ("sv=", "sr=", "st=", "se=")  # Azure: the signature is the `sig=` among them
# A query compares columns with values, unlike statements that create users or copy with credentials.
_QUERY: Final = lazy_pattern(
    r"\s*(?:(?:--[^\n]*\n|/\*.*?\*/)\s*)*\(?\s*(?:select|with|explain)\s(?=.*\bfrom\b)(?!.*\bcredentials\b)",
    re.IGNORECASE | re.DOTALL,
)
_QUOTE: Final = lazy_pattern(r"[bBuUrRfFN]{0,2}\\*[\"']")
_CONSTANT: Final = lazy_pattern(r"[A-Z]{2,}(?:_[A-Z]{2,})+")  # `INVALID_HEADER_TYPE`, `YOUR_SECRET_KEY`
_NAME_OF_A_SECRET: Final = lazy_pattern(
    r"[A-Za-z]+[-_](?:[A-Za-z]+[-_])*(?:password|secret|token|key|credentials)s?", re.I
)
# Terraform, GitHub Actions, Node: a reference to a value; SQL: a keyword.
_REFERENCE: Final = lazy_pattern(
    r"(?:var|local|module|data|secrets|env|vars|process\.env)\.[A-Za-z_][\w.]*|DEFAULT|NULL"
)
_VERSION: Final = lazy_pattern(r"\d+(?:\.\d+)+[\w.:-]*")
_LETTERS_AND_UNDERSCORES: Final = lazy_pattern(r"[A-Za-z_.]+")
_LETTERS: Final = lazy_pattern(r"[A-Za-z]?[a-z]+|[A-Z]+")


def mask_pairs(text: str, substitute: Substitute) -> str:
    """`text` with the values after names of secrets masked."""
    if ";" in text and "=" in text:
        text = _DSN_PAIR.sub(lambda found: found[1] + substitute(found[2], PAIR), text)
    if "=" in text:
        text = _PARAMETER.sub(lambda found: found[1] + _unless_plain(found[2], substitute), text)
    words_to_look_for = _TRIGGERS if "=" in text or ":" in text else _TRIGGERS_ALONE
    lowered = text.lower()
    if any([word in lowered for word in words_to_look_for]):  # noqa: C419  # faster than a generator for so few words
        is_query = _QUERY.match(text) is not None
        text = _PAIR.sub(lambda found: _pair(found, substitute, is_query=is_query), text)
        text = _ELEMENT.sub(lambda found: found[1] + substitute(found[3], PAIR), text)
        text = _SQL.sub(lambda found: found[1] + found[2][0] + substitute(found[2][1:-1], PAIR) + found[2][0], text)
        text = _CREDENTIALS.sub(lambda found: _credentials(found, substitute), text)
    return text


def _pair(found: re.Match[str], substitute: Substitute, *, is_query: bool) -> str:
    name, between, value = found[1], found[2], found[3]
    verdict = name_signal(name)
    if verdict not in {NameSignal.LISTED, NameSignal.WORDED}:
        return found[0]
    quote = _QUOTE.match(value)
    opening = quote[0] if quote else ""
    closing = opening.lstrip("bBuUrRfFN")
    closing = closing if closing and value.endswith(closing) and len(value) > len(opening) else ""
    bare = value[len(opening) : len(value) - len(closing)]
    if not bare or (not opening and _is_prose(found, bare, between)):
        return found[0]
    if name == "key" and _NAME_OF_A_SECRET.fullmatch(bare):  # a call with the name of a secret
        return found[0]
    if (is_query and not looks_random(bare)) or (between.strip() == ":" and _is_part_of_a_name(found)):
        return found[0]
    return f"{name}{between}{opening}{_unless_plain(bare, substitute)}{closing}"


def _is_part_of_a_name(found: re.Match[str]) -> bool:
    """Is the colon inside a resource's name, as in `arn:…:secret:prod/db` and `{{resolve:…:password}}`?"""
    if _VERSION.fullmatch(found[3]) and "-" in found[1]:  # Maven: `group:token-exchange:2.14.0`
        return True
    if "{{resolve:" in found.string[: found.start()] or _NAME_OF_A_SECRET.fullmatch(found[3]) or found[3].endswith(":"):
        return True
    if any(start <= found.start(3) and found.end(3) <= end for start, end in known_safe_spans(found.string)):
        return True
    is_reference = found[1].endswith("s") and _LETTERS_AND_UNDERSCORES.fullmatch(found[3]) is not None
    return is_reference or UUID.fullmatch(found[3]) is not None


def _is_prose(found: re.Match[str], value: str, between: str) -> bool:
    """Does a sentence continue after the colon, as in `invalid token: please reconnect`?"""
    rest = found.string[found.end() : found.end() + 2]
    is_word = _LETTERS.fullmatch(value.rstrip(".!?")) is not None or _CONSTANT.fullmatch(value) is not None
    return "=" not in between and is_word and rest[:1] in {" ", ",", ""}


def _unless_plain(value: str, substitute: Substitute) -> str:
    if (
        _NOT_SECRET.match(value)
        or PLACEHOLDER.fullmatch(value)
        or _DONE.match(value)
        or value.startswith(_PARTS_OF_A_SIGNATURE)
        or _CONSTANT.fullmatch(value.rpartition(" ")[2])
        or _REFERENCE.fullmatch(value)
    ):
        return value
    return substitute(value, PAIR)


def _credentials(found: re.Match[str], substitute: Substitute) -> str:
    scheme, credential = found[1].lower(), found[3]
    if scheme == "basic" and not _is_basic(credential):
        return found[0]
    if (
        _LETTERS.fullmatch(credential.rstrip("."))
        or _CONSTANT.fullmatch(credential)
        or credential.startswith(("realm=", "error="))
    ):  # a sentence continues
        return found[0]
    return found[1] + found[2] + substitute(credential, HEADER)


def _is_basic(credential: str) -> bool:
    try:
        return b":" in base64.b64decode(credential + "=" * (-len(credential) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
