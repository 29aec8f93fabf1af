"""Secrets in command lines, SQL statements, configuration lines and sentences, where no `=` or `:` precedes them. Pure.

Each pattern captures the text before a secret, which stays, then the secret. (Sources: the manual pages of the
commands, the SQL references of MySQL, PostgreSQL, Oracle, SQL Server, Db2 and Teradata, crypt(5), RFC 4954, RFC 7616.)
"""

from __future__ import annotations

import re
from typing import Final

from collector.model.lazy_pattern import lazy_pattern
from collector.redaction.detect.field_names import NameSignal, name_signal
from collector.redaction.detect.masks import PLACEHOLDER, Substitute
from collector.redaction.detect.reasons import HEADER, PAIR

_ARGUMENT: Final = r"(\"[^\"]+\"|'[^']+'|[^\s\"']+)"
_REST: Final = r"\b[^\n;|]{0,200}?\s"
_WORDS_FOR_IT: Final = (
    r"(?:password|passwd|passphrase|passwort|kennwort|mot de passe|contrase\u00f1a|senha|parola|has\u0142o|wachtwoord"
    r"|l\u00f6senord|adgangskode|salasana|\u043f\u0430\u0440\u043e\u043b\u044c|\u5bc6\u7801|\u5bc6\u78bc"
    r"|\u30d1\u30b9\u30ef\u30fc\u30c9)"
)
# A command → its options that take a password.
_COMMANDS: Final = (
    rf"((?:mysql\w*|mariadb[\w-]*){_REST}-p)(?=\S){_ARGUMENT}",
    rf"(redis-cli{_REST}(?:-a|--pass)\s+){_ARGUMENT}",
    rf"((?:ldap\w+|vsql){_REST}-w\s+){_ARGUMENT}",
    rf"((?:bcp|sqlcmd|osql|isql){_REST}-P\s+){_ARGUMENT}",
    rf"((?:nzsql|plink|pscp|psftp){_REST}-pw\s+){_ARGUMENT}",
    rf"((?:hdbsql|sshpass|mongo\w*|cqlsh|exaplus|docker login|podman login){_REST}-p\s*){_ARGUMENT}",
    rf"((?:curl|wget|http|xh){_REST}(?:-u|-U|--user|--proxy-user)[\s=]+[\"']?[^\s:\"']+:)([^\s\"']+)",
    rf"(curl{_REST}(?:-b|--cookie)[\s=]+){_ARGUMENT}",
    rf"(htpasswd\s+-\w*b\w*\s+\S+\s+\S+\s+){_ARGUMENT}",
    rf"(net\s+use\s[^\n]{{0,100}}?/user:\S+\s+){_ARGUMENT}",
    r"(net\s+use\s+\S+\s+)(?!/)([^\s\"']+)(?=\s+/user:)",
)
_ORACLE: Final = lazy_pattern(
    r"((?:sqlplus|sqlldr|expdp|impdp|ora-\d+|oracle|connect)\b[^\n]{0,100}?\s[\w$#.-]+/)(\"[^\"]+\"|[^\s/\"@]+)(?=@[\w(/])",
    re.IGNORECASE,
)
_STATEMENTS: Final = (
    rf"(net\s+use\s[^\n]{{0,100}}?/user:\S+\s+){_ARGUMENT}",
    r"(net\s+use\s+\S+\s+)(?!/)([^\s\"']+)(?=\s+/user:)",
    r"(\.logon\s+[\w.-]+/\w+,)([^\s;]+)",
    r"(connect\s+to\s+\w+\s+user\s+\S+\s+using\s+)(\S+)",
    r"(\bpassword\s*\(\s*n?')((?:[^']|'')+)(?=')",  # MySQL
    r"(\bpassword\s*=?\s*\$\$)([^$]+)(?=\$\$)",  # PostgreSQL
    r"(\bidentified\s+by\s+(?:values\s+|password\s+)?)(?!['\"]|values\b|password\b)([^\s;,'\"]+)",
)
_DIRECTIVES: Final = (
    r"(\b(?:requirepass|masterauth|bindpw|rootpw|sasl_passwd)\s+)([\"']?[^\s\"']+)",
    r"(\b(?:machine\s+\S+|default)\s+login\s+\S+\s+password\s+)(\S+)",  # .netrc
    r"(fs\.azure\.[\w.-]{0,80}(?:key|secret|password)[\w.-]{0,80}\s?[=:]\s?)(\S+)",
    r"([?&]u=[^&\s]{1,100}&p=)([^&\s]+)",  # InfluxDB
    r"(\bAUTH\s+(?:PLAIN|LOGIN|XOAUTH2)\s+)([A-Za-z0-9+/]{8,}={0,2})",
    r"(\bresponse=\"?)([0-9a-f]{32,})",  # Digest authentication
)
_PGPASS: Final = lazy_pattern(r"((?:\A|\n)[\w.*-]+:(?:\d{4,5}|\*):[\w*.-]+:[\w*.-]+:)([^\s:]+)(?=\s*(?:\n|\Z))")
_HASH: Final = lazy_pattern(r"\$(?:apr1|1|2[abxy]?|5|6|y|argon2\w{0,2}|scrypt|pbkdf2[\w-]{0,12})\$[^\s\"':,;]{8,}")
_QUOTED: Final = lazy_pattern(
    rf"(\b{_WORDS_FOR_IT}(?:\s(?:is|was|ist)\s|\s?[:=]\s?|\s)[\"'\u00ab\u201c\u201e]\s?)"
    r"([^\"'\u00bb\u201d\n]{4,})(?=[\"'\u00bb\u201d])",
    re.IGNORECASE,
)
_SAID: Final = lazy_pattern(rf"(\b{_WORDS_FOR_IT}\s?(?:is|was|ist|:|=)\s?)([^\s\"';&][^\s;&]*)", re.IGNORECASE)
_OPTION: Final = lazy_pattern(
    r"((?:\A|\s)--?[\w.-]{0,60}(?:password|passwd|pwd|token|secret|api[-_]?key)[= ]\s{0,2})([^\s-]\S*)", re.IGNORECASE
)
_TWO_TEXTS: Final = lazy_pattern(r"([\"'])([\w .-]{2,60})\1(\s?,\s?)([\"'])((?:(?!\4).){4,}?)\4")
_NAMED_VALUE: Final = lazy_pattern(
    r"((?:\"(?:name|key|k|id|header|param|field)\"\s?:\s?|\b(?:name|key)=)([\"'])([\w .-]{2,60})\2"
    r"(?:\s?,\s?\"(?:value|val|v)\"\s?:\s?\"|\s+value=[\"']|[^<>]{0,100}>))([^\"'<>]+)",
    re.IGNORECASE,
)
_COMMAND: Final = lazy_pattern("|".join(_COMMANDS), re.IGNORECASE)
_STATEMENT: Final = lazy_pattern("|".join((*_STATEMENTS, *_DIRECTIVES)), re.IGNORECASE)
_SHORTEST_PGPASS: Final = 4  # colons
# A text without one of these contains no such statement.
_TRIGGERS: Final = (
    *("pass", "pwd", "secret", "token", "key", "auth", "identified", "bindpw", "rootpw", "response=", "&p=", "net use"),
    *(".logon", " using ", "kennwort", "mot de", "contrase", "senha", "parola", "has\u0142o", "wachtwoord"),
    *("l\u00f6senord", "adgangskode", "salasana", "\u043f\u0430\u0440\u043e\u043b", "\u5bc6", "\u30d1\u30b9"),
)
_PASSWORD_LIKE: Final = lazy_pattern(r"(?=[^\s]*[0-9$!#%^&*~+@])[^\s]{4,}")
_CONSTANT: Final = lazy_pattern(
    r"[A-Z]+(?:_[A-Z]+)+|(?:true|false|yes|no|null|none|required|expired|invalid|incorrect)\W?", re.IGNORECASE
)


