"""Which fields of a connection hold secrets: by its type's schema, their place, their name, and the user's rules.

`FieldVerdicts` are the verdicts on the keys of one kind of object. Pure; knows no values and masks nothing.
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

MOST_REMEMBERED: Final = 4096
LONGEST_REMEMBERED: Final = 300
"""Verdicts that are remembered at most, and characters of what they are of: both come from outside."""


class FieldVerdicts(dict[str, Union[Verdict, "FieldVerdicts"]]):
    """Key → verdict on its value, for one kind of object; an array stands for its items. As a verdict: secret in parts.

    A key that is not marked is judged by its name when it is first met, and remembered. Where a schema marks something
    deeper down, `is_known` says that any other form in its place is a secret too, and `is_array` that it is an array.
    """

    def __init__(self, judge: FieldJudge, *, is_strict: bool, is_whole: bool = False) -> None:
        super().__init__()
        self._judge = judge
        self._is_strict = is_strict
        self._is_whole = is_whole  # all is a secret but what the user keeps
        self._is_pair = False  # the name beside it says what `value` is
        self.is_known = False
        self.is_array = False
        self._redactions: dict[str, Redaction] = {}

    def __missing__(self, key: str) -> FieldVerdict:
        if self._is_whole:
            verdict: FieldVerdict = (
                Verdict.ALLOWED_BY_USER if self._judge.by_name(key) is Verdict.ALLOWED_BY_USER else Verdict.SECRET
            )
        else:
            verdict = self._judge.strictly(key) if self._is_strict else self._judge.by_name(key)
        if len(self) < MOST_REMEMBERED and len(key) <= LONGEST_REMEMBERED:  # keys come from outside
            self[key] = verdict
        return verdict

    def redaction(self, path: str) -> Redaction:
        """The redaction of the value at a path, whose last key is one of this object's, with the rule it has."""
        if (found := self._redactions.get(path)) is None:
            found = Redaction(path, self._reason(path.rpartition(".")[2].replace("[]", "")))
            if len(self._redactions) < MOST_REMEMBERED and len(path) <= LONGEST_REMEMBERED:
                self._redactions[path] = found
        return found

    def _reason(self, key: str) -> str:
        if self._judge.is_also(key):
            return ALSO
        if name_signal(key) in _NAMED or (self._is_pair and key.lower() in _VALUES):
            return NAME
        return PLACE if self._is_strict else SCHEMA

    def inside(self, verdict: FieldVerdict) -> FieldVerdicts:
        """The marks on an object of this verdict."""
        if isinstance(verdict, FieldVerdicts):
            return verdict
        return self._judge.strict if verdict in _STRICT_INSIDE else self._judge.loose

    def of_pair(self, pair: Mapping[str, Json]) -> FieldVerdicts:
        """The marks on an object with a value, which may say by a `name`, a `key` or a flag what that is.

        Labels and values count in any case: `{"Key": …, "Value": …}`. Without a value a key is a key.
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
                verdicts[key] = Verdict.KNOWN_SAFE  # it says so of the value, and is not one
        if [squash(label) for label in labels] == ["key"] and self._judge.rule("key") is None:
            verdicts[labels[0]] = Verdict.KNOWN_SAFE  # a name too, though by its own it would be a secret
        return verdicts

    def _of_jwk(self, jwk: Mapping[str, Json]) -> FieldVerdicts:
        """The marks on a JSON Web Key (RFC 7517, 7518): its parameters are public, but for those of a private key."""
        verdicts = FieldVerdicts(self._judge, is_strict=self._is_strict)
        verdicts.update(self)
        for key in jwk:
            verdicts[key] = Verdict.SECRET if key in _PRIVATE_OF_JWK else Verdict.KNOWN_SAFE
        return verdicts

    def _of_value(self, key: str, pair: Mapping[str, Json], labels: list[str]) -> FieldVerdict:
        """The verdict on the value of a pair: its own, else that of the first label that says something."""
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
        """The verdict on the item behind another, which is a secret's where that is an option such as `--password`."""
        if verdict not in _OPEN or type(item) is not str or not item.startswith("-"):
            return verdict
        of_name = self._judge.by_name(item)
        return verdict if of_name in _OPEN else of_name

    def set_verdict(self, path: str, verdict: Verdict, *, strictly: bool = False) -> None:
        """Mark a field by its path, such as `auth.query[].value`, unless what it is in is marked as a whole.

        Its neighbours that nobody marks are judged `strictly` or by their names.
        """
        *parents, leaf = path.split(".")
        node = self
        for key in parents:
            child = node[key.removesuffix("[]")]
            if child is Verdict.SECRET and verdict is not Verdict.ALLOWED_BY_USER:
                return
            if not isinstance(child, FieldVerdicts) or self._judge.shares(child):
                is_strict = strictly or self.inside(child) is self._judge.strict
                is_whole = child is Verdict.SECRET
                is_known = (
                    child is Verdict.SECRET or child is Verdict.LIKELY_SECRET or child is Verdict.MAY_EMBED_SECRET
                )
                child = node[key.removesuffix("[]")] = FieldVerdicts(
                    self._judge, is_strict=is_strict, is_whole=is_whole
                )
                child.is_known = is_known
            node = child
            node.is_known = node.is_known or verdict is Verdict.SECRET
            node.is_array = node.is_array or key.endswith("[]")
        node[leaf.removesuffix("[]")] = verdict

    def set_known_safe(self, path: str) -> None:
        """Mark a field as no secret, by its path, unless something is known of it or its name is a listed one."""
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
"""The keys under which a pair has its value; `kty` marks a JSON Web Key."""

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
# Where people put names and values of their own, of which no schema knows.
_CARRIERS: Final = words(
    "header headers query queryparams queryparameters querystring params parameters urlparams urlparameters formdata "
    "extraformdata formfields formparameters extraheaders customheaders requestheaders httpheaders "
    "bodyparameters bodyparams extraparams"
)
# What is no secret beside one.
_WITH_ONE: Final = words(
    "name username user email login type method mode style scheme scope scopes audience realm region service in flow "
    "granttype authstyle required enabled description label host"
)
_ADDRESSES_WITH_ONE: Final = words("url uri endpoint tokenendpoint tokenurl authurl authorizeurl authorizationurl")


