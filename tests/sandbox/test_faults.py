"""The fault language and the random draw."""

from __future__ import annotations

from contextlib import suppress
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.sandbox.endpoints import Endpoint
from collector.sandbox.fault_items import Decision, Fault, FaultKind, Latency, RateLimit, Selector
from collector.sandbox.faults import FAULT_SYNTAX, FaultError, Faults
from tests.sandbox.client import Subject


class FixedRandom(Random):
    """A random generator that always returns the same number."""

    def __init__(self, point: float) -> None:
        super().__init__()
        self._point = point

    def random(self) -> float:
        return self._point


_header = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=","))
_seconds = st.floats(0, 86_400)
_latencies = st.one_of(
    st.builds(Latency, st.just("fixed"), _seconds),
    st.builds(Latency, st.just("lognormal"), _seconds, st.floats(0, 10)),
    st.tuples(_seconds, _seconds).map(lambda pair: Latency("uniform", min(pair), max(pair))),
)
_NAMED = sorted(set(FaultKind) - {FaultKind.NONE, FaultKind.STATUS})


_optional_number = st.none() | st.integers(1, 999)
_endpoints = st.sampled_from(sorted(set(Endpoint) - {Endpoint.OTHER, Endpoint.STATUS}))
_selectors = st.builds(Selector, st.none() | _endpoints, _optional_number, _optional_number)
_rate_limits = st.lists(st.builds(RateLimit, st.integers(1, 999), _selectors), max_size=3).map(tuple)


@st.composite
def _faults(draw: st.DrawFn) -> Faults:
    items = []
    for probability in draw(st.lists(st.floats(0, 0.1), max_size=9)):
        kind = draw(st.sampled_from([*_NAMED, FaultKind.STATUS]))
        selector, times = draw(_selectors), draw(_optional_number)
        if kind is FaultKind.STATUS:
            retry_after = draw(st.none() | _header.filter(lambda text: text != "none"))
            items.append(Fault(kind, probability, draw(st.integers(300, 599)), retry_after, selector, times))
        else:
            items.append(Fault(kind, probability, selector=selector, times=times))
    return Faults(tuple(items), draw(st.none() | _latencies), draw(_optional_number), draw(_rate_limits))


@given(_faults())
def test_the_text_of_faults_parses_to_equal_faults(faults: Faults) -> None:
    assert Faults.parse(str(faults)) == faults


@given(st.text() | st.text("0123456789.=,:-+ hangresetlatencymsclose"))
def test_any_text_parses_or_raises_a_fault_error(text: str) -> None:
    with suppress(FaultError):
        assert isinstance(Faults.parse(text), Faults)


@given(_faults(), st.integers())
def test_the_same_seed_gives_the_same_decisions(faults: Faults, seed: int) -> None:
    one, other = Random(seed), Random(seed)
    assert [faults.draw(one) for _ in range(5)] == [faults.draw(other) for _ in range(5)]


@pytest.mark.parametrize("text", ["", "  "])
def test_blank_text_means_no_faults(text: str) -> None:
    assert Faults.parse(text) == Faults()
    assert Faults.parse(text).draw(FixedRandom(0.0)) is None


