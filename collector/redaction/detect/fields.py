"""Which fields of a connection hold secrets, by schema, position, name and the user's rules.

`FieldVerdicts` are the verdicts on the keys of one kind of object. Pure; must not know values and does not mask.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeAlias, Union

from collector.model.outcome import Redaction
from collector.model.record import Json
from collector.redaction.detect.field_names import NameSignal, name_signal, squash, words
from collector.redaction.detect.reasons import ALSO, NAME, PLACE, SCHEMA
from collector.redaction.detect.rules import Rules, Verdict
from collector.redaction.detect.schemas import packaged_fields, unmarked_addresses, unmarked_secrets

MAX_CACHED: Final = 4096
MAX_CACHED_LENGTH: Final = 300
"""Limits of the cache: the number of verdicts, and the characters of a key or path. Keys and paths are untrusted."""


class FieldVerdicts(dict[str, Union[Verdict, "FieldVerdicts"]]):
    """Key → verdict on its value, for one kind of object. The verdict on an array is that on its items.

    The verdict on a nested object is another `FieldVerdicts`: some of its fields are secrets. A key without a verdict
    is judged by its name on first use, and cached. If a schema marks a field of this object, `is_known` means that any
    other value in place of the object is a secret too, and `is_array` that the schema has an array of such objects.
    """

    def __init__(self, judge: FieldJudge, *, is_strict: bool, is_secret: bool = False) -> None:
        super().__init__()
        self._judge = judge
        self._is_strict = is_strict
        self._is_secret = is_secret  # every field is a secret, except those that the user keeps
        self._is_pair = False  # the verdict on `value` follows from the name beside it
        self.is_known = False
        self.is_array = False
        self._redactions: dict[str, Redaction] = {}

    def __missing__(self, key: str) -> FieldVerdict:
        if self._is_secret:
            verdict: FieldVerdict = (
                Verdict.ALLOWED_BY_USER if self._judge.by_name(key) is Verdict.ALLOWED_BY_USER else Verdict.SECRET
            )
        else:
            verdict = self._judge.strictly(key) if self._is_strict else self._judge.by_name(key)
        if len(self) < MAX_CACHED and len(key) <= MAX_CACHED_LENGTH:  # keys are untrusted
            self[key] = verdict
        return verdict

    def redaction(self, path: str) -> Redaction:
        """The redaction, with its rule, of the value at a path that ends in a key of this object."""
        if (found := self._redactions.get(path)) is None:
            found = Redaction(path, self._reason(path.rpartition(".")[2].replace("[]", "")))
            if len(self._redactions) < MAX_CACHED and len(path) <= MAX_CACHED_LENGTH:
                self._redactions[path] = found
        return found

    def _reason(self, key: str) -> str:
        if self._judge.is_also(key):
            return ALSO
        if name_signal(key) in _NAMED or (self._is_pair and key.lower() in _VALUES):
            return NAME
        return PLACE if self._is_strict else SCHEMA

    def inside(self, verdict: FieldVerdict) -> FieldVerdicts:
        """The verdicts on the fields of an object with this verdict."""
        if isinstance(verdict, FieldVerdicts):
            return verdict
        return self._judge.strict if verdict in _STRICT_INSIDE else self._judge.loose

    def of_pair(self, pair: Mapping[str, Json]) -> FieldVerdicts:
        """The verdicts on an object with a value, if a `name`, a `key` or a flag in it describes that value.

        The case of labels does not matter: `{"Key": …, "Value": …}`. Without a value, `key` is an ordinary field.
        """
        if "kty" in pair:
            return self._of_jwk(pair)
        values = [key for key in pair if key.lower() in _VALUES and pair[key] is not None]
        labels = [key for key in pair if squash(key) in _LABELS and type(pair[key]) is str]
        if not values or not (labels or _is_flagged(pair)):
            return self
        verdicts = FieldVerdicts(self._judge, is_strict=self._is_strict)
        verdicts.update(self)
        for key in values:
            verdict = verdicts[key] = self._of_value(key, pair, labels)
            verdicts._is_pair = verdicts._is_pair or verdict is not self[key]
        for key in pair:
            if pair[key] is True and squash(key) in _FLAGS and self._judge.rule(key) is None:
                verdicts[key] = Verdict.KNOWN_SAFE  # the flag describes the value
        if [squash(label) for label in labels] == ["key"] and self._judge.rule("key") is None:
            verdicts[labels[0]] = Verdict.KNOWN_SAFE  # it is the name here, although `key` alone suggests a secret
        return verdicts

    def _of_jwk(self, jwk: Mapping[str, Json]) -> FieldVerdicts:
        """The verdicts on a JSON Web Key (RFC 7517, 7518): public, except the parameters of a private key."""
        verdicts = FieldVerdicts(self._judge, is_strict=self._is_strict)
        verdicts.update(self)
        for key in jwk:
            verdicts[key] = Verdict.SECRET if key in _PRIVATE_OF_JWK else Verdict.KNOWN_SAFE
        return verdicts

    def _of_value(self, key: str, pair: Mapping[str, Json], labels: list[str]) -> FieldVerdict:
        """The verdict on the value of a pair: its own, otherwise that of the first label with a verdict."""
        verdict = self[key]
        if verdict in _OPEN and _is_flagged(pair):
            return Verdict.SECRET
        for label in labels:
            if verdict not in _OPEN:
                break
            by_name = self._judge.by_name(pair[label])
            verdict = verdict if by_name in _OPEN else by_name
        return verdict

    def of_option(self, item: Json, verdict: FieldVerdict) -> FieldVerdict:
        """The verdict on the item after `item`, which may be an option such as `--password`."""
        if verdict not in _OPEN or type(item) is not str or not item.startswith("-"):
            return verdict
        of_name = self._judge.by_name(item)
        return verdict if of_name in _OPEN else of_name

    def set_verdict(self, path: str, verdict: Verdict, *, strictly: bool = False) -> None:
        """Set the verdict on a field by its path, such as `auth.query[].value`, unless its whole object is a secret.

        Fields beside it without a verdict are judged `strictly` or by their names.
        """
        *parents, leaf = path.split(".")
        node = self
        for key in parents:
            child = node[key.removesuffix("[]")]
            if child is Verdict.SECRET and verdict is not Verdict.ALLOWED_BY_USER:
                return
            if not isinstance(child, FieldVerdicts) or self._judge.is_shared(child):
                is_strict = strictly or self.inside(child) is self._judge.strict
                is_secret = child is Verdict.SECRET
                is_known = (
                    child is Verdict.SECRET or child is Verdict.LIKELY_SECRET or child is Verdict.MAY_EMBED_SECRET
                )
                child = node[key.removesuffix("[]")] = FieldVerdicts(
                    self._judge, is_strict=is_strict, is_secret=is_secret
                )
                child.is_known = is_known
            node = child
            node.is_known = node.is_known or verdict is Verdict.SECRET
            node.is_array = node.is_array or key.endswith("[]")
        node[leaf.removesuffix("[]")] = verdict

    def set_known_safe(self, path: str) -> None:
        """Set the verdict on a path to `KNOWN_SAFE`, unless it has a verdict or its name is on Polytomic's list."""
        *parents, leaf = path.replace("[]", "").split(".")
        node = self
        for key in parents:
            child = dict.get(node, key)
            if not isinstance(child, FieldVerdicts):
                if child is not None and child is not Verdict.KNOWN_SAFE:
                    return
                child = node[key] = FieldVerdicts(self._judge, is_strict=False)
            node = child
        by_name = self._judge.by_name(leaf)
        if leaf not in node and by_name is not Verdict.SECRET and by_name is not Verdict.ALLOWED_BY_USER:
            node[leaf] = Verdict.KNOWN_SAFE


