"""The table of token issuers and the matcher built from it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.redaction.detect.field_names import words
from collector.redaction.detect.issuers import ALPHABETS, Form, Issuer, Run, issuers
from collector.redaction.detect.tokens import mask_tokens
from tests.support.issued_tokens import characters, made

FORMS = [form for issuer in issuers() for form in issuer.forms]
PATTERNS = [(f"token:{form.issuer}", form.pattern()) for form in FORMS]
ASKED_FOR = words(
    "aws-session azure-entra azure-key buildkite circleci contentful dbt discord grafana groq heroku launchdarkly "
    "mapbox netlify okta pinecone plaid planetscale pulumi razorpay replicate sentry supabase terraform-cloud typeform "
    "xai"
)
RULE_SETS = {"gitleaks", "trufflehog", "betterleaks", "kingfisher", "microsoft/security-utilities"}
PLACES = (
    "{}",
    "{} ",
    " {}",
    '"{}"',
    "'{}'",
    "`{}`",
    "({})",
    "[{}]",
    "<{}>",
    "{{{}}}",
    "key={}",
    "key: {}",
    "key:{},",
    "is {}.",
    "is {};",
    "is {}, or",
    "a\n{}\nb",
    "https://example.com/?x={}&y=1",
    "https://example.com/a/{}",
    '{{\\"x\\": \\"{}\\"}}',
    "a\\n{}\\nb",
    "x%3D{}%26y",
)


def shown(text: str) -> str:
    return mask_tokens(text, lambda _secret, _rule: "#")


def noting(rules: list[str]) -> Callable[[str, str], str]:
    """Note the rule of each masked token."""

    def substitute(_secret: str, rule: str) -> str:
        rules.append(rule)
        return "#"

    return substitute


def named(form: Form) -> str:
    return f"{form.issuer}-{FORMS.index(form)}"


@pytest.mark.parametrize("form", FORMS, ids=named)
def test_a_token_is_masked_entirely_in_every_place(form: Form) -> None:
    rng = Random(named(form))
    takes_percents = any(isinstance(part, Run) and part.alphabet == "percent" for part in form.parts)
    for place in PLACES[:-1] if takes_percents else PLACES:
        token = made(form, rng)
        rules = list[str]()
        assert mask_tokens(place.format(token), noting(rules)) == place.format("#"), (place, token)
        assert len(rules) == 1
        alike = {rule for rule, pattern in PATTERNS if re.fullmatch(pattern, token)}
        assert rules[0] in alike, (token, rules)  # two issuers use `EAAA…`
        assert f"token:{form.issuer}" in alike


@pytest.mark.parametrize("form", [form for form in FORMS if not form.must_look_random], ids=named)
def test_a_truncated_token_is_not_a_token(form: Form) -> None:
    """A beginning alone is a name."""
    for beginning in filter(None, form.beginnings()):
        text = f"{beginning} {beginning}x {beginning}_team"
        assert shown(text) == text


@given(st.text(alphabet=st.characters(exclude_characters="0123456789"), max_size=300))
def test_a_text_without_a_digit_and_a_beginning_stays(text: str) -> None:
    beginnings = [start[:3] for form in FORMS for start in form.beginnings() if start]
    if "eyJ" not in text and not any(start in text for start in beginnings):
        assert shown(text) == text


WORDS = words(
    "sk re pk fc key secret api token web live test pat s p hf npm team learn pipeline campaign orders customers fans "
    "santa report monthly staging access denied public server project service account 2024 7 v2 eu"
)
JOINTS = st.sampled_from("_-. /:")
LONG_WORDS = sorted(word for word in WORDS if len(word) > 3 and word.isalpha())
# Beginnings in base64 (`eyJ` is one of JSON) look random themselves.
BASE64 = re.compile("eyJ|AAAA|a2V5|FwoG|FQoD|FQoG|AQoD|AQoE|IQoJ|YmVk|dG9r")
BEGINNINGS = sorted({start for form in FORMS for start in form.beginnings() if start and not BASE64.search(start)})


@given(st.sampled_from(BEGINNINGS), st.lists(st.sampled_from(LONG_WORDS), min_size=2, max_size=16), JOINTS)
def test_words_after_the_prefix_of_a_token_stay(beginning: str, several: list[str], joint: str) -> None:
    text = beginning + joint.join(several)
    assert shown(text) == text


@given(st.lists(st.sampled_from(sorted(WORDS)), min_size=1, max_size=12), JOINTS)
def test_names_made_of_words_stay_with_any_prefix(several: list[str], joint: str) -> None:
    text = joint.join(several)
    assert shown(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "sk-learn-pipeline",
        "re_engagement_campaign_2024",
        "pk_customer_orders",
        "fc-barcelona-fans",
        "secret_santa_staging",
        "s.monthly.report",
        "AC" + "0123456789abcdef" * 2,
        "phc_" + "Ab3dE6gH9jK2mN5pQ8sT1vW4yZ7cF0" * 2,
        "pk_live_" + "Ab3dE6gH9jK2mN5pQ8sT1vW4",
        "pk" + ".eyJ1IjoiYWNtZSIsImEiOiJjbDAwMDAwMCJ9.Ab3dE6gH9jK2mN5pQ8sT1v",
    ],
)
def test_names_account_ids_and_public_keys_are_not_tokens(text: str) -> None:
    assert shown(text) == text


def test_the_table_lists_at_least_two_hundred_issuers_sorted_and_with_sources() -> None:
    names = [issuer.name for issuer in issuers()]
    assert names == sorted(set(names))
    assert len(names) >= 200
    assert set(names) >= ASKED_FOR
    for issuer in issuers():
        assert issuer.source in RULE_SETS or "." in issuer.source or issuer.name == "any", issuer


def test_every_form_is_well_formed_and_unique() -> None:
    assert len({(form.issuer, form.parts) for form in FORMS}) == len(FORMS)
    for form in FORMS:
        runs = [part for part in form.parts if isinstance(part, Run)]
        assert runs
        assert all(run.most is None or run.least <= run.most <= 400 for run in runs)
        without_limit = [run for run in form.parts[:-1] if isinstance(run, Run) and run.most is None]
        assert not without_limit, form  # otherwise the time is quadratic for hostile texts
        literals = "".join(text for part in form.parts if not isinstance(part, Run) for text in part)
        assert not set(literals) & set("<>(){}"), form
        re.compile(form.pattern())
    assert {run.alphabet for form in FORMS for run in form.parts if isinstance(run, Run)} - {"uuid"} == set(ALPHABETS)


def test_no_form_begins_with_too_few_letters() -> None:
    """A beginning of fewer than three letters needs a random look or a distinctive form."""
    for form in FORMS:
        for start in filter(None, form.beginnings()):
            tells = len(start) >= 3 or not start.isalnum() or not start.isascii()
            fixed = all(isinstance(part, Run) and part.most == part.least for part in form.parts[1:])
            assert tells or fixed or form.must_look_random or len(form.parts) > 2, form


HOSTILE = "eyJ eyJ- sk- sk-a -sk sk_ api_ hvs. s. b. ya29. dp.st. perm- ls- 1//0 pa- 0.A u+ a. A- a/ 0 00 AAAA + / a0B/"


@pytest.mark.parametrize(
    "rests",
    [
        pytest.param(("", "-", "A1b2"), id="some"),
        pytest.param(("a", "...", "0123456789abcdef"), id="others", marks=pytest.mark.soak),
    ],
)
@pytest.mark.parametrize("start", HOSTILE.split())
def test_the_time_is_linear_in_the_length(start: str, rests: tuple[str, ...]) -> None:
    """Each text has 200,000 characters; a quadratic algorithm would take minutes."""
    for rest in rests:
        text = (start + rest) * (200_000 // len(start + rest))
        began = time.process_time()
        shown(text)
        assert time.process_time() - began < 4, rest


def test_an_aws_secret_key_is_recognized_by_its_length() -> None:
    rng, alphabet = Random(40), characters("base64")
    keys = ["".join(rng.choices(alphabet, k=40)) for _ in range(2000)]
    left = [key for key in keys if shown(f"as {key} says") != "as # says"]
    assert len(left) <= len(keys) / 200, left  # those without a digit, an upper case or a lower case letter


@pytest.mark.parametrize(
    "text",
    [
        "https://hg.example.org/cpython/file/7aaba721ebc0/Lib/socket.py",
        "/srv/exports/2024/Customers/ByRegion/Weekly/a",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "DA39A3EE5E6B4B0D3255BFEF95601890AFD80709",
    ],
)
def test_paths_and_digests_are_not_aws_secret_keys(text: str) -> None:
    assert shown(text) == text


def test_an_escape_before_a_token_does_not_hide_it() -> None:
    form = next(form for form in FORMS if form.issuer == "github")
    token = made(form, Random(1))
    assert shown(quote(f"https://example.com/?a=b&token={token}", safe="")).endswith("token%3D#")
    assert shown(f"a\\n{token}\\tb") == "a\\n#\\tb"


def test_the_reference_lists_every_issuer() -> None:
    text = (Path(__file__).parents[2] / "docs" / "reference" / "token-issuers.md").read_text()
    assert text.endswith(listing())


@pytest.mark.parametrize("document", ["README.md", "SECURITY.md"])
def test_the_documentation_states_the_number_of_issuers(document: str) -> None:
    assert f"{len(issuers())} issuers" in (Path(__file__).parents[2] / document).read_text()


def listing() -> str:
    """The reference's table, generated from the issuers."""
    rows = [f"| {issuer.name} | {issuer.source} | {shapes(issuer)} |" for issuer in issuers()]
    return "\n".join(["| issuer | source | begins with |", "|---|---|---|", *rows, ""])


def shapes(issuer: Issuer) -> str:
    """The beginnings of an issuer's tokens, at most eight."""
    starts = {start for form in issuer.forms for start in form.beginnings()}
    told = [f"`{start}`".replace("|", "\\|") for start in sorted(filter(None, starts))]
    return " ".join(told[:8] + ["…"] * (len(told) > 8) + ["(by its shape)"] * ("" in starts))
