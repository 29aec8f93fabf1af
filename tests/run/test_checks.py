"""The judgements of `collector check`: pure functions from facts to a level, a text and advice."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.client.auth.authorization import KeySource
from collector.client.failures import BadPayload, Throttled, TimedOut, Transient, Unauthorized
from collector.client.messages import Reply
from collector.model.errors import ConfigError, ExitCode
from collector.polytomic.caller import Caller
from collector.run.organizations.organization import Organization
from collector.run.organizations.organization_settings import OrganizationSettings
from collector.run.readiness.checks import (
    addresses,
    certificates,
    configuration,
    folder,
    ids,
    key,
    organizations,
    quota,
    replies,
)
from collector.run.readiness.checks.addresses import Contact, Hop
from collector.run.readiness.checks.caller import check_caller
from collector.run.readiness.checks.certificates import Certificate, Handshake
from collector.run.readiness.checks.finding import (
    Finding,
    Level,
    exit_code_of,
    failure,
    failure_from,
    ok,
    skipped,
    warning,
)
from collector.run.readiness.checks.folder import Rehearsal, Space
from collector.run.readiness.checks.replies import Answer
from collector.run.readiness.report import Console, Report
from collector.run.settings import Settings

DAY = 86_400.0
HOP = Hop("api.example", 443, is_encrypted=True)
LEVELS = st.sampled_from([0, 2, 4, 6])


def of_code(code: int) -> Finding:
    return failure("x", "it fails", "mend it", ExitCode(code)) if code else ok("x", "fine")


@given(st.lists(LEVELS))
def test_the_exit_code_is_that_of_the_first_failure(codes: list[int]) -> None:
    found = [of_code(code) for code in codes]
    assert exit_code_of(found) == next(filter(None, codes), 0)


def test_warnings_and_skipped_checks_are_no_failure() -> None:
    assert exit_code_of([warning("x", "slow", "wait"), skipped("y", "no key")]) == 0


def test_a_message_ends_with_the_advice_of_the_error() -> None:
    found = failure_from("x", ConfigError("it is bad; so nothing works; mend it"))
    assert (found.text, found.advice, found.exit_code) == ("it is bad; so nothing works", "mend it", 2)
    assert failure_from("x", ConfigError("it is bad"), "mend it").message == "it is bad; mend it"


def test_every_text_of_a_finding_is_scrubbed_also_in_its_facts() -> None:
    found = failure("x", "a key", "a key", facts=["key", {"b": "key"}, 1]).scrubbed(
        lambda text: text.replace("key", "-")
    )
    assert (found.text, found.advice, found.facts) == ("a -", "a -", {"facts": ["-", {"b": "-"}, 1]})


# Settings and the key.


def test_every_setting_is_listed_with_its_origin() -> None:
    settings = Settings()
    listed = configuration.check_configuration(settings, {("limits", "rate"): "option --rate"}).facts["settings"]
    assert [each["setting"] for each in listed] == [
        f"[{section.name}] {setting.name}"
        for section in fields(settings)
        for setting in fields(getattr(settings, section.name))
    ]
    assert [each["setting"] for each in listed if each["origin"] != "default"] == ["[limits] rate"]


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("base_url", "https://api.example:8443/path/token", "https://api.example:8443"),
        ("proxy", "http://user:secret@proxy.example:3128", "http://proxy.example:3128"),
        ("key_command", "echo secret", "(set, not shown)"),
        ("key_keyring", "service:user", "(set, not shown)"),
        ("files", ("a", "b"), ["a", "b"]),
        ("rate", 2.5, 2.5),
        ("proxy", None, None),
    ],
)
def test_a_value_is_shown_without_what_may_be_secret(name: str, value: object, shown: object) -> None:
    assert configuration.shown(name, value) == shown


@pytest.mark.parametrize(
    ("key_source", "variables", "source"),
    [
        (KeySource(), ("POLYTOMIC_API_KEY", "POLYTOMIC_PARTNER_KEY"), "POLYTOMIC_API_KEY"),
        (KeySource(), ("POLYTOMIC_DEPLOYMENT_KEY",), "POLYTOMIC_DEPLOYMENT_KEY"),
        (KeySource(command="echo secret"), ("POLYTOMIC_API_KEY",), "the command of [api] key_command"),
        (
            KeySource(command="echo secret", place="[[organizations]] eu"),
            (),
            "the command of [[organizations]] eu key_command",
        ),
        (KeySource(file="/etc/collector/key"), (), "the file /etc/collector/key"),
        (KeySource(file="-"), (), "standard input"),
        (KeySource(fd=3), (), "descriptor 3"),
        (KeySource(keyring="service:user"), (), "the keyring"),
    ],
)
def test_the_source_of_the_key_is_named(key_source: KeySource, variables: tuple[str, ...], source: str) -> None:
    assert key.source_of(key_source, variables) == source


# The network.


def test_some_dead_addresses_are_a_warning_and_only_dead_ones_a_failure() -> None:
    live, dead = Contact("192.0.2.1"), Contact("192.0.2.2", "Connection refused")
    assert addresses.check_contacts(HOP, [live]).level is Level.OK
    assert addresses.check_contacts(HOP, [live, dead]).level is Level.WARN
    assert addresses.check_contacts(HOP, [dead, dead]).level is Level.FAIL
    assert "192.0.2.2 (Connection refused)" in addresses.check_contacts(HOP, [live, dead]).text


@pytest.mark.parametrize(
    ("base_url", "proxy", "hop"),
    [
        ("https://api.example", None, Hop("api.example", 443, is_encrypted=True)),
        ("http://api.example", None, Hop("api.example", 80, is_encrypted=False)),
        ("https://api.example:8443/p", None, Hop("api.example", 8443, is_encrypted=True)),
        ("https://api.example", "http://u:p@proxy.example:3128", Hop("proxy.example", 3128, False, is_proxy=True)),
        ("https://api.example", "https://proxy.example", Hop("proxy.example", 443, True, is_proxy=True)),
    ],
)
def test_the_next_host_is_the_proxy_if_there_is_one(base_url: str, proxy: str | None, hop: Hop) -> None:
    assert addresses.hop_of(base_url, proxy) == hop


@given(st.lists(st.integers(-10, 400), min_size=1, max_size=3))
def test_the_certificate_that_expires_first_decides(days: list[int]) -> None:
    chain = tuple(Certificate(f"c{number}", "ca", (each + 0.5) * DAY) for number, each in enumerate(days))
    found = certificates.check_handshakes(HOP, [Handshake("192.0.2.1", "TLSv1.3", chain)], now=0.0)
    assert found.level is (Level.WARN if min(days) < 21 else Level.OK)
    assert f"{min(days)} day" in found.text


def test_one_address_with_a_bad_certificate_is_a_failure_that_names_it() -> None:
    good = Handshake("192.0.2.1", "TLSv1.3", (Certificate("a", "ca", 99 * DAY),))
    bad = Handshake("192.0.2.2", error="the certificate does not verify (expired)", advice="renew it")
    found = certificates.check_handshakes(HOP, [good, bad], now=0.0)
    assert (found.level, found.exit_code) == (Level.FAIL, 2)
    assert found.message == "api.example at 192.0.2.2: the certificate does not verify (expired); renew it"


def test_a_subject_is_named_by_its_common_name_else_by_another_part() -> None:
    assert certificates.name_of(((("organizationName", "O"),), (("commonName", "C"),))) == "C"
    assert certificates.name_of(((("organizationName", "O"),),)) == "O"
    assert certificates.name_of(()) == "a certificate without a name"


# Replies.


def answer(date: str | None, sent: float = 1000.0, received: float = 1000.5, **headers: str) -> Answer:
    return Answer(Reply(200, {**headers, **({"Date": date} if date else {})}, b""), sent, received)


def http_date(seconds: float) -> str:
    from email.utils import formatdate  # noqa: PLC0415

    return formatdate(int(seconds), usegmt=True)


@given(st.floats(-1e6, 1e6), st.floats(0, 10), st.floats(0, 1))
def test_the_clock_is_judged_within_a_second_and_never_suspected_without_skew(
    skew: float, duration: float, share: float
) -> None:
    """`Date` shows whole seconds, and the reply is written at some moment between the request and its arrival."""
    written = 2e9 + share * duration
    found = replies.check_clock(answer(http_date(written + skew), 2e9, 2e9 + duration))
    seen = found.facts["skew_seconds"]
    assert abs(seen) <= abs(skew) + 0.1
    assert abs(seen) >= abs(skew) - duration - 1.1
    if abs(skew) < 5:
        assert found.level is Level.OK
    if abs(skew) > 5 + duration + 1.1:
        assert found.level is not Level.OK


@pytest.mark.parametrize("date", [None, "", "yesterday", "Thu, 99 Foo 2020 00:00:00 GMT", "\udcff"])
def test_an_invalid_date_is_a_warning(date: str | None) -> None:
    assert replies.check_clock(answer(date)).level is Level.WARN


@pytest.mark.parametrize(
    ("error", "level", "code"),
    [
        (Unauthorized("HTTP 401", 401), Level.FAIL, 4),
        (Throttled("HTTP 429", 429, 3.0), Level.WARN, 0),
        (Throttled("HTTP 429", 429, float("inf")), Level.WARN, 0),
        (BadPayload("not JSON", 200), Level.FAIL, 2),
        (Transient("HTTP 503", 503), Level.FAIL, 2),
        (TimedOut("no reply in time"), Level.FAIL, 2),
    ],
)
def test_a_failed_attempt_has_its_level_and_advice(error: Any, level: Level, code: int) -> None:
    found = replies.failed_attempt("api", error)
    assert (found.level, found.exit_code) == (level, code)
    assert found.advice


@given(st.integers(100, 999))
def test_every_status_is_either_refused_or_final(status: int) -> None:
    found = replies.refusal("api", Reply(status, {}, b""), 0.0)
    is_final = status == 200 or (400 <= status < 500 and status not in {401, 407, 408, 409, 425, 429})
    assert (found is None) == (is_final or status in {501, 505})
    assert found is None or found.advice


@pytest.mark.parametrize(
    ("headers", "level", "text"),
    [
        ({}, Level.OK, "none stated"),
        (
            {"RateLimit-Limit": "10", "RateLimit-Remaining": "3", "RateLimit-Reset": "7"},
            Level.OK,
            "3 of 10 requests left",
        ),
        ({"RateLimit-Remaining": "0", "RateLimit-Reset": "7"}, Level.WARN, "0 requests left, for the next 7 s"),
    ],
)
def test_the_limits_of_a_reply_are_shown(headers: dict[str, str], level: Level, text: str) -> None:
    found = replies.check_limits(Reply(200, headers, b""), 0.0, 50.0)
    assert found.level is level
    assert text in found.text


@pytest.mark.parametrize(
    ("caller", "organization", "level", "text"),
    [
        (Caller("user", "a@b.example", "1", "O", "admin", "read_only"), None, Level.OK, "role admin, read-only"),
        (Caller("user", "a@b.example", "1", "O", None, "full"), None, Level.OK, "mode full, not read-only"),
        (Caller("organization", None, "1", "O"), "1", Level.OK, "organization key, organization O (1)"),
        (Caller("organization", None, "1", "O"), "2", Level.WARN, "not the organization of --organization-id (2)"),
        (Caller("partner"), None, Level.WARN, "partner key, no organization"),
        (Caller(), "1", Level.OK, "a key of unknown kind"),
    ],
)
def test_the_caller_is_described_as_far_as_the_api_says(
    caller: Caller, organization: str | None, level: Level, text: str
) -> None:
    found = check_caller(caller, organization)
    assert found.level is level
    assert text in found.text


# Organizations.

OWN, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


@pytest.mark.parametrize(
    ("caller", "organization_id", "level", "code"),
    [
        (Caller("organization", None, OWN.upper(), "O"), OWN, Level.OK, 0),
        (Caller("user", "a@b.example", OTHER, "O"), OWN, Level.FAIL, 2),
        (Caller("user", "a@b.example", OTHER, "O"), None, Level.OK, 0),
        (Caller("organization"), OWN, Level.OK, 0),
        (Caller("partner"), None, Level.WARN, 0),
    ],
)
def test_the_key_of_an_organization_must_read_that_organization(
    caller: Caller, organization_id: str | None, level: Level, code: int
) -> None:
    found = organizations.check_member(caller, organization_id)
    assert (found.level, found.exit_code, found.facts) == (level, code, caller._asdict())
    assert "--organization-id" not in found.message


@pytest.mark.parametrize("owner", [None, OWN, OWN.upper(), 7])
def test_a_connection_of_the_organization_or_of_an_unstated_one_is_accepted(owner: Any) -> None:
    found = ok("read", "1 byte")
    assert organizations.check_owner(found, owner, OWN) is found
    assert organizations.check_owner(found, OTHER, None) is found


def test_a_connection_of_another_organization_is_the_failure_of_a_run() -> None:
    found = organizations.check_owner(ok("read", "1 byte", bytes=1), OTHER, OWN)
    assert (found.check, found.level, found.exit_code, found.facts) == ("read", Level.FAIL, 2, {"bytes": 1})
    assert found.text == f"the key reads organization {OTHER}, but the records of {OWN} were requested"


def test_a_finding_names_its_organization() -> None:
    found = organizations.named(failure("read", "it fails", "mend it", ExitCode.KEY_REFUSED, status=403), "eu")
    assert (found.message, found.exit_code) == ("eu: it fails; mend it", 4)
    assert found.facts == {"organization": "eu", "status": 403}


@given(st.integers(0, 40))
def test_a_selection_names_at_most_ten_organizations_and_its_facts_name_all(count: int) -> None:
    selected = [Organization(Settings(), str(number), title=f"T{number}") for number in range(count)]
    found = organizations.check_listed(selected, 50)
    assert len(re.findall(r"T[0-9]+ \(", found.text)) == min(count, 10)
    assert found.text.endswith(f" and {count - 10} more") == (count > 10)
    assert [each["name"] for each in found.facts["selected"]] == [each.title for each in selected]


def test_the_organizations_of_the_configuration_are_facts_without_their_keys() -> None:
    tables = [
        OrganizationSettings(id=OWN, label="eu", key_command="echo secret"),
        OrganizationSettings(label="us", key_keyring="service:user"),
        OrganizationSettings(id=OTHER),
    ]
    found = configuration.check_configuration(Settings(), {}, tables)
    assert found.facts["organizations"] == [
        {"id": OWN, "label": "eu", "key": "key_command"},
        {"id": None, "label": "us", "key": "key_keyring"},
        {"id": OTHER, "label": None, "key": configuration.SHARED_KEY},
    ]
    assert "organizations" not in configuration.check_configuration(Settings(), {}).facts


def test_a_missing_key_is_advised_where_it_belongs() -> None:
    error = ConfigError("key_file keys/eu: No such file or directory")
    assert key.no_own_key(error).message.endswith("; correct the source of its key")
    assert key.no_key(error).message.endswith("; correct the source of the key, or set POLYTOMIC_API_KEY")
    assert key.no_shared_key(error).message.endswith("; correct the source of the key, or set POLYTOMIC_PARTNER_KEY")


def test_every_report_hides_the_secrets_of_all_organizations() -> None:
    found: list[Finding] = []
    hidden: list[str] = []
    report = Report(Console(found.append, found.append, hidden.extend))  # type: ignore[arg-type]  # no prompt here
    report.of("eu").hide(["secret-of-eu"])
    report.of("us").hide(["secret-of-us"])
    assert not report.of("apac").add(failure("read", "secret-of-eu and secret-of-us", "mend it"))
    assert report.add(ok("read", "secret-of-us"))
    assert hidden == ["secret-of-eu", "secret-of-us"]
    assert not [each for each in found if "secret" in each.message]
    assert found[0].text.startswith("apac: ")


# Files.


@given(st.lists(st.none() | st.integers(0, 10**6), max_size=5))
def test_the_space_of_a_disk_is_compared_with_the_sum_of_its_last_snapshots(sizes: list[int | None]) -> None:
    total = Space(10**6, snapshots=0)
    for number, each in enumerate(sizes):
        total = total.with_snapshot(Space(10**6) if each is None else Space(10**6, True, Path(str(number)), each))
    known = [each for each in sizes if each is not None]
    assert (total.snapshots, total.last_bytes) == (len(known), sum(known))
    found = folder.check_space(Path("f"), total)
    assert (found.level is Level.FAIL) == (sum(known) > 10**6)
    assert ("organizations" in found.text) == (len(known) > 1)


@pytest.mark.parametrize(
    ("probed", "others", "text"),
    [
        ("out", 0, "a/b does not exist; a run creates it in out, where files can"),
        ("out", 2, "a/b and 2 more do not exist; a run creates them in out, where files can"),
        ("a/b", 0, "locked and renamed"),
        ("a/b", 1, "locked and renamed; a run creates 1 folder in it"),
        ("a/b", 2, "locked and renamed; a run creates 2 folders in it"),
    ],
)
def test_folders_that_a_run_creates_in_one_share_its_finding(probed: str, others: int, text: str) -> None:
    found = folder.check_rehearsal(Rehearsal(Path("a/b"), Path(probed)), others=others)
    assert text in found.text
    assert found.text.endswith(text) == (probed == "a/b")


@given(st.integers(0, 10**13), st.integers(0, 10**13))
def test_less_space_than_the_last_snapshot_is_a_failure_and_less_than_twice_a_warning(free: int, last: int) -> None:
    found = folder.check_space(Path("f"), Space(free, last=Path("f/c.jsonl"), last_bytes=last))
    if free < max(last, 1):
        assert (found.level, found.exit_code) == (Level.FAIL, 6)
    else:
        assert found.level is (Level.WARN if free < 2 * last else Level.OK)


def test_no_free_inodes_are_a_failure() -> None:
    assert folder.check_space(Path("f"), Space(10**9, has_inodes=False)).exit_code == 6


@given(st.integers(0, 10**15))
def test_a_size_has_at_most_four_digits_before_its_unit(count: int) -> None:
    assert re.fullmatch(r"[0-9]?,?[0-9]{1,3}(\.[0-9])? (bytes|[KMGT]iB)", folder.size(count))


def test_a_missing_guarantee_is_a_warning_with_its_meaning() -> None:
    lacks = "the output's file system cannot lock files (No locks available): never start two runs with the same output"
    found = folder.check_rehearsal(Rehearsal(Path("f"), Path("f"), missing=[lacks]))
    assert found.level is Level.WARN
    assert found.advice == "never start two runs with the same output"


def test_the_quota_is_judged_by_its_warning() -> None:
    path = Path("/tmp/collector-1/quota-0")
    assert quota.check_quota(path, "", was_unknown=False).level is Level.OK
    found = quota.check_quota(path, f"{path}: not sharing the quota with other runs: not a folder", was_unknown=False)
    assert found.text == "not shared with other runs: not a folder"
    assert quota.unshared(0.0).text.endswith("(--rate 0)")


def test_a_time_out_of_the_ids_is_a_failure() -> None:
    assert ids.unread(TimeoutError(), 60.0).exit_code == 2