FieldVerdict: TypeAlias = Verdict | FieldVerdicts
_VALUE_NAMES: Final = "value val v content right second setting"
VALUE_KEYS: Final = frozenset(
    ("kty", *(spelled for key in _VALUE_NAMES.split() for spelled in (key, key.title(), key.upper())))
)
"""The keys that hold the value of a pair; `kty` identifies a JSON Web Key."""

_PRIVATE_OF_JWK: Final = words("d p q dp dq qi oth k")
_VALUES: Final = words(_VALUE_NAMES)
_LABELS: Final = words(
    "name key k n header field param parameter property variable var option attribute attr id env left first "
    "headername fieldname keyname paramname parametername variablename propertyname"
)
_FLAGS: Final = words("secret issecret sensitive issensitive encrypted isencrypted masked ismasked confidential hidden")
_SECRET_KINDS: Final = words("secret password credential token apikey secretstring encrypted")
_NAMED: Final = (NameSignal.LISTED, NameSignal.WORDED)
_OPEN: Final = (Verdict.UNKNOWN, Verdict.KNOWN_SAFE)
_STRICT_INSIDE: Final = frozenset((Verdict.LIKELY_SECRET, Verdict.MAY_EMBED_SECRET))
# Fields for user-defined names and values, without a schema.
_CARRIERS: Final = words(
    "header headers query queryparams queryparameters querystring params parameters urlparams urlparameters formdata "
    "extraformdata formfields formparameters extraheaders customheaders requestheaders httpheaders "
    "bodyparameters bodyparams extraparams"
)
# Fields that are not secrets beside a secret.
_WITH_ONE: Final = words(
    "name username user email login type method mode style scheme scope scopes audience realm region service in flow "
    "granttype authstyle required enabled description label host"
)
_ADDRESSES_WITH_ONE: Final = words("url uri endpoint tokenendpoint tokenurl authurl authorizeurl authorizationurl")