def mask_statements(text: str, substitute: Substitute) -> str:
    """`text` with the passwords in its commands, statements, directives and sentences masked."""
    if " -" in text:
        text = _COMMAND.sub(lambda found: _masked(found, substitute), text)
    if "/" in text and "@" in text:
        text = _ORACLE.sub(lambda found: _masked(found, substitute), text)
    if "$" in text:
        text = _HASH.sub(lambda found: substitute(found[0], PAIR), text)
    if text.count(":") >= _SHORTEST_PGPASS:
        text = _PGPASS.sub(lambda found: _masked(found, substitute), text)
    lowered = text.lower()
    if any([word in lowered for word in _TRIGGERS]):  # noqa: C419  # faster than a generator
        text = _STATEMENT.sub(lambda found: _masked(found, substitute), text)
        text = _QUOTED.sub(lambda found: found[1] + _unless_template(found[2], substitute), text)
        text = _SAID.sub(lambda found: _said(found, substitute), text)
        text = _OPTION.sub(lambda found: found[1] + substitute(found[2], PAIR), text)
        text = _TWO_TEXTS.sub(lambda found: _second(found, substitute), text)
        text = _NAMED_VALUE.sub(lambda found: _named(found, substitute), text)
    return text


def _masked(found: re.Match[str], substitute: Substitute) -> str:
    kept, secret = (group for group in found.groups() if group is not None)
    return kept + _unless_template(secret, substitute)


def _unless_template(secret: str, substitute: Substitute) -> str:
    if "[REDACTED" in secret or PLACEHOLDER.fullmatch(secret.strip("\"'")):
        return secret
    return substitute(secret, HEADER if secret.startswith("Bearer") else PAIR)


def _said(found: re.Match[str], substitute: Substitute) -> str:
    if not _PASSWORD_LIKE.fullmatch(found[2]) or _CONSTANT.fullmatch(found[2]):  # a sentence continues
        return found[0]
    return found[1] + _unless_template(found[2], substitute)


def _second(found: re.Match[str], substitute: Substitute) -> str:
    if name_signal(found[2]) not in {NameSignal.LISTED, NameSignal.WORDED} or _CONSTANT.fullmatch(found[5]):
        return found[0]
    if name_signal(found[5]) is not NameSignal.NONE or found[5].isalpha():  # a list of names
        return found[0]
    return f"{found[1]}{found[2]}{found[1]}{found[3]}{found[4]}{_unless_template(found[5], substitute)}{found[4]}"


def _named(found: re.Match[str], substitute: Substitute) -> str:
    if name_signal(found[3]) not in {NameSignal.LISTED, NameSignal.WORDED}:
        return found[0]
    return found[1] + _unless_template(found[4], substitute)
