"""Secrets in URLs, hosts, paths and connection strings. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from string import digits
from typing import Final

from collector.model.lazy_pattern import lazy_pattern
from collector.redaction.detect.entropy import is_wordlike, looks_random
from collector.redaction.detect.field_names import NameSignal, name_signal, words
from collector.redaction.detect.masks import PLACEHOLDER, Substitute
from collector.redaction.detect.reasons import URL_CREDENTIALS, URL_PART, WEBHOOK

_SCHEME: Final = r"[A-Za-z][A-Za-z0-9+.-]{0,30}:"
# A scheme, and the user and the password before the @.
_USER: Final = lazy_pattern(
    rf"(?<![A-Za-z0-9+.-])({_SCHEME}//)(?:[^/?#\s\"'<>]*(?=@)"  # up to the last @ before the path
    # if a password contains / ? or #, up to the first @ after it; a port is not a password
    r"|[^/?#\s\"'<>:@\[\]]*:(?!\d{1,5}(?:[/?#\s\"',;)\]]|\Z))[^\s\"'<>@]*(?:(?=@)|(?P<none>)))"
)  # without an @ the text is matched too, so that it is scanned only once
_USER_NAME: Final = lazy_pattern(r"[a-z][a-z_]{0,15}")
_USER_WITHOUT_SCHEME: Final = lazy_pattern(
    r"(?<![\w@/.])(?!(?:jdbc:)?oracle:)([\w.%+-]{1,100}:)[^\s@/\"'<>]{1,128}(?=@(?:tcp|unix|udp)?\()"  # Go: @tcp(host)
    r"|(?<![\w@/.])([\w.%+-]{1,100}:)(?!//)[^\s@/\"'<>]{1,128}(?=@[\w.-]{1,200}:\d{1,5}(?:/|\Z))"  # …@host:5432/db
    r"|(oracle:\w{1,10}:[^\s/@:]{1,100}/)[^\s@]{1,128}(?=@)"  # JDBC: oracle:thin:user/password@host
)
_URL: Final = lazy_pattern(
    rf"(?P<origin>{_SCHEME}//[^/?#\s]*|//[^/?#\s]+)?(?P<path>[^?#\s]*)(?:\?(?P<query>[^#\s]*))?(?:#(?P<fragment>\S*))?"
)
_HOST: Final = lazy_pattern(r"(?:(?:[\w-]+\.)+[\w-]+|localhost|\[[0-9a-fA-F:.]+\])(?::\d+)?(?=/|\Z)")
_QUERY: Final = lazy_pattern(r"[\w.\[\]-]+=[^&=\s]*(?:&[\w.\[\]-]+=[^&\s]*)*")
_HARMLESS: Final = (NameSignal.NONE, NameSignal.NAMING)
_SAFE_PART: Final = lazy_pattern(r"[A-Za-z]+[0-9]{0,4}|[0-9]{1,20}|v[0-9]+(?:alpha|beta)[0-9]*|")
_SAFE_VALUE: Final = lazy_pattern(
    r"[a-z]{1,12}(?:[_ +,-][a-z]{1,12}){0,5}|[A-Z][a-z]{1,12}|[A-Z]{2,12}(?:_[A-Z]{2,12}){1,4}"
    r"|[0-9]{1,6}(?:\.[0-9]{1,3}){0,3}|[0-9]{4}-[0-9]{2}-[0-9]{2}|"
)
_MIN_PART_LENGTH: Final = 6  # characters of a possible secret
_PARTS: Final = lazy_pattern(r"[-_.,:~%+ ]")
# `https://`, the host of a webhook receiver (Slack, Zapier, Discord, Teams, …), then its path.
_DSN: Final = lazy_pattern(
    r"(?:[A-Za-z][\w ]{0,40}=(?:\{[^}]*\}|[^;={}]*)(?:;\s*|\Z)){2,}|(?:[A-Za-z]\w{0,40}=[^;=\s]*(?:\s+|\Z)){2,}"
)
_DSN_PART: Final = lazy_pattern(r"([A-Za-z][\w ]{0,40})=(\{[^}]*\}|[^;=\s]*)")
_HOOK: Final = lazy_pattern(
    r"(https?://(?:hooks?\d{0,3}\.[\w.-]{1,200}|[\w.-]{0,60}webhooks?\.[\w.-]{1,200}"
    r"|(?:[\w-]{1,60}\.)?discord(?:app)?\.com/api/webhooks"
    r"|[\w-]{1,60}\.tines\.com/webhook|outlook\.office(?:365)?\.com/webhook|maker\.ifttt\.com|events\.pagerduty\.com)/)([^\s\"'<>?#]+)"
)
_HOOK_WORDS: Final = words(
    "services hooks hook catch api webhook webhooks webhookb2 triggers trigger workflows incomingwebhook with key "
    "integration enqueue v1 v2 v3 generic"
)


def mask_hooks(text: str, substitute: Substitute) -> str:
    """`text` with the paths of webhooks masked: knowing the path is enough to post."""
    return _HOOK.sub(
        lambda found: found[1] + "/".join(_hook_segment(part, substitute) for part in found[2].split("/")), text
    )


def _hook_segment(segment: str, substitute: Substitute) -> str:
    is_plain = not segment or segment.isdigit() or segment.lower() in _HOOK_WORDS or PLACEHOLDER.fullmatch(segment)
    return segment if is_plain else substitute(segment, WEBHOOK)


def mask_users(text: str, substitute: Substitute) -> str:
    """`text` with the user and password of every URL in it masked."""
    text = _USER.sub(lambda found: _user(found, substitute), text)
    return _USER_WITHOUT_SCHEME.sub(_behind_its_name(substitute), text)


def _user(found: re.Match[str], substitute: Substitute) -> str:
    scheme, user = found[1], found[0][len(found[1]) :]
    if found["none"] is not None:
        return found[0]
    is_name = _USER_NAME.fullmatch(user) and not scheme.lower().startswith("http")  # over HTTP the user may be a token
    return found[0] if is_name or not user else scheme + substitute(user, URL_CREDENTIALS)


def _behind_its_name(substitute: Substitute) -> Callable[[re.Match[str]], str]:
    def masked(found: re.Match[str]) -> str:
        name = found[found.lastindex or 0]
        return name + substitute(found[0][len(name) :], URL_CREDENTIALS)

    return masked


def mask_address(text: str, substitute: Substitute) -> str | None:
    """A URL, host, path or query string with every possible secret masked; None for other text.

    Stricter than `mask`, for a field of which it is known that a secret may be in it: the scheme, the host, the names
    of parameters and plain words of the path stay.
    """
    if "@" in text:
        text = mask_users(text, substitute)
    text = mask_hooks(text, substitute)
    if _QUERY.fullmatch(text):
        return _mask_query(text, substitute)
    url = _URL.fullmatch(text)
    if url is None or not (url["origin"] or url["path"].startswith("/") or _HOST.match(url["path"])):
        return None
    host, slash, path = ("", "", url["path"]) if url["origin"] else url["path"].partition("/")
    masked = (
        (url["origin"] or "") + host + slash + "/".join(_mask_segment(part, substitute) for part in path.split("/"))
    )
    if url["query"] is not None:
        masked += "?" + _mask_query(url["query"], substitute)
    if url["fragment"] is not None:
        masked += "#" + _mask_fragment(url["fragment"], substitute)
    return masked


def is_safe_dsn(text: str) -> bool:
    """Is it a connection string (`host=… dbname=…`, `Server=…;Port=…`) without any possible secret?"""
    if not _DSN.fullmatch(text):
        return False
    return all(name_signal(name) in _HARMLESS and not looks_random(value) for name, value in _DSN_PART.findall(text))


def _mask_fragment(fragment: str, substitute: Substitute) -> str:
    if "=" in fragment:
        return _mask_query(fragment, substitute)
    return fragment if _SAFE_VALUE.fullmatch(fragment) else substitute(fragment, URL_PART)


def _mask_query(query: str, substitute: Substitute) -> str:
    pairs = (pair.partition("=") for pair in query.split("&"))
    return "&".join(name + equals + _mask_parameter(name, value, substitute) for name, equals, value in pairs)


def _mask_parameter(name: str, value: str, substitute: Substitute) -> str:
    is_plain = _SAFE_VALUE.fullmatch(value) or PLACEHOLDER.fullmatch(value)
    if is_plain and (not value or name_signal(name) in _HARMLESS):
        return value
    return substitute(value, URL_PART)


def _mask_segment(segment: str, substitute: Substitute) -> str:
    if PLACEHOLDER.fullmatch(segment) or all(map(_is_safe_part, _PARTS.split(segment))):
        return segment
    return substitute(segment, URL_PART)


def _is_safe_part(part: str) -> bool:
    if len(part) < _MIN_PART_LENGTH:
        return part.isalnum() or not part
    return _SAFE_PART.fullmatch(part) is not None and (part.isdigit() or is_wordlike(part.rstrip(digits)))
