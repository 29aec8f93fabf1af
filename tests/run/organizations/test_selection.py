"""Which organizations a run collects, and the settings of each one's own run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.client.auth.authorization import KeySource, SharedKey
from collector.model.errors import ConfigError, UsageError
from collector.model.secret import Secret
from collector.polytomic.organizations import ListedOrganization
from collector.run.ids.id_input import read_ids
from collector.run.organizations.organization import Organization, path_name_of
from collector.run.organizations.organization_settings import OrganizationSettings
from collector.run.organizations.selection import Selection
from collector.run.settings import ALL, Api, Filter, Ids, Limits, Output, Settings, Tables
from tests.support.scripted_server import ids

KEY = SharedKey(Secret("partner-key"))
FIRST, SECOND, THIRD = ids(3, 0xABCDEF01)
LISTED = [ListedOrganization(FIRST.upper(), "Acme"), ListedOrganization(SECOND), ListedOrganization("org-3", "Third")]

names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,8}", fullmatch=True).filter(lambda name: name.lower() != ALL)


def settings(*organizations: str, output: str = "out/{organization_id}.jsonl", **sections: Any) -> Settings:
    return Settings(api=Api(organizations=organizations), output=Output(path=output), **sections)


def listed(*organizations: str) -> list[Organization]:
    return Selection(settings(*organizations)).organizations(KEY, LISTED)


def configured(*tables: OrganizationSettings, only: Sequence[str] = ()) -> list[Organization]:
    return Selection(settings(*only), tables).organizations(KEY)


def own(label: str | None = None, id: str | None = None) -> OrganizationSettings:
    """An organization with a key of its own."""
    return OrganizationSettings(id=id, label=label, key_file="own-key")


def test_all_are_those_of_the_list_in_its_order_with_their_names() -> None:
    found = listed(ALL)
    assert [(each.id, each.title, each.label) for each in found] == [
        (FIRST.upper(), "Acme", None),
        (SECOND, None, None),
        ("org-3", "Third", None),
    ]
    assert [each.path_name for each in found] == [FIRST, SECOND, "org-3"]  # as ids are in records


@pytest.mark.parametrize("wanted", [FIRST, FIRST.upper()])
def test_an_organization_is_found_in_any_case(wanted: str) -> None:
    assert [each.id for each in listed("ORG-3", wanted)] == ["org-3", FIRST.upper()]


def test_an_organization_that_is_named_in_two_cases_is_collected_once() -> None:
    assert [each.id for each in listed(SECOND, "org-3", "ORG-3", SECOND.upper())] == [SECOND, "org-3"]
    tables = (own("emea"), own("apac"))
    assert [each.label for each in configured(*tables, only=("APAC", "apac", "emea"))] == ["apac", "emea"]


def test_an_organization_that_the_key_does_not_reach_is_an_error_that_lists_the_others() -> None:
    with pytest.raises(UsageError) as caught:
        listed(FIRST, "org-4")
    assert str(caught.value) == (
        f"--organizations org-4: not in the API's list for this key, which has {FIRST.upper()}, {SECOND}, org-3"
    )


def test_a_long_list_in_an_error_ends_with_its_length() -> None:
    many = [ListedOrganization(f"org-{number}") for number in range(13)]
    with pytest.raises(UsageError, match=r"which has org-0, .*, org-9 and 3 more$"):
        Selection(settings("other")).organizations(KEY, many)
    with pytest.raises(UsageError, match=r"which has none$"):
        Selection(settings("other")).organizations(KEY, [])


def test_a_name_of_the_configuration_file_that_is_unknown_is_an_error_that_lists_its_organizations() -> None:
    tables = (own("emea"), OrganizationSettings(id=FIRST, label="apac"), OrganizationSettings(id=SECOND))
    with pytest.raises(UsageError) as caught:
        configured(*tables, only=("emea", "amer"))
    assert str(caught.value) == (
        f"--organizations amer: not in the configuration file, which has emea, {FIRST} apac, {SECOND}"
    )


@pytest.mark.parametrize("only", [(), (ALL,)])
def test_the_configuration_file_replaces_the_list(only: Sequence[str]) -> None:
    tables = (own("emea"), OrganizationSettings(id=FIRST))
    selection = Selection(settings(*only), tables)
    assert (selection.is_active, selection.needs_list, selection.needs_shared_key) == (True, False, True)
    assert [each.name for each in selection.organizations(KEY, LISTED)] == ["emea", FIRST]


def test_organizations_of_the_configuration_file_are_selected_by_label_or_id() -> None:
    tables = (own("emea"), own("apac", id=FIRST), own(id=SECOND))
    assert [each.name for each in configured(*tables, only=(FIRST.upper(), "EMEA"))] == ["apac", "emea"]


def test_without_organizations_a_run_has_none_to_select() -> None:
    assert not Selection(settings()).is_active
    assert Selection(settings(ALL)).is_active


def test_the_shared_key_is_read_only_if_a_selected_organization_uses_it() -> None:
    tables = (own("emea"), OrganizationSettings(id=FIRST))
    assert not Selection(settings("emea"), tables).needs_shared_key
    assert Selection(settings(FIRST), tables).needs_shared_key
    assert Selection(settings(ALL)).needs_shared_key


def test_the_shared_key_is_sent_with_the_id_and_an_own_key_replaces_it() -> None:
    shared, with_own, label_alone = configured(OrganizationSettings(id=FIRST), own(id=SECOND), own("emea"))
    assert shared.header is not None
    assert shared.header.reveal() == KEY.header_for(FIRST).reveal()
    assert (with_own.header, label_alone.header) == (None, None)
    assert shared.key_source is None
    assert with_own.key_source == KeySource(file="own-key", organization_id=SECOND, place=f"[[organizations]] {SECOND}")
    assert label_alone.key_source == KeySource(file="own-key", place="[[organizations]] emea")


def test_the_first_line_of_standard_input_is_not_both_a_key_and_an_id() -> None:
    table = OrganizationSettings(label="emea", key_file="-")
    with pytest.raises(ConfigError, match=r"^\[\[organizations\]\] emea key_file must be other than - when the ids"):
        Selection(settings(ids=Ids(files=("-",))), (table,))


@pytest.mark.parametrize(("source", "stream"), [({"key_file": "-"}, "standard input"), ({"key_fd": 7}, "descriptor 7")])
def test_two_keys_do_not_come_from_one_stream(source: dict[str, Any], stream: str) -> None:
    emea, apac = OrganizationSettings(label="emea", **source), OrganizationSettings(id=FIRST, label="apac", **source)
    message = f"both read their key from {stream}, which holds only one; give one of them another key source"
    with pytest.raises(ConfigError) as caught:
        Selection(settings(), (emea, own("amer"), apac))
    assert str(caught.value) == f"[[organizations]] emea and [[organizations]] apac {message}"
    base = replace(settings(), api=Api(**source))
    with pytest.raises(ConfigError) as caught:
        Selection(base, (OrganizationSettings(id=SECOND), apac))
    assert str(caught.value) == f"[api] and [[organizations]] apac {message}"


def test_keys_may_come_from_several_streams_and_from_one_that_a_single_selected_organization_reads() -> None:
    stdin = OrganizationSettings(label="emea", key_file="-")
    tables = (stdin, OrganizationSettings(label="apac", key_fd=7), OrganizationSettings(label="amer", key_fd=8))
    assert len(configured(*tables)) == 3
    base = replace(settings("emea"), api=Api(key_file="-", organizations=("emea",)))
    twice = (stdin, OrganizationSettings(label="apac", key_file="-"))
    assert [each.name for each in Selection(base, twice).organizations(None)] == ["emea"]


def test_the_run_of_an_organization_has_its_own_paths_and_neither_time_limit_nor_manifest_of_all() -> None:
    base = Settings(
        api=Api(organizations=(ALL,)),
        limits=Limits(max_duration=60, rate=7),
        output=Output(path="{organization_id}/{date}/c.jsonl", errors="e-{organization_id}", manifest="index.json"),
    )
    first, _, third = Selection(base).organizations(KEY, LISTED)
    assert first.settings.output == replace(
        base.output, path=f"{FIRST}/{{date}}/c.jsonl", errors=f"e-{FIRST}", manifest=None
    )
    assert third.settings.output.path == "org-3/{date}/c.jsonl"
    assert first.settings.limits == replace(base.limits, max_duration=None)
    assert (first.settings.api.organization_id, first.settings.api.organizations) == (FIRST.upper(), ())


def test_a_label_replaces_the_placeholder_only_without_an_id() -> None:
    emea, apac = configured(own("emea"), own("apac", id=FIRST))
    assert [each.settings.output.path for each in (emea, apac)] == ["out/emea.jsonl", f"out/{FIRST}.jsonl"]


@pytest.mark.parametrize("id", ["../../etc", "a/b", "a\nb", "", "x" * 101, "-a"])
def test_a_listed_id_that_cannot_be_a_file_name_is_an_error_that_does_not_show_it(id: str) -> None:
    with pytest.raises(UsageError, match=rf"cannot be a part of file names \({len(id)} characters\)") as caught:
        Selection(settings(ALL)).organizations(KEY, [ListedOrganization(id)])
    assert not id or id not in str(caught.value)
    assert [each.id for each in Selection(settings("a")).organizations(KEY, [*map(ListedOrganization, (id, "a"))])] == [
        "a"
    ]


@pytest.mark.parametrize(
    ("tables", "name"),
    [
        ((own("emea"), own("EMEA")), "EMEA"),
        ((OrganizationSettings(id=FIRST), OrganizationSettings(id=FIRST.upper(), label="a")), FIRST),
        ((OrganizationSettings(id="a"), own("A")), "A"),
        ((own("a", id=FIRST), own("a", id=SECOND)), "a"),
        ((own(FIRST), OrganizationSettings(id=FIRST)), FIRST),
    ],
)
def test_two_organizations_of_one_name_are_rejected(tables: tuple[OrganizationSettings, ...], name: str) -> None:
    with pytest.raises(ConfigError, match=rf"two \[\[organizations\]\] are called {name}, so they would write"):
        Selection(settings(), tables)


def test_one_organization_and_tables_of_several_exclude_each_other() -> None:
    with pytest.raises(ConfigError, match=r"\[api\] organization_id and \[\[organizations\]\] exclude each other"):
        Selection(Settings(api=Api(organization_id=FIRST)), (own("emea"),))


@given(st.lists(names, unique_by=str.lower, min_size=1), st.data())
def test_every_selection_has_the_wanted_organizations_once_in_their_order(
    known: list[str], data: st.DataObject
) -> None:
    wanted = data.draw(st.lists(st.sampled_from(known).flatmap(lambda name: st.sampled_from([name, name.upper()]))))
    base = replace(settings(), api=replace(Api(), organizations=tuple(dict.fromkeys(wanted)) or (ALL,)))
    expected = list(dict.fromkeys(map(str.lower, wanted or known)))
    listing = [ListedOrganization(name) for name in known]
    assert [each.path_name.lower() for each in Selection(base).organizations(KEY, listing)] == expected
    tables = tuple(own(name) for name in known)
    assert [each.path_name.lower() for each in Selection(base, tables).organizations(None)] == expected


def digest_of(settings: Settings, *tables: OrganizationSettings, connections: Sequence[str] = ()) -> str:
    """The digest of a run with these connections in its input."""
    return Selection(settings, tables).digest(read_ids(connections, (), column="id").ids.digest())


CHANGES: dict[str, Settings] = {
    "other organizations": settings("a"),
    "another path": settings(ALL, output="other/{organization_id}.jsonl"),
    "all connections": settings(ALL, ids=Ids(all=True)),
    "payloads of the list": settings(ALL, ids=Ids(from_list=True)),
    "a filter": settings(ALL, filter=Filter(type=("postgresql",))),
    "side tables": settings(ALL, tables=Tables(include=("policies",))),
}


@pytest.mark.parametrize("changed", CHANGES.values(), ids=CHANGES.keys())
def test_runs_of_other_selections_have_other_digests(changed: Settings) -> None:
    assert digest_of(changed) != digest_of(settings(ALL))


def test_the_digest_depends_on_the_ids_and_the_configured_organizations_but_not_on_limits() -> None:
    base = settings(ALL)
    tables = [(), (own("emea"),), (own("apac"),), (own("apac", id=FIRST),)]
    digests = {digest_of(base, *each, connections=ids(count)) for each in tables for count in range(3)}
    assert len(digests) == 3 * len(tables)
    assert digest_of(replace(base, limits=Limits(organizations_at_once=1, rate=1))) in digests


def test_the_name_in_paths_is_the_canonical_id_or_the_label() -> None:
    assert path_name_of(FIRST.upper(), "emea") == FIRST
    assert path_name_of("Org-3", None) == "Org-3"
    assert path_name_of(None, "emea") == "emea"