def _is_flagged(pair: Mapping[str, Json]) -> bool:
    """Does a field of the object mark its value as a secret?"""
    for key, value in pair.items():
        if value is True and squash(key) in _FLAGS:
            return True
        if type(value) is str and key.lower() in {"type", "kind"} and squash(value) in _SECRET_KINDS:
            return True
    return False


def field_verdicts(
    type_id: str | None,
    rules: Rules,
    live: Mapping[str, bool] | None = None,
    *,
    is_configuration: bool = True,
    known_safe: Iterable[str] = (),
) -> FieldVerdicts:
    """The verdicts on a configuration of this connection type, or on the fields outside a configuration.

    `live` are the fields of the type's live schema: path → is it marked as sensitive? Its marks are added to those of
    the packaged schema. `known_safe` are paths that are not secrets, although their names suggest it; the user's rules
    override them.
    """
    judge = FieldJudge(rules.names(type_id), rules.paths(type_id))
    verdicts = FieldVerdicts(judge, is_strict=False)
    for path in known_safe:
        verdicts.set_verdict(path, judge.rule(path) or Verdict.KNOWN_SAFE)
    if not is_configuration:
        return verdicts
    packaged, live = packaged_fields(type_id), dict(live or {})
    secret = {path: None for fields in (packaged, live) for path, is_secret in fields.items() if is_secret}
    for path in (*secret, *unmarked_secrets(type_id)):
        verdicts.set_verdict(path, judge.rule(path) or Verdict.SECRET, strictly=True)
    addresses = unmarked_addresses(type_id)
    for path in addresses:
        verdicts.set_verdict(path, judge.rule(path) or Verdict.MAY_EMBED_SECRET)
    for path in packaged | live:
        # An unmarked field of the live schema only was not reviewed: its position or name may still make it a secret.
        if path not in secret and path not in addresses and (path in packaged or judge.is_open(path)):
            verdicts.set_known_safe(path)
    for path, verdict in rules.paths(type_id):
        verdicts.set_verdict(path, verdict)
    return verdicts


class FieldJudge:
    """Judges the keys that no schema describes."""

    def __init__(self, names: Mapping[str, Verdict], paths: Iterable[tuple[str, Verdict]] = ()) -> None:
        self._rules = names
        leaves = {path.rpartition(".")[2].removesuffix("[]") for path, verdict in paths if verdict is Verdict.SECRET}
        self._also = leaves | {name for name, verdict in names.items() if verdict is Verdict.SECRET}
        self.loose = FieldVerdicts(self, is_strict=False)
        self.strict = FieldVerdicts(self, is_strict=True)

    def by_name(self, key: str) -> FieldVerdict:
        """The verdict by the name alone."""
        if (rule := self._rules.get(squash(key))) is not None:
            return rule
        return self.strict if squash(key) in _CARRIERS else _BY_NAME[name_signal(key)]

    def is_also(self, key: str) -> bool:
        """Is a field of this name a secret by the user's rules?"""
        return key in self._also or squash(key) in self._also

    def rule(self, path: str) -> Verdict | None:
        """The user's rule for the last name of a path, if any."""
        return self._rules.get(squash(path.rpartition(".")[2]))

    def is_open(self, path: str) -> bool:
        """Do all names of a path leave the verdict open?"""
        return all(self.by_name(key) in _OPEN for key in path.replace("[]", "").split("."))

    def is_shared(self, verdicts: FieldVerdicts) -> bool:
        """Do many objects share these verdicts? If so, they must not change."""
        return verdicts is self.loose or verdicts is self.strict

    def strictly(self, key: str) -> FieldVerdict:
        """The verdict in an object for secrets: every field is a likely secret, except those known to be safe."""
        verdict = self.by_name(key)
        if verdict is not Verdict.UNKNOWN and (
            verdict is not Verdict.KNOWN_SAFE or name_signal(key) is NameSignal.PUBLIC
        ):
            return verdict
        squashed = squash(key)
        if squashed in _ADDRESSES_WITH_ONE:
            return Verdict.MAY_EMBED_SECRET
        return Verdict.UNKNOWN if squashed in _WITH_ONE else Verdict.LIKELY_SECRET


_BY_NAME: Final = {
    NameSignal.NONE: Verdict.UNKNOWN,
    NameSignal.LISTED: Verdict.SECRET,
    NameSignal.WORDED: Verdict.LIKELY_SECRET,
    NameSignal.ADDRESS: Verdict.MAY_EMBED_SECRET,
    NameSignal.PUBLIC: Verdict.KNOWN_SAFE,
    NameSignal.NAMING: Verdict.KNOWN_SAFE,
}
