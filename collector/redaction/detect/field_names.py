"""Is a field of this name a secret? By Polytomic's own list and by the words a name is made of. Pure.

The list: the names Polytomic marks as sensitive for some type of connection (`_names` in
`model.connection_types.sensitive_fields`). The words: common names for a secret (`db_password`, `signingSecret`),
unless another word shows that the field only refers to one (`auth_method`, `token_expiry`, `use_password`). Case and
separators do not matter.
"""

from __future__ import annotations

import unicodedata
from enum import Enum
from functools import cache
from typing import Final

from collector.model.lazy_pattern import lazy_pattern
from collector.redaction.detect.schemas import listed_names


class NameSignal(Enum):
    """The signal of a field's name about its value."""

    NONE = "nothing"
    LISTED = "on Polytomic's list: a secret, whatever it is"
    WORDED = "made of words for a secret; truth values are not secrets"
    ADDRESS = "an address that may embed a secret"
    PUBLIC = "public, although it may look random"
    NAMING = "the name or location of something, which may look random"


def words(text: str) -> frozenset[str]:
    """The set of words in a text, for word lists."""
    return frozenset(text.split())


# Matched anywhere in a name, with or without separators.
_STEM: Final = lazy_pattern(
    r"secret|passw|passphrase|passcode|passkey|token|credential|apikey|privatekey|connectionstring|connstring|connstr"
    r"|sessionid|recoverycode|securityanswer|totp"
    r"|(?:access|client|encryption|signing|master|account|shared|session|ssh|storage|function|license|hmac|service"
    r"|server|deploy|user|functions|role|integration|subscription|app|auth|webhook|decryption|admin|root|write)key"
)
# Too short to match inside other words ("author", "passenger").
_WORDS: Final = words(
    "auth authorization cookie cookies dsn webhook webhooks pwd pw psw pass passwd jwt bearer signature sig otp pin "
    "sas creds keytab pem pfx"
)
_ADDRESS: Final = words("dsn webhook webhooks url uri endpoint href link callback")
_PUBLIC: Final = words(
    "fingerprint fingerprints thumbprint checksum etag commit revision sha digest uuid guid id ids oid"
)
# The last or first word of a name for a thing. `key` is missing: it may be a secret or a name.
_NAMES: Final = words(
    "table tables bucket buckets dataset datasets arn arns path paths query queries sql label labels metric metrics "
    "name names host hosts hostname hostnames region zone schema schemas database db catalog column columns topic "
    "topics stream streams queue queues prefix suffix folder folders directory dir file files filename image images "
    "digest revision branch tag tags version email emails user username users role roles warehouse workspace project "
    "account subnet subnets vpc cluster instance server cursor cron schedule timezone location format pattern regex "
    "glob template statement view views function procedure stage title selector entity object objects collection "
    "index namespace group groups consumer channel partition shard container volume pipeline workflow job dag model "
    "models property properties site tenant domain principal resource resources cipher ciphers suite encoding charset "
    "collation locale language currency sid ulid ksuid watermark lsn slot publication subscription position offset "
    "fields field filter filters expression jsonpath xpath mapping mappings sheet board list audience segment "
    "campaign dashboard report scopes scope permissions address addresses hash xpub npub did lei nanoid cuid space "
    "site gclid seller plan ocid urn ref run node metadata wal primer peptide sequence parent workbook explore marker "
    "after before continuation locator bookmark checkpoint number serial iban bic swift vat wkb ewkb account "
    "certificate certificates cert tree cid message request client app profile item rename "
    "deployment task revision version build artifact license sku asset integrity"
)
_NAMES_FIRST: Final = words("table bucket dataset subnet vpc cluster topic stream column schema index")
# Words for fields of arbitrary text, which may contain a secret.
_OPEN: Final = words("custom extra raw body payload header headers option options setting settings")
_DIGEST: Final = lazy_pattern(
    r"checksum|(?:sha(?:1|224|256|384|512)|md5|crc32c?|x5ts256|x5t|amzid2|blake2[bs]|publickeys?)$"
)
_KEY_TO_DATA: Final = lazy_pattern(
    r"^(?:s3|file|object|blob|partition|primary|sort|foreign|range|distribution|dist|routing|join|merge|unique|row|surrogate"
    r"|natural|business|translation|i18n|cache|dedup|dedupe|deduplication|group|order|record|message|kms|public)_?keys?"
    r"(?:arns?|ids?|names?|columns?|fields?|alias|path|prefix)?$"
)
_STRINGS: Final = lazy_pattern(r"connectionstring|connstring|connstr|connectionur[il]|databaseur[il]")
# The last word of a name that only refers to a secret.
_REFERRING: Final = words(
    "type types method methods mode modes style name names kind flow grant strategy provider scheme status state "
    "expiry expires expire expired expiration at in on as to ttl lifetime age date time days hours minutes seconds "
    "enabled disabled required optional supported count counts length size limit limits quota usage used budget max "
    "min policy policies version algorithm alg format prefix suffix rotation rotated scope scopes arn user username "
    "email level field fields column columns table region host hostname server domain issuer audience location "
    "changed updated created source mechanism manager plugin plugins driver database event events topic topics ref "
    "reference hint description label position placement path file filename resource resources library consent id ids"
)
_REFERRING_FIRST: Final = words(
    "has is are use uses using enable enables enabled disable disabled allow allows require requires required needs "
    "show hide skip with without include no can should must max min num number total count remaining supports"
)
_ID_OF_A_SECRET: Final = lazy_pattern(r"(?:secret|accesskey|privatekey|session)ids?$")
_NOT_A_SECRET_WORD: Final = lazy_pattern(
    r"passthrough|passport|bypass|tokeni[sz]|secretar|secretsmanager|passwordless|passwordreset|^detoken"
)
_INVISIBLE: Final = frozenset(("Mn", "Cf"))  # combining marks, and format controls such as a zero-width space
_WORD: Final = lazy_pattern(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def name_signal(name: str) -> NameSignal:
    """The signal of this name; `NONE` for nearly all names."""
    name = _without_accents(name)
    squashed = squash(name)
    if squashed in _listed():
        return NameSignal.LISTED
    parts = [word.lower() for word in _WORD.findall(name)]
    if not _STEM.search(squashed) and _WORDS.isdisjoint(parts):
        if _STRINGS.search(squashed):
            return NameSignal.ADDRESS
        return _unsuspected(parts)
    if parts[-1] in _ADDRESS or _STRINGS.search(squashed):
        return NameSignal.ADDRESS
    is_referring = _KEY_TO_DATA.search(squashed) or _only_refers_to_a_secret(squashed, parts)
    return NameSignal.NONE if is_referring else NameSignal.WORDED


def _unsuspected(parts: list[str]) -> NameSignal:
    """The signal of a name without a word for a secret."""
    if not parts or not _OPEN.isdisjoint(parts):
        return NameSignal.NONE
    if (parts[-1] in _PUBLIC or _DIGEST.search("".join(parts))) and "session" not in parts:
        return NameSignal.PUBLIC
    names_something = parts[-1] in _NAMES or parts[0] in _NAMES_FIRST or _KEY_TO_DATA.search("".join(parts))
    return NameSignal.NAMING if names_something else NameSignal.NONE


def _only_refers_to_a_secret(squashed: str, parts: list[str]) -> bool:
    if _ID_OF_A_SECRET.search(squashed):
        return False
    if _NOT_A_SECRET_WORD.search(squashed):
        return True
    return len(parts) > 1 and (parts[-1] in _REFERRING or parts[0] in _REFERRING_FIRST)


def squash(name: str) -> str:
    """`name` without case and separators: `API-Key` and `apiKey` become equal."""
    return "".join(filter(str.isalnum, _without_accents(name))).lower()


def _without_accents(name: str) -> str:
    """`name` without accents, compatibility forms of letters and invisible characters."""
    if name.isascii():
        return name
    letters = unicodedata.normalize("NFKD", name)
    return "".join(letter for letter in letters if unicodedata.category(letter) not in _INVISIBLE)


@cache
def _listed() -> frozenset[str]:
    return frozenset(map(squash, listed_names()))