@pytest.mark.parametrize(
    ("text", "item"),
    [
        ("frob=0.1", "frob=0.1"),
        ("500", "500"),
        ("500=0.1,,hang=0.1", ""),
        ("hang=1.5", "hang=1.5"),
        ("hang=-0.1", "hang=-0.1"),
        ("hang=nan", "hang=nan"),
        ("hang=often", "hang=often"),
        ("200=0.1", "200=0.1"),
        ("600=0.1", "600=0.1"),
        ("50=0.1", "50=0.1"),
        ("none=0.1", "none=0.1"),
        ("status=0.1", "status=0.1"),
        ("hang=0.1:retry-after=1", "hang=0.1:retry-after=1"),
        ("429=0.1:after=1", "429=0.1:after=1"),
        ("429=0.1:retry-after", "429=0.1:retry-after"),
        ("429=0.1:retry-after=1\r\nX: y", "429=0.1:retry-after=1\r\nX: y"),
        ("latency=20", "latency=20"),
        ("latency=-1ms", "latency=-1ms"),
        ("latency=inf s", "latency=inf s"),
        ("latency=2h", "latency=2h"),
        ("latency=normal:1ms:2ms", "latency=normal:1ms:2ms"),
        ("latency=lognormal:1ms", "latency=lognormal:1ms"),
        ("latency=lognormal:1ms:11", "latency=lognormal:1ms:11"),
        ("latency=uniform:2ms:1ms", "latency=uniform:2ms:1ms"),
        ("latency=1ms,latency=2ms", "latency=2ms"),
        ("close-after=0", "close-after=0"),
        ("close-after=1.5", "close-after=1.5"),
        ("close-after=1,close-after=1", "close-after=1"),
        ("500=0.6,hang=0.5", "500=0.6,hang=0.5"),
        ("500@me=0.6,hang@me=0.5", "500@me=0.6,hang@me=0.5"),
        ("500@=1", "500@=1"),
        ("500@frob=1", "500@frob=1"),
        ("500@other=1", "500@other=1"),
        ("500@status=1", "500@status=1"),
        ("500@organization-0=1", "500@organization-0=1"),
        ("500@page-=1", "500@page-=1"),
        ("latency@me=1s", "latency@me=1s"),
        ("500=1:times=0", "500=1:times=0"),
        ("hang=1:times=1:retry-after=1", "hang=1:times=1:retry-after=1"),
        ("500=1:retry-after=1:times=x,rate-limit=0", "rate-limit=0"),
        ("rate-limit=0.5", "rate-limit=0.5"),
    ],
)
def test_an_error_names_the_item(text: str, item: str) -> None:
    with pytest.raises(FaultError) as caught:
        Faults.parse(text)
    assert caught.value.item == item
    assert str(caught.value).startswith(f"{item!r}: ")


def test_every_example_in_the_syntax_parses() -> None:
    examples = [
        line.split()[0] for line in FAULT_SYNTAX.splitlines() if line.startswith("  ") and "=" in line.split()[0]
    ]
    assert len(examples) == 16
    for example in examples:
        assert Faults.parse(example) != Faults()


def test_spaces_around_items_do_not_matter() -> None:
    assert Faults.parse(" 500 = 0.05 , hang=0.1 ") == Faults.parse("500=0.05,hang=0.1")


def test_probabilities_may_sum_to_one_in_floating_point() -> None:
    assert len(Faults.parse(",".join(["hang=0.1"] * 10)).items) == 10


@pytest.mark.parametrize(
    ("text", "retry_after"),
    [
        ("429=1", "1"),
        ("503=1", None),
        ("429=1:retry-after=none", None),
        ("429=1:retry-after=1.5", "1.5"),
        ("503=1:retry-after=date+2", "date+2"),
        ("503=1:retry-after=soon: be patient", "soon: be patient"),
        ("503=1:retry-after=", ""),
    ],
)
def test_only_a_429_has_a_retry_after_by_default(text: str, retry_after: str | None) -> None:
    decision = Faults.parse(text).draw(FixedRandom(0.0))
    assert decision is not None
    assert decision.retry_after == retry_after


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        (0.0, Decision(FaultKind.STATUS, status=500)),
        (0.24, Decision(FaultKind.STATUS, status=500)),
        (0.25, Decision(FaultKind.HANG)),
        (0.49, Decision(FaultKind.HANG)),
        (0.5, None),
        (0.99, None),
    ],
)
def test_each_fault_covers_its_share_of_the_unit_interval(point: float, expected: Decision | None) -> None:
    assert Faults.parse("500=0.25,hang=0.25").draw(FixedRandom(point)) == expected