def _is_flagged(pair: Mapping[str, Json]) -> bool:
    """Does the object say of its value that it is a secret?"""
    for key, value in pair.items():
        if value is True and squash(key) in _FLAGS:
            return True
        if type(value) is str and key.lower() in {"type", "kind"} and squash(value) in _SECRET_KINDS:
            return True
    return False


def field_verdicts(
    type_id: str | None, rules: Rules, live: Mapping[str, bool] | None = None, *, is_configuration: bool = True
) -> FieldVerdicts:
    """The marks on a configuration of this type of connection, or on what stands outside of a configuration.

    `live` are the fields of the type's schema as the API has it now: path → is it marked as sensitive? What they mark
    is masked on top of everything else.
    """
    judge = FieldJudge(rules.names(type_id), rules.paths(type_id))
    verdicts = FieldVerdicts(judge, is_strict=False)
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
        # Nobody has looked at what only the live schema has: unmarked, it may be a secret by its place or its name.
        if path not in secret and path not in addresses and (path in packaged or judge.says_nothing_of(path)):
            verdicts.set_known_safe(path)
    for path, verdict in rules.paths(type_id):
        verdicts.set_verdict(path, verdict)
    return verdicts


class FieldJudge:
    """Judges the keys that no schema marks."""

    def __init__(self, names: Mapping[str, Verdict], paths: Iterable[tuple[str, Verdict]] = ()) -> None:
        self._rules = names
        leaves = {path.rpartition(".")[2].removesuffix("[]") for path, verdict in paths if verdict is Verdict.SECRET}
        self._also = leaves | {name for name, verdict in names.items() if verdict is Verdict.SECRET}
        self.loose = FieldVerdicts(self, is_strict=False)
        self.strict = FieldVerdicts(self, is_strict=True)

    def by_name(self, key: str) -> FieldVerdict:
        """What the name alone says."""
        if (rule := self._rules.get(squash(key))) is not None:
            return rule
        return self.strict if squash(key) in _CARRIERS else _BY_NAME[name_signal(key)]

    def is_also(self, key: str) -> bool:
        """Does the user say that a field of this name is a secret?"""
        return key in self._also or squash(key) in self._also

    def rule(self, path: str) -> Verdict | None:
        """What the user says of the last name of a path, if anything."""
        return self._rules.get(squash(path.rpartition(".")[2]))

    def says_nothing_of(self, path: str) -> bool:
        """Are all names of a path those of plain fields?"""
        return all(self.by_name(key) in _OPEN for key in path.replace("[]", "").split("."))

    def shares(self, verdicts: FieldVerdicts) -> bool:
        """Are these the marks of many objects, so that nothing may be marked in them?"""
        return verdicts is self.loose or verdicts is self.strict

    def strictly(self, key: str) -> FieldVerdict:
        """The same in an object that is there for secrets: what is not known to be none is one."""
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
