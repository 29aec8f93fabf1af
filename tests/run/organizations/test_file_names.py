"""The names of the files of several organizations."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.errors import UsageError
from collector.model.side_tables import SIDE_TABLES
from collector.run.organizations.file_names import require_disjoint, require_placeholder
from collector.run.organizations.organization import Organization
from collector.run.output_template import OutputTemplate
from collector.run.settings import Output, Settings, Tables
from collector.snapshot.layout import SnapshotPaths

INDEX = Path("out/organizations.manifest.json")
names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,6}", fullmatch=True) | st.builds(
    "{}.{}".format, st.sampled_from(["a", "A", "b"]), st.sampled_from([*SIDE_TABLES, "errors", "partial", "manifest"])
)


def fill(path: str) -> str:
    return OutputTemplate(path).fill(run_id="run", now=0.0)


def organization(
    name: str, path: str = "out/{}.jsonl", *, errors: str | None = None, tables: Iterable[str] = ()
) -> Organization:
    output = Output(path=path.format(name), errors=errors and errors.format(name))
    return Organization(Settings(output=output, tables=Tables(include=tuple(tables))), label=name)


def check(*organizations: Organization, index: Iterable[Path] = (INDEX,), is_stream: bool = False) -> None:
    require_disjoint(organizations, index, fill, is_stream=is_stream)


@pytest.mark.parametrize(
    ("path", "suggestion"),
    [
        ("c.jsonl", "c-{organization_id}.jsonl"),
        ("out/c.jsonl.gz", "out/c-{organization_id}.jsonl.gz"),
        ("/srv/out/c.jsonl.zst", "/srv/out/c-{organization_id}.jsonl.zst"),
        ("./c", "./c-{organization_id}"),
        ("out/{date}/c.v2.jsonl", "out/{date}/c.v2-{organization_id}.jsonl"),
        ("out.d/c.json", "out.d/c.json-{organization_id}"),
    ],
)
def test_a_path_without_the_placeholder_is_an_error_that_suggests_one(path: str, suggestion: str) -> None:
    with pytest.raises(UsageError) as caught:
        require_placeholder(Output(path=path), is_stream=False)
    assert str(caught.value) == (
        f"--output {path}: all organizations would write this file; write {{organization_id}} into its path, as in "
        f"--output '{suggestion}'"
    )
    require_placeholder(Output(path=suggestion), is_stream=False)


@pytest.mark.parametrize("path", ["{organization_id}.jsonl", "out/{organization_id}/c.jsonl.gz"])
def test_the_placeholder_may_stand_anywhere_in_the_path(path: str) -> None:
    require_placeholder(Output(path=path), is_stream=False)


def test_all_organizations_may_write_one_stream_but_not_one_file_of_errors() -> None:
    require_placeholder(Output(path="-"), is_stream=True)
    require_placeholder(Output(path="-", errors="e-{organization_id}.jsonl"), is_stream=True)
    with pytest.raises(UsageError) as caught:
        require_placeholder(Output(path="-", errors="e.jsonl"), is_stream=True)
    assert str(caught.value).startswith("--errors e.jsonl: all organizations would write this file; ")
    assert str(caught.value).endswith("as in --errors 'e-{organization_id}.jsonl'")


def test_errors_beside_an_output_file_are_rejected() -> None:
    output = Output(path="{organization_id}.jsonl", errors="e-{organization_id}.jsonl")
    with pytest.raises(UsageError, match="--errors is for standard output"):
        require_placeholder(output, is_stream=False)


def test_organizations_with_files_of_their_own_pass() -> None:
    check(organization("a"), organization("b"), organization("a.b"))
    check(organization("a", "out/{}/c.jsonl"), organization("b", "out/{}/c.jsonl"))


@pytest.mark.parametrize("other", ["a", "A"])
def test_two_organizations_with_one_path_are_rejected(other: str) -> None:
    """Names are compared without case, because some file systems ignore it."""
    first, second = organization("a"), Organization(organization(other).settings, label="second")
    with pytest.raises(UsageError) as caught:
        check(first, second)
    assert str(caught.value) == (
        f"organization second and a would both write out/{other}.jsonl; choose another --output, --manifest or label"
    )


@pytest.mark.parametrize("other", ["a.errors", "a.partial.errors"])
def test_a_snapshot_may_not_be_the_errors_file_of_another_organization(other: str) -> None:
    for pair in ((organization("a"), organization(other)), (organization(other), organization("a"))):
        with pytest.raises(UsageError, match=rf"would both write out/{other}\.jsonl; "):
            check(*pair)


def test_a_snapshot_may_be_called_like_a_side_table_only_if_no_organization_writes_that_table() -> None:
    check(organization("a"), organization("a.policies"))
    check(organization("a", tables=["users"]), organization("a.policies", tables=["users"]))
    with pytest.raises(UsageError, match=r"would both write out/a\.policies\.jsonl"):
        check(organization("a", tables=["policies"]), organization("a.policies", tables=["policies"]))


def test_two_partitions_need_folders_of_their_own() -> None:
    check(organization("a", "out/{}/c-{{part}}.jsonl"), organization("b", "out/{}/c-{{part}}.jsonl"))
    with pytest.raises(UsageError, match="organization b and a would both write out/_SUCCESS"):
        check(organization("a", "out/{}-{{part}}.jsonl"), organization("b", "out/{}-{{part}}.jsonl"))


def test_a_manifest_may_not_be_the_index() -> None:
    with pytest.raises(UsageError) as caught:
        check(organization("a"), organization("organizations"))
    assert str(caught.value) == (
        f"organization organizations and the index would both write {INDEX}; choose another --output, --manifest or "
        "label"
    )
    check(organization("organizations", "out/{}/c.jsonl"))
    check(organization("organizations"), index=())


def test_no_file_of_an_organization_may_be_the_lock_or_the_mark_of_the_index() -> None:
    for path in ("out/a.partial.lock", "out/a.partial.run.json", "out/a.jsonl"):
        with pytest.raises(UsageError, match=f"a and the index would both write {path}"):
            check(organization("a"), index=[Path(path)])


def test_on_a_stream_only_the_files_of_errors_are_compared() -> None:
    check(organization("a", "-"), organization("b", "-"), is_stream=True)
    check(organization("a", "-", errors="e-{}"), organization("b", "-", errors="e-{}"), is_stream=True)
    with pytest.raises(UsageError, match="organization b and a would both write e; "):
        check(organization("a", "-", errors="e"), organization("b", "-", errors="e"), is_stream=True)
    with pytest.raises(UsageError, match="organization a and the index would both write out/a; "):
        check(organization("a", "-", errors="out/{}"), index=[Path("out/a")], is_stream=True)


def test_other_placeholders_are_filled_in_before_paths_are_compared() -> None:
    with pytest.raises(UsageError, match=r"b and a would both write out/1970-01-01\.jsonl"):
        check(organization("a", "out/{{date}}.jsonl"), organization("b", "out/{{date}}.jsonl"))
    with pytest.raises(UsageError, match=r"\{day\} is not a placeholder"):
        check(organization("a", "out/{}-{{day}}.jsonl"))


@given(st.lists(names, unique_by=str.lower, min_size=1, max_size=5), st.sets(st.sampled_from([*SIDE_TABLES])))
def test_organizations_that_pass_share_no_file(labels: list[str], tables: set[str]) -> None:
    organizations = [organization(label, tables=tables) for label in labels]
    owners: dict[str, set[str]] = {}
    for each in organizations:
        paths = SnapshotPaths(Path(each.settings.output.path))
        written = {paths.snapshot, paths.errors, paths.manifest, *paths.unfinished, *map(paths.table, tables)}
        for path in written:
            owners.setdefault(str(path).lower(), set()).add(each.name)
    is_shared = any(len(each) > 1 for each in owners.values()) or str(INDEX) in owners
    try:
        check(*organizations)
    except UsageError:
        assert is_shared
    else:
        assert not is_shared