def test_the_syntax_names_every_endpoint() -> None:
    named = FAULT_SYNTAX.partition("Endpoints: ")[2].rstrip(".").replace("\n", " ").split(", ")
    outside = (Endpoint.OTHER, Endpoint.STATUS)
    assert sorted(named) == sorted(endpoint.name.lower() for endpoint in Endpoint if endpoint not in outside)


@pytest.mark.parametrize(
    ("text", "subject", "occurs"),
    [
        ("500@models=1", Subject(Endpoint.MODELS), True),
        ("500@models=1", Subject(Endpoint.USERS), False),
        ("500@organization-2=1", Subject(Endpoint.USERS, 2), True),
        ("500@organization-2=1", Subject(Endpoint.USERS, 1), False),
        ("500@page-3=1", Subject(Endpoint.MODELS, 1, 3), True),
        ("500@page-3=1", Subject(Endpoint.MODELS, 1, 2), False),
        ("500@page-3=1", Subject(Endpoint.USERS), False),
        ("500@models@page-3@organization-2=1", Subject(Endpoint.MODELS, 2, 3), True),
        ("500@page-3@organization-2@models=1", Subject(Endpoint.MODELS, 2, 3), True),
        ("500@models@page-3@organization-2=1", Subject(Endpoint.MODELS, 1, 3), False),
        ("500@models@page-3@organization-2=1", Subject(Endpoint.MODEL_SYNCS, 2, 3), False),
    ],
)
def test_a_fault_applies_only_to_the_selected_requests(text: str, subject: Subject, occurs: bool) -> None:
    assert (Faults.parse(text).draw(Random(1), subject) is not None) is occurs


def test_each_choice_of_requests_may_have_a_certain_fault() -> None:
    faults = Faults.parse("500@models=1,503@organization-2=1,404=1")
    drawn = [faults.draw(Random(1), subject) for subject in (Subject(Endpoint.MODELS, 2), Subject(Endpoint.ME, 2))]
    assert [decision.status for decision in drawn if decision] == [500, 503]
    assert faults.draw(Random(1), Subject(Endpoint.ME)) == Decision(FaultKind.STATUS, status=404)


def test_an_exhausted_fault_leaves_its_share_to_normal_replies() -> None:
    faults = Faults.parse("500=0.5:times=1,hang=0.25")
    assert faults.draw(FixedRandom(0.3), exhausted=faults.items[:1]) is None
    assert faults.draw(FixedRandom(0.2), exhausted=faults.items[:1]) == Decision(FaultKind.HANG)


@given(st.integers())
def test_a_fault_of_probability_one_always_occurs_and_one_of_zero_never(seed: int) -> None:
    certain = Faults.parse("hang=0,reset=1,close=0").draw(Random(seed))
    assert certain == Decision(FaultKind.RESET)


@given(st.integers())
def test_latency_delays_every_request_by_its_distribution(seed: int) -> None:
    fixed = Faults.parse("latency=20ms").draw(Random(seed))
    uniform = Faults.parse("latency=uniform:10ms:0.08s").draw(Random(seed))
    lognormal = Faults.parse("latency=lognormal:50ms:0").draw(Random(seed))
    assert fixed == Decision(delay=0.02)
    assert uniform is not None
    assert 0.01 <= uniform.delay <= 0.08
    assert lognormal == Decision(delay=0.05)


def test_half_of_lognormal_latencies_are_below_the_median() -> None:
    faults, rng = Faults.parse("latency=lognormal:50ms:0.6"), Random(4)
    delays = [decision.delay for decision in (faults.draw(rng) for _ in range(2_000)) if decision]
    assert 900 < sum(delay < 0.05 for delay in delays) < 1_100


def test_a_fault_applies_after_the_latency() -> None:
    assert Faults.parse("latency=1s,500=1").draw(FixedRandom(0.5)) == Decision(FaultKind.STATUS, 1.0, 500)
