"""Tokens that say by their beginning what they are. Pure. (Source of each prefix: its issuer's documentation.)"""

from __future__ import annotations

import re
from typing import Final

from collector.detect import reasons
from collector.detect.masks import Put
from collector.detect.names import words
from collector.detect.randomness import looks_random

_PEM: Final = re.compile(r"-----BEGIN [^-\n]{1,60}-----.*?(?:-----END [^-\n]{1,60}-----|\Z)", re.DOTALL)
_JWT: Final = re.compile(r"eyJ[\w-]{6,}(?:\.[\w-]*){2,4}")  # RFC 7519, also JWE
_RUN: Final = re.compile(r"[\w-]*")
# The first two characters of a token → its form, so that few places of a text are looked at closely.
_FORMS: Final = (
    ("AK AS AB AC", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"),  # AWS
    ("AC SK", r"(?:AC|SK)[0-9a-f]{32}"),  # Twilio
    ("AG", r"AGE-SECRET-KEY-1[A-Z0-9]{20,}"),  # age
    ("AI ya GO 1/", r"AIza[\w-]{30,}|ya29\.[\w.-]{20,}|GOCSPX-[\w-]{20,}|1//0[\w-]{20,}"),  # Google
    ("AT", r"AT[AC]TT3[\w=.-]{20,}"),  # Atlassian
    ("EA", r"EAA[\w-]{40,}"),  # Meta, Square
    ("NR", r"NRAK-[A-Z0-9]{20,}"),  # New Relic
    ("PM", r"PMAK-[\w-]{30,}"),  # Postman
    ("SG", r"SG\.[\w-]{16,}\.[\w-]{16,}"),  # SendGrid
    ("da dk", r"dapi[0-9a-f]{32}(?:-\d)?|dkea[0-9a-f]{32}"),  # Databricks
    ("dc", r"dckr_[a-z]{3}_[\w-]{20,}"),  # Docker
    ("do", r"do[por]_v1_[\w-]{20,}"),  # DigitalOcean
    ("dp", r"dp\.[a-z]{2,5}\.\w{30,}"),  # Doppler
    ("gh gi", r"gh[pousr]_\w{20,}|github_pat_\w{20,}"),  # GitHub
    ("gl", r"gl(?:pat|ptt|dt|rt|cbt|oas)-[\w.-]{16,}"),  # GitLab
    ("hf", r"hf_\w{30,}"),  # Hugging Face
    ("hv s.", r"hv[sbr]\.[\w-]{20,}|s\.[A-Za-z0-9]{24}(?!\w)"),  # Vault
    ("ke", r"key-[0-9a-f]{32}"),  # Mailgun
    ("li", r"lin_api_\w{20,}"),  # Linear
    ("np", r"npm_\w{30,}"),  # npm
    ("pa", r"pat-[a-z]{2}\d-[\w-]{30,}|pat\w{14}\.[0-9a-f]{32,}"),  # HubSpot, Airtable
    ("py", r"pypi-[\w-]{30,}"),  # PyPI
    ("re", r"re_\w{8,}_\w{16,}"),  # Resend
    ("sh", r"shp(?:at|ss|ca|pa)_[\w-]{20,}"),  # Shopify
    ("sk rk pk wh", r"(?:sk|rk|pk|whsec)_(?:live|test)_\w{10,}|whsec_\w{16,}"),  # Stripe
    ("sk", r"sk-[\w-]{20,}"),  # OpenAI, Anthropic
    ("sl", r"sl\.[\w-]{40,}"),  # Dropbox
    ("sq", r"sq0\w{3}-[\w-]{20,}"),  # Square
    ("v1", r"v1\.0-[\w-]{40,}"),  # Cloudflare
    ("xk", r"xkeysib-[\w-]{30,}"),  # Brevo
    ("xo xa xw", r"xox[a-z]-[\w-]{14,}|xapp-[\w-]{10,}|xwfp-[\w-]{10,}"),  # Slack
)
# What begins like one, before an underscore, and is one if it looks drawn by lot: `secret_santa_staging` is not.
_MAYBE_FORMS: Final = words(
    "api figd fo1 glc glsa key lin ntn pat phc phx prefect pul rubygems sbp secret sk tok tskey"
)


def _by_start() -> dict[str, re.Pattern[str]]:
    forms: dict[str, list[str]] = {word[:2]: [] for word in _MAYBE_FORMS}
    for starts, form in _FORMS:
        for start in starts.split():
            forms.setdefault(start, []).append(form)
    return {start: re.compile("|".join(several) or r"(?!)") for start, several in forms.items()}


_BY_START: Final = _by_start()
_MAYBE: Final = re.compile(rf"(?:{'|'.join(sorted(_MAYBE_FORMS))})_[A-Za-z0-9_-]{{20,}}")
# Those that begin with anything: of Mailchimp, Telegram (also in its URLs), and AWS, whose secrets have no beginning.
_NUMBERED: Final = re.compile(
    r"[0-9a-f]{32}-us\d{1,2}(?!\w)|(?:bot)?\d{8,10}:AA[\w-]{30,}"
    r"|(?P<lot>(?=[a-z0-9/+]{0,39}[A-Z])(?=[A-Z0-9/+]{0,39}[a-z])(?=[A-Za-z/+]{0,39}[0-9])[A-Za-z0-9/+]{40}(?![\w/+=-]))"
)
_TOKEN_START: Final = re.compile(r"(?<!\w)\w\S")


def mask_pem(text: str, put: Put) -> str:
    """`text` without its PEM blocks (RFC 7468), whole or cut short."""
    return _PEM.sub(lambda found: put(found[0], reasons.PEM), text)


def mask_tokens(text: str, put: Put) -> str:
    """`text` without the tokens in it."""
    done, no_jwt, no_lot, parts = 0, 0, 0, list[str]()
    for start in _TOKEN_START.finditer(text):
        at, begins = start.start(), start[0]
        if at < done:
            continue
        if begins == "ey":
            token = _JWT.match(text, at) if at >= no_jwt else None
            if token is None and at >= no_jwt:  # nor is there one that begins later in the same run
                no_jwt = _run_end(text, at)
        elif (form := _BY_START.get(begins)) is None:
            token = _NUMBERED.match(text, at)
            if token and token.lastgroup and not looks_random(token[0]):
                token = None
        else:
            token = form.match(text, at)
            if token is None and at >= no_lot and (maybe := _MAYBE.match(text, at)):
                if looks_random(maybe[0]):
                    token = maybe
                no_lot = maybe.end()  # if it does not, then no later part of it does
        if token:
            parts += text[done:at], put(token[0], reasons.JWT if begins == "ey" else reasons.token("unknown"))
            done = token.end()
    return "".join(parts) + text[done:]


def _run_end(text: str, at: int) -> int:
    run = _RUN.match(text, at)
    return run.end() if run else at
