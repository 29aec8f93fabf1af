"""Which parts of a text are secrets, by their form alone. Pure; knows no fields and no connections.

The forms: PEM blocks, tokens that say by their beginning what they are, the user part of a URL, values behind a name
for a secret (`password=…`, `"token": "…"`, `?sig=…`), credentials of an `Authorization` header, and, where it is asked
for, whatever looks drawn by lot. (Sources: reliability.md S8 names the forms; prefixes as their issuers document them.)

What takes a text takes time in proportion to its length, whatever is in it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import Final, TypeAlias

from collector.secret_names import Suspicion, suspicion, words

Put: TypeAlias = Callable[[str], str]
"""A secret → what is put in its place."""

_PEM: Final = re.compile(r"-----BEGIN [^-\n]{1,60}-----.*?(?:-----END [^-\n]{1,60}-----|\Z)", re.DOTALL)
_TOKEN: Final = re.compile(
    r"(?:"
    r"eyJ[\w-]{6,}(?:\.[\w-]*){2,4}"  # JWT (RFC 7519), JWE
    r"|(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"
    r"|gh[pousr]_\w{20,}|github_pat_\w{20,}|gl(?:pat|ptt|dt|rt|cbt|oas)-[\w.-]{16,}|xox[a-z]-[\w-]{14,}"
    r"|xapp-[\w-]{10,}|xwfp-[\w-]{10,}"
    r"|(?:sk|rk|pk|whsec)_(?:live|test)_\w{10,}|whsec_\w{16,}|sk-[\w-]{20,}|AIza[\w-]{30,}|ya29\.[\w.-]{20,}"
    r"|GOCSPX-[\w-]{20,}|1//0[\w-]{20,}|SG\.[\w-]{16,}\.[\w-]{16,}|(?:SK|AC)[0-9a-f]{32}|npm_\w{30,}"
    r"|pypi-[\w-]{30,}|dapi[0-9a-f]{32}(?:-\d)?|dkea[0-9a-f]{32}|hf_\w{30,}|dckr_[a-z]{3}_[\w-]{20,}"
    r"|hv[sbr]\.[\w-]{20,}|s\.[A-Za-z0-9]{24}(?!\w)|(?:lin|phc|phx|sbp|fo1|rubygems|figd|ntn|secret|pul|glc|glsa"
    r"|prefect|tskey|dop_v1|doo_v1|dor_v1|shp(?:at|ss|ca|pa)|key|pat|api|tok|sk|EAA[A-Z]*)_[A-Za-z0-9_-]{20,}"
    r"|lin_api_\w{20,}|pat-[a-z]{2}\d-[\w-]{30,}|pat\w{14}\.[0-9a-f]{32,}|key-[0-9a-f]{32}|NRAK-[A-Z0-9]{20,}"
    r"|PMAK-[\w-]{30,}|ATATT3[\w=.-]{20,}|ATCTT3[\w=.-]{20,}|EAA[A-Za-z0-9]{40,}|sq0\w{3}-[\w-]{20,}"
    r"|AGE-SECRET-KEY-1[A-Z0-9]{20,}|sl\.[\w-]{40,}|v1\.0-[\w-]{40,}|xkeysib-[\w-]{30,}|re_\w{8,}_\w{16,}"
    r")"
)
_TOKEN_START: Final = re.compile(r"(?<!\w)\w\S")
_STARTS: Final = words(
    "ey AK AS AB AC gh gi gl xo xa xw sk rk pk wh AI ya GO 1/ SG SK np py da dk hf dc hv s. li ph sb fo ru fi nt se pu "
    "pr ts do sh ke pa ap to NR PM AT EA sq AG sl v1 xk re"
)
_LONG_RUN: Final = re.compile(r"[\w+=~-]{15}")  # which every token has, and all that looks drawn by lot

_SCHEME: Final = r"[A-Za-z][A-Za-z0-9+.-]{0,30}:"
_USER: Final = re.compile(
    rf"(?<![A-Za-z0-9+.-])({_SCHEME}//)(?:[^/?#\s\"'<>]*(?=@)"  # up to the last @ before the path
    # and where a password holds / ? or #, up to the first one behind it; a port is none
    r"|[^/?#\s\"'<>:@\[\]]*:(?!\d{1,5}(?:[/?#\s\"',;)\]]|\Z))[^\s\"'<>@]*(?=@))"
)
_USER_WITHOUT_SCHEME: Final = re.compile(
    r"(?<![\w@/.])([\w.%+-]{1,100}:)[^\s@/\"'<>]{1,500}(?=@(?:tcp|unix|udp)?\()"  # Go: user:password@tcp(host)
    r"|(?<![\w@/.])([\w.%+-]{1,100}:)(?!//)[^\s@/\"'<>]{1,500}(?=@[\w.-]{1,200}:\d{1,5}(?:/|\Z))"
    r"|(oracle:\w{1,10}:[^\s/@:]{1,100}/)[^\s@]{1,500}(?=@)"
)

_NAME: Final = (
    r"[\w.-]{0,40}(?:pass(?:w(?:or)?d|phrase|code)?|pwd|secret|token|credentials?|cookie|authorization|auth"
    r"|api[-_ ]?key|[a-z]+[-_]?key|signature|sig|jwt|bearer|dsn|sas)[\w-]{0,40}"
)
_VALUE: Final = (
    r'"(?:[^"\\]|\\.)*"'
    r"|'(?:[^'\\]|\\.)*'"
    r'|\\+"(?:(?!\\+").)*'
    r"|(?:(?:Bearer|Basic|Token|Digest)\s+)?[^\s&;,\"'<>{}\[\]()\\]+"
)
_PAIR: Final = re.compile(
    rf"(?<![\w.-])({_NAME})([\"'\\]{{0,6}}\s{{0,3}}(?:=>|:=|[=:])\s{{0,3}})({_VALUE})", re.IGNORECASE
)
_SPEAKING: Final = (
    *("pass", "pwd", "secret", "token", "credential", "cookie", "auth", "key", "sig", "jwt", "bearer", "basic", "dsn"),
    *("sas", "identified", "digest"),
)
_SPEAKING_ALONE: Final = ("pass", "pwd", "token", "bearer", "basic", "digest", "identified", "secret")
_DSN_PAIR: Final = re.compile(r"((?:\A|;)\s*(?:password|pwd|accountkey|sharedaccesskey)\s*=\s*)([^;]+)", re.IGNORECASE)
_OPTION: Final = re.compile(
    r"((?:\A|\s)--?(?:password|passwd|pass|pwd|token|secret|api[-_]?key|auth)[= ]\s{0,2})([^\s-]\S*)", re.IGNORECASE
)
_SQL: Final = re.compile(r"((?:identified\s+by|password)\s{1,3})('[^']+'|\"[^\"]+\")", re.IGNORECASE)
_ELEMENT: Final = re.compile(rf"(<({_NAME})(?:\s[^<>]{{0,200}})?>)([^<>]+)(?=</)", re.IGNORECASE)
_CREDENTIALS: Final = re.compile(r"\b(Bearer|Basic|Digest|Token)(\s{1,3})([\w.~+/=-]{6,})", re.IGNORECASE)
_PARAMETER: Final = re.compile(
    r"([?&#;](?:[\w.\[\]-]{0,40}(?:token|secret|pass(?:word|wd)?|pwd|sig(?:nature)?|credential|api[-_]?key|auth|jwt)"
    r"|(?:access|subscription|functions?|app|client|private|shared|license|account)[-_]?key|key|code|sas|hmac|hash)=)"
    r"([^&#\s\"'<>]+)",
    re.IGNORECASE,
)
_PLACEHOLDER: Final = re.compile(r"\{\{.*\}\}|\$\{.*\}|\$\d+|:\w+|%\(?\w*\)?s|\?|<[\w -]+>|\.{3}|…")
_NOT_SECRET: Final = re.compile(
    r"(?:true|false|null|none|nil|undefined|yes|no|on|off|required|optional|\d{1,4})\Z", re.I
)
_LETTERS: Final = re.compile(r"[A-Za-z]?[a-z]+|[A-Z]+")

_UUID: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_CANDIDATE: Final = re.compile(r"[A-Za-z0-9+=_~-]{20,}")
_WHOLE_BASE64: Final = re.compile(r"[A-Za-z0-9+/]{20,}={0,2}")
_SHORTEST_RANDOM: Final = 20
_FEWEST_ODD: Final = 10  # characters: a name may end in a few that were drawn by lot
_PIECE: Final = re.compile(r"[A-Za-z0-9]+")
_FRAGMENT: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[A-Z]|[0-9]+")
_HEX: Final = re.compile(r"(?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{16,}")
_SHORTEST_WORD: Final = 3
_SHORTEST_ON_AVERAGE: Final = 3  # letters of words in a row; drawn by lot, those of one case are about two
_UNSPEAKABLE: Final = re.compile(r"[^aeiouy]{5}|[jqxzvkw]{2}|q[^u]|[^aeioulnrstdmpchkg]{3}|^[^aeiouy]{4,}$|[aeiou]{4}")
_TECHNICAL: Final = re.compile(
    r"sql|https?|html?|xml|csv|json|jdbc|dbt|gcp|aws|s?ftp|ssh|tls|ssl|vpc|kms|crm|rds|prd|stg|xl+"
)


def mask(text: str, put: Put, *, guess: bool = False) -> str:
    """`text` with `put` of each secret in its place; with `guess` also of what looks drawn by lot."""
    if "-----BEGIN " in text:
        text = _PEM.sub(lambda found: put(found[0]), text)
    if "@" in text:
        text = mask_users(text, put)
    if "=" in text or " " in text or text.count(":") > text.count("://"):
        text = _mask_pairs(text, put)
    if _LONG_RUN.search(text) or _WHOLE_BASE64.fullmatch(text):
        text = _mask_tokens(text, put)
        if guess:
            text = _mask_random(text, put)
    return text


def _mask_tokens(text: str, put: Put) -> str:
    done, parts = 0, list[str]()
    for start in _TOKEN_START.finditer(text):
        if start[0] in _STARTS and start.start() >= done and (token := _TOKEN.match(text, start.start())):
            parts += text[done : token.start()], put(token[0])
            done = token.end()
    return "".join(parts) + text[done:]


def mask_users(text: str, put: Put) -> str:
    """`text` with the user and password of every URL in it masked."""
    text = _USER.sub(lambda found: found[1] + put(found[0][len(found[1]) :]), text)
    return _USER_WITHOUT_SCHEME.sub(_behind_its_name(put), text)


def _behind_its_name(put: Put) -> Callable[[re.Match[str]], str]:
    def masked(found: re.Match[str]) -> str:
        name = found[found.lastindex or 0]
        return name + put(found[0][len(name) :])

    return masked


def _mask_pairs(text: str, put: Put) -> str:
    if ";" in text and "=" in text:
        text = _DSN_PAIR.sub(lambda found: found[1] + put(found[2]), text)
    if "=" in text:
        text = _PARAMETER.sub(lambda found: found[1] + _unless_plain(found[2], put), text)
    words_to_look_for = _SPEAKING if "=" in text or ":" in text else _SPEAKING_ALONE
    lowered = text.lower()
    if any([word in lowered for word in words_to_look_for]):  # noqa: C419  # for so few quicker than a generator
        text = _PAIR.sub(lambda found: _pair(found, put), text)
        text = _ELEMENT.sub(lambda found: found[1] + put(found[3]), text)
        text = _SQL.sub(lambda found: found[1] + found[2][0] + put(found[2][1:-1]) + found[2][0], text)
        text = _OPTION.sub(lambda found: found[1] + put(found[2]), text)
        text = _CREDENTIALS.sub(lambda found: _credentials(found, put), text)
    return text


def _pair(found: re.Match[str], put: Put) -> str:
    name, between, value = found[1], found[2], found[3]
    verdict = suspicion(name)
    if verdict in {Suspicion.NONE, Suspicion.ADDRESS}:
        return found[0]
    quote = re.match(r"\\*[\"']", value)
    opening = quote[0] if quote else ""
    closing = opening if opening and value.endswith(opening) and len(value) > len(opening) else ""
    bare = value[len(opening) : len(value) - len(closing)]
    if not bare or (not opening and _is_prose(found, bare, between)):
        return found[0]
    return f"{name}{between}{opening}{_unless_plain(bare, put)}{closing}"


def _is_prose(found: re.Match[str], value: str, between: str) -> bool:
    """Does a sentence go on behind the colon, as in `invalid token: please reconnect`?"""
    rest = found.string[found.end() : found.end() + 2]
    is_word = _LETTERS.fullmatch(value.rstrip(".!?")) is not None
    return between.endswith(" ") and "=" not in between and is_word and rest[:1] in {" ", ",", ""}


def _unless_plain(value: str, put: Put) -> str:
    if _NOT_SECRET.match(value) or _PLACEHOLDER.fullmatch(value) or value.startswith("[REDACTED"):
        return value
    return put(value)


def _credentials(found: re.Match[str], put: Put) -> str:
    scheme, credential = found[1].lower(), found[3]
    if scheme == "basic" and not _is_basic(credential):
        return found[0]
    if _LETTERS.fullmatch(credential) or credential.startswith(("realm=", "error=")):  # a sentence goes on
        return found[0]
    return found[1] + found[2] + put(credential)


def _is_basic(credential: str) -> bool:
    try:
        return b":" in base64.b64decode(credential + "=" * (-len(credential) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False


def _mask_random(text: str, put: Put) -> str:
    if _WHOLE_BASE64.fullmatch(text) and "/" in text and looks_random(text.replace("/", "+")):
        return put(text)
    return _CANDIDATE.sub(lambda found: put(found[0]) if looks_random(found[0]) else found[0], text)


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


_URL: Final = re.compile(
    rf"(?P<origin>{_SCHEME}//[^/?#\s]*|//[^/?#\s]+)?(?P<path>[^?#\s]*)(?:\?(?P<query>[^#\s]*))?(?:#(?P<fragment>\S*))?"
)
_HOST: Final = re.compile(r"(?:(?:[\w-]+\.)+[\w-]+|localhost|\[[0-9a-fA-F:.]+\])(?::\d+)?(?=/|\Z)")
_QUERY: Final = re.compile(r"[\w.\[\]-]+=[^&=\s]*(?:&[\w.\[\]-]+=[^&\s]*)*")
_PLAIN_PART: Final = re.compile(r"[A-Za-z]+[0-9]{0,4}|[0-9]{1,20}|v[0-9]+(?:alpha|beta)[0-9]*|")
_PLAIN_VALUE: Final = re.compile(r"[a-z]{1,12}|[A-Z][a-z]{1,12}|[0-9]{1,6}|[0-9]{4}-[0-9]{2}-[0-9]{2}|")
_PARTS: Final = re.compile(r"[-_.,:~%+ ]")


def mask_address(text: str, put: Put) -> str | None:
    """A URL, host, path or query string without all in it that might be a secret; None when it is nothing of these.

    Stricter than `mask`, for a field of which it is known that a secret may be in it: the scheme, the host, the names
    of parameters and plain words of the path stay.
    """
    if "@" in text:
        text = mask_users(text, put)
    if _QUERY.fullmatch(text):
        return _mask_query(text, put)
    url = _URL.fullmatch(text)
    if url is None or not (url["origin"] or url["path"].startswith("/") or _HOST.match(url["path"])):
        return None
    host, slash, path = ("", "", url["path"]) if url["origin"] else url["path"].partition("/")
    masked = (url["origin"] or "") + host + slash + "/".join(_mask_segment(part, put) for part in path.split("/"))
    if url["query"] is not None:
        masked += "?" + _mask_query(url["query"], put)
    if url["fragment"] is not None:
        masked += "#" + (put(url["fragment"]) if url["fragment"] else "")
    return masked


def _mask_query(query: str, put: Put) -> str:
    pairs = (pair.partition("=") for pair in query.split("&"))
    return "&".join(name + equals + _mask_parameter(name, value, put) for name, equals, value in pairs)


def _mask_parameter(name: str, value: str, put: Put) -> str:
    is_plain = _PLAIN_VALUE.fullmatch(value) or _PLACEHOLDER.fullmatch(value)
    if is_plain and (not value or suspicion(name) is Suspicion.NONE):
        return value
    return put(value)


def _mask_segment(segment: str, put: Put) -> str:
    if _PLACEHOLDER.fullmatch(segment) or all(map(_is_plain_part, _PARTS.split(segment))):
        return segment
    return put(segment)


def _is_plain_part(part: str) -> bool:
    return _PLAIN_PART.fullmatch(part) is not None and (len(part) < 6 or part.isdigit() or is_wordlike(part))
