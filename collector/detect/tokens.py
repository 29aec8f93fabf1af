"""Tokens that say by their beginning what they are. Pure. (Source of each prefix: its issuer's documentation.)"""

from __future__ import annotations

import re
from typing import Final

from collector.detect.masks import Put
from collector.detect.names import words
from collector.detect.randomness import looks_random

_PEM: Final = re.compile(r"-----BEGIN [^-\n]{1,60}-----.*?(?:-----END [^-\n]{1,60}-----|\Z)", re.DOTALL)
_JWT: Final = re.compile(r"eyJ[\w-]{6,}(?:\.[\w-]*){2,4}")  # RFC 7519, also JWE
_RUN: Final = re.compile(r"[\w-]*")
_TOKEN: Final = re.compile(
    r"(?:"
    r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"
    r"|gh[pousr]_\w{20,}|github_pat_\w{20,}|gl(?:pat|ptt|dt|rt|cbt|oas)-[\w.-]{16,}|xox[a-z]-[\w-]{14,}"
    r"|xapp-[\w-]{10,}|xwfp-[\w-]{10,}"
    r"|(?:sk|rk|pk|whsec)_(?:live|test)_\w{10,}|whsec_\w{16,}|sk-[\w-]{20,}|AIza[\w-]{30,}|ya29\.[\w.-]{20,}"
    r"|GOCSPX-[\w-]{20,}|1//0[\w-]{20,}|SG\.[\w-]{16,}\.[\w-]{16,}|(?:SK|AC)[0-9a-f]{32}|npm_\w{30,}"
    r"|pypi-[\w-]{30,}|dapi[0-9a-f]{32}(?:-\d)?|dkea[0-9a-f]{32}|hf_\w{30,}|dckr_[a-z]{3}_[\w-]{20,}"
    r"|hv[sbr]\.[\w-]{20,}|s\.[A-Za-z0-9]{24}(?!\w)|(?:dop_v1|doo_v1|dor_v1|shp(?:at|ss|ca|pa))_[A-Za-z0-9_-]{20,}"
    r"|lin_api_\w{20,}|pat-[a-z]{2}\d-[\w-]{30,}|pat\w{14}\.[0-9a-f]{32,}|key-[0-9a-f]{32}|NRAK-[A-Z0-9]{20,}"
    r"|PMAK-[\w-]{30,}|ATATT3[\w=.-]{20,}|ATCTT3[\w=.-]{20,}|EAA[\w-]{40,}|dp\.[a-z]{2,5}\.\w{30,}|sq0\w{3}-[\w-]{20,}"
    r"|AGE-SECRET-KEY-1[A-Z0-9]{20,}|sl\.[\w-]{40,}|v1\.0-[\w-]{40,}|xkeysib-[\w-]{30,}|re_\w{8,}_\w{16,}"
    r")"
)
# What begins like one, and is one if it looks drawn by lot.
_MAYBE: Final = re.compile(
    r"(?:lin|phc|phx|sbp|fo1|rubygems|figd|ntn|secret|pul|glc|glsa|prefect|tskey|key|pat|api|tok|sk)_[A-Za-z0-9_-]{20,}"
)
# Those that begin with anything: of Mailchimp, Telegram (also in its URLs), and AWS, whose secrets have no beginning.
_NUMBERED: Final = re.compile(
    r"[0-9a-f]{32}-us\d{1,2}(?!\w)|(?:bot)?\d{8,10}:AA[\w-]{30,}"
    r"|(?P<lot>(?=[a-z0-9/+]{0,39}[A-Z])(?=[A-Z0-9/+]{0,39}[a-z])(?=[A-Za-z/+]{0,39}[0-9])[A-Za-z0-9/+]{40}(?![\w/+=-]))"
)
_TOKEN_START: Final = re.compile(r"(?<!\w)\w\S")
_STARTS: Final = words(
    "ey AK AS AB AC gh gi gl xo xa xw sk rk pk wh dp AI ya GO 1/ SG SK np py da dk hf dc hv s. li ph sb fo ru fi nt se "
    "pu pr ts do sh ke pa ap to NR PM AT EA sq AG sl v1 xk re"
)


def mask_pem(text: str, put: Put) -> str:
    """`text` without its PEM blocks (RFC 7468), whole or cut short."""
    return _PEM.sub(lambda found: put(found[0]), text)


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
        elif begins not in _STARTS:
            token = _NUMBERED.match(text, at)
            if token and token.lastgroup and not looks_random(token[0]):
                token = None
        else:
            token = _TOKEN.match(text, at)
            if token is None and at >= no_lot and (maybe := _MAYBE.match(text, at)):
                if looks_random(maybe[0]):
                    token = maybe
                no_lot = maybe.end()  # if it does not, then no later part of it does
        if token:
            parts += text[done:at], put(token[0])
            done = token.end()
    return "".join(parts) + text[done:]


def _run_end(text: str, at: int) -> int:
    run = _RUN.match(text, at)
    return run.end() if run else at
