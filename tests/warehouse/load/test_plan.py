"""The order of nights, which of them are refused, and the rows that each may close; without a database."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.errors import UsageError
from collector.model.side_tables import TableStatus
from collector.snapshot.reader import open_snapshot
from collector.warehouse.load.plan import Loaded, Mode, Night, is_loaded, ordered, require_loadable
from tests.support.nights import ORGANIZATION, started_at, user, write_night

_OTHER: Final = "other"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Night:
    path = write_night(tmp_path_factory.mktemp("plan") / "1.jsonl", 1, {1: {}}, tables={"users": [user(1, "a")]})
    with open_snapshot(path) as reader:
        return Night(path, reader.manifest)


def night(template: Night, day: int, organization: str | None = ORGANIZATION, status: str = "complete") -> Night:
    manifest = template.manifest._replace(
        run_id=str(day), started_at=started_at(day), organization_id=organization, status=status
    )
    return Night(Path(f"{day}.jsonl"), manifest)


def loaded(one: Night, mode: Mode = Mode.SCD2) -> Loaded:
    return Loaded(one.manifest.run_id, str(mode), one.manifest.started_at, one.organization)


_DAYS: Final = st.lists(st.tuples(st.integers(1, 28), st.sampled_from([ORGANIZATION, _OTHER, None])), max_size=8)


@given(days=_DAYS)
def test_nights_are_ordered_by_their_start_and_each_occurs_once(
    template: Night, days: list[tuple[int, str | None]]
) -> None:
    nights = ordered(night(template, *each) for each in [*days, *days])
    starts = [each.manifest.started_at for each in nights]
    assert starts == sorted(starts)
    found = sorted((each.manifest.run_id, each.organization) for each in nights)
    assert found == sorted({(str(day), name or "") for day, name in days})


@given(days=_DAYS, loaded_days=_DAYS, mode=st.sampled_from(Mode))
def test_only_a_run_that_is_older_than_a_loaded_one_of_its_organization_is_refused(
    template: Night, days: list[tuple[int, str | None]], loaded_days: list[tuple[int, str | None]], mode: Mode
) -> None:
    nights = ordered(night(template, *each) for each in days)
    ledger = [loaded(night(template, *each), mode) for each in loaded_days]
    new = [each for each in days if each not in (loaded_days[-1:] if mode is Mode.REPLACE else loaded_days)]
    is_older = any(
        later > day and (mode is Mode.REPLACE or (other or "") == (name or ""))
        for day, name in new
        for later, other in loaded_days
    )
    is_unfit = len(nights) > 1 or any(name is None for _, name in days)
    is_refused = (mode is Mode.REPLACE and is_unfit) or (mode is not Mode.APPEND and is_older)
    if is_refused:
        with pytest.raises(UsageError):
            require_loadable(nights, mode, ledger)
    else:
        require_loadable(nights, mode, ledger)
    in_tables = loaded_days[-1:] if mode is Mode.REPLACE else loaded_days
    assert [is_loaded(each, mode, ledger) for each in (night(template, *each) for each in days)] == [
        each in in_tables for each in days
    ]


def test_another_mode_and_a_replace_by_a_partial_run_are_refused(template: Night) -> None:
    with pytest.raises(UsageError, match="were loaded with --mode merge, and one table has one mode"):
        require_loadable([night(template, 2)], Mode.SCD2, [loaded(night(template, 1), Mode.MERGE)])
    with pytest.raises(UsageError, match="not a complete run of --all, so --mode replace would delete rows"):
        require_loadable([night(template, 2, status="partial")], Mode.REPLACE, [])


@pytest.mark.parametrize(
    ("changes", "closes"),
    [
        ({}, True),
        ({"status": "partial"}, False),
        ({"is_of_all": False}, False),
        ({"organization_id": None}, False),
        ({"organization_id": ""}, False),
    ],
)
def test_only_a_complete_run_of_all_closes_missing_rows(
    template: Night, changes: dict[str, object], closes: bool
) -> None:
    one = Night(template.path, template.manifest._replace(**changes))  # type: ignore[arg-type]
    assert (one.may_close("connections"), one.may_close("users")) == (closes, closes)


@pytest.mark.parametrize("status", [each for each in TableStatus if each is not TableStatus.COMPLETE])
def test_a_side_table_that_is_not_whole_closes_nothing(template: Night, status: TableStatus) -> None:
    [entry] = template.manifest.tables
    for changed in (entry._replace(status=status), entry._replace(skipped=1)):
        one = Night(template.path, template.manifest._replace(tables=(changed,)))
        assert (one.may_close("connections"), one.may_close("users")) == (True, False)
        with pytest.raises(UsageError, match="could not collect all rows of users, which --mode replace would delete"):
            require_loadable([one], Mode.REPLACE, [])
