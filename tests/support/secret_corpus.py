"""Fake connections with secrets: the texts that a line must not contain, and those that it must keep.

Written from the connection types (`model.connection_types`) and the form of real credentials, independently of the
redaction code. Credentials are generated at run time from fixed seeds, so this file contains none. A label reads
`group/what/how`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from itertools import cycle
from random import Random
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits
from typing import Any, Final, NamedTuple, TypeAlias
from urllib.parse import quote
from uuid import UUID

MASK: Final = "[REDACTED]"


@dataclass(frozen=True, slots=True)
class SecretCase:
    """A connection, the texts in it that must be masked, entirely and in part, and those that must stay.

    The tests search for the latter in the line and in every string inside it, at any depth.
    """

    label: str
    type_id: str
    configuration: dict[str, Any]
    secrets: tuple[str, ...]
    stays: tuple[str, ...]
    status_error: str | None = None
    name: str | None = None


class Secret(NamedTuple):
    """A credential as written in a configuration, and its secret parts."""

    text: str
    parts: tuple[str, ...]


class Embedded(NamedTuple):
    """A text that contains a secret, its secret parts, and the parts that must stay."""

    kind: str
    text: str
    parts: tuple[str, ...]
    stays: tuple[str, ...]


Maker: TypeAlias = Callable[[Random], Secret]


def carried(name: str) -> dict[str, Any]:
    """One packaged fact about the connection types."""
    loaded: dict[str, Any] = json.loads((files("collector.model") / "data" / name).read_bytes())
    return loaded


_MARKED: Final = carried("sensitive_fields.json")
NAMES: Final[tuple[str, ...]] = tuple(_MARKED.pop("_names"))
MARKS: Final[dict[str, list[str]]] = _MARKED
UNMARKED: Final = carried("unmarked_secret_fields.json")
WITHOUT_MARKS: Final = ("api", "csv", "httpenrichment", "webhook")
UNKNOWN_TYPES: Final = ("acme_crm", "supabase", "railway", "invoiceocean")
SPELLINGS: Final = ("plain", "camel", "kebab", "upper")
SHAPES_OF_A_VALUE: Final = ("string", "number", "strings", "object", "objects")
DEPTHS: Final = (1, 2, 3)
MASKS: Final = ("*" * 8, "*" * 6, "*" * 25, "\u2022" * 8, "\u25cf" * 12, "")

REGION: Final = "eu-central-1"
HOST: Final = "db7.acme.example"
NEIGHBOUR: Final = "Finance warehouse"

HEX: Final = "0123456789abcdef"
BASE36: Final = ascii_lowercase + digits
BASE32: Final = ascii_uppercase + "234567"
BASE62: Final = ascii_letters + digits
BASE64: Final = BASE62 + "+/"
URLSAFE: Final = BASE62 + "-_"


def secret_cases() -> Iterator[SecretCase]:
    """Every case, with the same order and values in each run."""
    for group in (
        _marked,
        _unmarked,
        _whole_connections,
        _embedding_fields,
        _names,
        _stems,
        _positions,
        _named_pairs,
        _known_shapes,
        _high_entropy,
        _dsns,
        _urls,
        _nested_json,
        _other_notations,
        _status_errors,
        _connection_names,
    ):
        yield from group()


# Credentials: one generator per kind, with the caller's rng.


def draw(rng: Random, alphabet: str, length: int) -> str:
    """Random characters of an alphabet."""
    return "".join(rng.choices(alphabet, k=length))


def password(rng: Random) -> Secret:
    """A weak secret, recognizable only by its position or name."""
    text = f"{rng.choice(('hunter2', 'letmein', 'Tr0ub4dor', 'correct-horse'))}-{draw(rng, BASE36, 3)}7"
    return Secret(text, (text,))


def number(rng: Random) -> int:
    """A PIN or an id, of eight digits."""
    return rng.randrange(61_000_000, 98_000_000)


def _token(alphabet: str, length: int, *prefix: str, suffix: str = "") -> Maker:
    def make(rng: Random) -> Secret:
        text = "".join(prefix) + draw(rng, alphabet, length) + suffix
        return Secret(text, (text,))

    return make


def _joined(*pieces: tuple[str, int] | str) -> Maker:
    """A credential of random pieces (alphabet and length) and fixed ones."""

    def make(rng: Random) -> Secret:
        text = "".join(piece if isinstance(piece, str) else draw(rng, *piece) for piece in pieces)
        return Secret(text, (text,))

    return make


def _uuid(rng: Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))


def _unpadded(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def jwt(rng: Random) -> Secret:
    """A signed JSON web token."""
    head = _unpadded(b'{"alg":"RS256","typ":"JWT"}')
    claims = _unpadded(json.dumps({"sub": draw(rng, digits, 10), "iss": "acme", "exp": 1893456000}).encode())
    signature = draw(rng, URLSAFE, 86)
    return Secret(f"{head}.{claims}.{signature}", (f"{head}.{claims}.{signature}", claims, signature))


def basic(rng: Random) -> Secret:
    """A Basic credential, without its scheme."""
    text = base64.b64encode(f"etl:{password(rng).text}".encode()).decode()
    return Secret(f"Basic {text}", (text,))


def bearer(rng: Random) -> Secret:
    """An opaque Bearer token, without its scheme."""
    text = draw(rng, URLSAFE, 40)
    return Secret(f"Bearer {text}", (text,))


def pem(rng: Random, kind: str = "PRIVATE KEY", *, heads: tuple[str, ...] = (), start: str = "MIIE") -> Secret:
    """A PEM block: its lines are the secret; the frame may stay or be masked."""
    lines = [draw(rng, BASE64, 64) for _ in range(8)] + [draw(rng, BASE64, 42) + "=="]
    lines[0] = start + lines[0][len(start) :]
    middle = [*heads, "", *lines] if heads else lines
    return Secret("\n".join([f"-----BEGIN {kind}-----", *middle, f"-----END {kind}-----", ""]), tuple(lines))


def rsa(rng: Random) -> Secret:
    """PKCS #1."""
    return pem(rng, "RSA PRIVATE KEY")


def encrypted_rsa(rng: Random) -> Secret:
    """PKCS #1, encrypted, with its two headers."""
    heads = ("Proc-Type: 4,ENCRYPTED", f"DEK-Info: AES-256-CBC,{draw(rng, '0123456789ABCDEF', 32)}")
    return pem(rng, "RSA PRIVATE KEY", heads=heads)


def certificate(rng: Random) -> Secret:
    """Not a secret by itself, but marked as one."""
    return pem(rng, "CERTIFICATE", start="MIID")


def escaped(make: Maker) -> Maker:
    """The same on one line, with escaped line ends, as in environment variables."""

    def made(rng: Random) -> Secret:
        text, parts = make(rng)
        return Secret(text.replace("\n", "\\n"), parts)

    return made


def service_account(rng: Random) -> Secret:
    """The JSON key file of a Google service account."""
    key = pem(rng, start="MIIEv")
    email = "etl@acme-prod.iam.gserviceaccount.com"
    text = {
        "type": "service_account",
        "project_id": "acme-prod",
        "private_key_id": draw(rng, HEX, 40),
        "private_key": key.text,
        "client_email": email,
        "client_id": draw(rng, digits, 21),
        "token_uri": "https://oauth2.googleapis.com/token",
        "universe_domain": "googleapis.com",
    }
    return Secret(json.dumps(text, indent=2), key.parts)


def account_key(rng: Random) -> Secret:
    """An Azure storage connection string."""
    key = draw(rng, BASE64, 86) + "=="
    text = f"DefaultEndpointsProtocol=https;AccountName=acme;AccountKey={key};EndpointSuffix=core.windows.net"
    return Secret(text, (key,))


def shared_access(rng: Random) -> Secret:
    """An Azure shared access signature in a connection string."""
    encoded = quote(plain := draw(rng, BASE64, 43) + "=", safe="")
    signed = f"sv=2022-11-02&se=2027-01-01&sig={encoded}"
    text = f"BlobEndpoint=https://acme.blob.core.windows.net/;SharedAccessSignature={signed}"
    return Secret(text, (encoded, plain))


KEYS: Final[dict[str, Maker]] = {
    "base62": _token(BASE62, 32),
    "hex": _token(HEX, 40),
    "short": _token(BASE36, 12),
    "dashed": lambda rng: Secret(text := _uuid(rng), (text,)),
    "base64": _token(BASE64, 43, suffix="="),
}
"""API keys that only the name of their field distinguishes from other texts."""

KNOWN: Final[dict[str, Maker]] = {
    "pem": pem,
    "pem-rsa": rsa,
    "pem-ec": lambda rng: pem(rng, "EC PRIVATE KEY", start="MHcC"),
    "pem-openssh": lambda rng: pem(rng, "OPENSSH PRIVATE KEY", start="b3BlbnNzaC1rZXkt"),
    "pem-encrypted": lambda rng: pem(rng, "ENCRYPTED PRIVATE KEY", start="MIIF"),
    "pem-rsa-encrypted": encrypted_rsa,
    "pem-pgp": lambda rng: pem(rng, "PGP PRIVATE KEY BLOCK", start="lQOY"),
    "pem-escaped": escaped(pem),
    "pem-rsa-escaped": escaped(rsa),
    "service-account": service_account,
    "jwt": jwt,
    "basic": basic,
    "bearer": bearer,
    "bearer-jwt": lambda rng: Secret(f"Bearer {(signed := jwt(rng)).text}", signed.parts),
    "aws-id": _token(BASE32, 16, "AK", "IA"),
    "aws-session-id": _token(BASE32, 16, "AS", "IA"),
    "aws-secret": _token(BASE64, 40),
    "github": _token(BASE62, 36, "gh", "p_"),
    "github-oauth": _token(BASE62, 36, "gh", "o_"),
    "github-app": _token(BASE62, 36, "gh", "s_"),
    "github-fine-grained": _joined("github", "_pat_", (BASE62, 22), "_", (BASE62, 59)),
    "gitlab": _token(URLSAFE, 20, "gl", "pat-"),
    "slack-bot": _joined("xo", "xb-", (digits, 12), "-", (digits, 13), "-", (BASE62, 24)),
    "slack-user": _joined("xo", "xp-", (digits, 12), "-", (digits, 12), "-", (digits, 13), "-", (HEX, 32)),
    "slack-app": _joined("xa", "pp-1-A", (BASE32, 10), "-", (digits, 13), "-", (HEX, 64)),
    "stripe": _token(BASE62, 24, "sk", "_live_"),
    "stripe-long": _token(BASE62, 99, "sk", "_live_51"),
    "stripe-restricted": _token(BASE62, 24, "rk", "_live_"),
    "stripe-test": _token(BASE62, 24, "sk", "_test_"),
    "stripe-webhook": _token(BASE62, 32, "wh", "sec_"),
    "google-api": _token(URLSAFE, 35, "AI", "za"),
    "google-access": _token(URLSAFE, 120, "ya", "29.", "a0Af"),
    "google-client": _token(URLSAFE, 28, "GO", "CSPX-"),
    "google-refresh": _token(URLSAFE, 60, "1/", "/0g"),
    "sendgrid": _joined("SG", ".", (URLSAFE, 22), ".", (URLSAFE, 43)),
    "mailgun": _token(HEX, 32, "ke", "y-"),
    "mailchimp": _token(HEX, 32, suffix="-us12"),
    "twilio": _token(HEX, 32, "S", "K"),
    "npm": _token(BASE62, 36, "np", "m_"),
    "pypi": _token(URLSAFE, 150, "py", "pi-", "AgEIcHlwaS5vcmc"),
    "docker-hub": _token(URLSAFE, 27, "dck", "r_pat_"),
    "databricks": _token(HEX, 32, "da", "pi"),
    "hubspot": lambda rng: Secret(text := "pat" + "-na1-" + _uuid(rng), (text,)),
    "airtable": _joined("pa", "t", (BASE62, 14), ".", (HEX, 64)),
    "notion-old": _token(BASE62, 43, "sec", "ret_"),
    "notion": _token(BASE62, 46, "nt", "n_"),
    "openai": _token(URLSAFE, 124, "sk", "-proj-"),
    "anthropic": _token(URLSAFE, 93, "sk", "-ant-api03-", suffix="AA"),
    "shopify": _token(HEX, 32, "shp", "at_"),
    "shopify-app": _token(HEX, 32, "shp", "ss_"),
    "digitalocean": _token(HEX, 64, "do", "p_v1_"),
    "vault": _token(URLSAFE, 90, "hv", "s.CAESI"),
    "linear": _token(BASE62, 40, "lin", "_api_"),
    "new-relic": _token(ascii_uppercase + digits, 27, "NR", "AK-"),
    "grafana": _joined("gl", "sa_", (BASE62, 32), "_", (HEX, 8)),
    "atlassian": _token(URLSAFE, 180, "ATA", "TT3xFfGF0"),
    "hugging-face": _token(ascii_letters, 34, "h", "f_"),
    "postman": _joined("PM", "AK-", (HEX, 24), "-", (HEX, 34)),
    "square": _token(URLSAFE, 60, "EA", "AA"),
    "telegram": _joined((digits, 10), ":AA", (URLSAFE, 33)),
    "supabase": _token(HEX, 40, "sb", "p_"),
    "doppler": _token(BASE62, 43, "dp", ".pt."),
    "azure-account-key": account_key,
    "azure-shared-access": shared_access,
}
"""Credentials that are recognizable by their form in any place."""


_BY_FIELD: Final[dict[str, Maker]] = {
    **dict.fromkeys(("password", "passwd", "api_password", "ssh_password", "private_key_passphrase"), password),
    **dict.fromkeys(("private_key", "client_key", "client_private_key"), pem),
    **dict.fromkeys(("client_certificate", "ca_cert"), certificate),
    **dict.fromkeys(("service_account", "credentials", "credential_config"), service_account),
    "ssh_private_key": KNOWN["pem-openssh"],
    "access_id": KNOWN["aws-id"],
    "aws_secret_access_key": KNOWN["aws-secret"],
    "secret_access_key": KNOWN["aws-secret"],
    "azure_access_key": _token(BASE64, 86, suffix="=="),
    "oauth_access_token": KNOWN["google-access"],
    "oauth_refresh_token": KNOWN["google-refresh"],
    "access_token": jwt,
    "client_id": _joined((digits, 12), "-", (BASE36, 32), ".apps.googleusercontent.com"),
    "application_id": KEYS["dashed"],
}


# Fields that are known to be secret.


def _marked() -> Iterator[SecretCase]:
    """Every field that its type's schema marks: with a secret, and masked by the server."""
    kinds = cycle(KEYS.items())
    for type_id, fields in MARKS.items():
        for field in fields:
            rng = Random(f"{type_id}.{field}")
            kind, make = ("kind", _BY_FIELD[field]) if field in _BY_FIELD else next(kinds)
            for how, value, parts in _ways(rng, make):
                around = {"region": REGION, field: value, "nickname": NEIGHBOUR}
                whole = f'"{field}":"{MASK}"' if isinstance(value, str | int) else f'"{field}"'
                label = f"marked/{type_id}.{field}/{kind if how == 'kind' else how}"
                yield SecretCase(label, type_id, around, parts, (whole, REGION, NEIGHBOUR))


def _ways(rng: Random, make: Maker) -> Iterator[tuple[str, Any, tuple[str, ...]]]:
    """Values of a field that is entirely secret: label, value, and the parts that must be masked."""
    text, parts = make(rng)
    yield "kind", text, parts
    text, parts = password(rng)
    yield "password", text, parts
    digits_only = number(rng)
    yield "number", digits_only, (str(digits_only),)
    one, two = password(rng).text, KEYS["base62"](rng).text
    yield "strings", [one, two], (one, two)
    yield "object", {"current": one, "previous": [two]}, (one, two)
    yield "objects", [{"current": one}, {"previous": two}], (one, two)
    for mask in MASKS:
        yield f"mask-{len(mask)}{mask[:1]}", mask, (mask,) if mask else ()


def always(value: Any) -> Callable[[], Any]:
    """A leaf with this value."""
    return lambda: value


def planted(path: str, leaf: Callable[[], Any]) -> dict[str, Any]:
    """A configuration with a `leaf` at every position of a path; arrays have two items."""
    head, _, rest = path.partition(".")
    key = head.removesuffix("[]")
    if not rest:
        return {**_beside(key), key: leaf()}
    return {key: [planted(rest, leaf), planted(rest, leaf)] if head.endswith("[]") else planted(rest, leaf)}


def _beside(key: str) -> dict[str, str]:
    if key == "value":
        return {"name": "X-Acme-Team"}
    return {"username": "etl_reader"} if key == "password" else {}


def _unmarked() -> Iterator[SecretCase]:
    """Every unmarked position that is known to hold a secret or its id."""
    for type_id, groups in UNMARKED.items():
        for path in (*groups.get("secret", ()), *groups.get("identifier_marked_elsewhere_or_credential_id", ())):
            key = path.rpartition(".")[2]
            for how, fill in _fillings():
                rng, drawn = Random(f"{type_id}.{path}.{how}"), list[str]()
                configuration = {"region": REGION, **planted(path, partial(fill, rng, drawn))}
                stays = (f'"{key}":"{MASK}"', REGION, *_beside(key).values())
                yield SecretCase(f"unmarked/{type_id}.{path}/{how}", type_id, configuration, tuple(drawn), stays)


Filling: TypeAlias = Callable[[Random, list[str]], Any]
"""Generates the value for a position, and appends its secret parts to the given list."""


def _fillings() -> Iterator[tuple[str, Filling]]:
    for how, make in {"password": password, "bearer": bearer, "basic": basic, "jwt": jwt, **KEYS}.items():
        yield how, partial(_fill, make)
    yield "number", _fill_with_a_number
    for mask in MASKS:
        yield f"mask-{len(mask)}{mask[:1]}", partial(_fill, always_secret(mask))


def always_secret(text: str) -> Maker:
    """A generator of a constant. An empty value has no secret parts."""
    return lambda _: Secret(text, (text,) if text else ())


def _fill(make: Maker, rng: Random, drawn: list[str]) -> str:
    text, parts = make(rng)
    drawn.extend(parts)
    return text


def _fill_with_a_number(rng: Random, drawn: list[str]) -> int:
    drawn.append(str(value := number(rng)))
    return value


def _whole_connections() -> Iterator[SecretCase]:
    """The four types with realistic settings and a secret in every position at once."""
    for type_id in WITHOUT_MARKS:
        for turn in range(20):
            rng, drawn = Random(f"whole.{type_id}.{turn}"), list[str]()
            makers = cycle((password, bearer, KEYS["base62"], KEYS["short"]))
            configuration: dict[str, Any] = {"url": "https://api.acme.example/v2/items?page=2"}
            for path in UNMARKED[type_id]["secret"]:
                _merge(configuration, planted(path, partial(_fill, next(makers), rng, drawn)))
            oauth = configuration["oauth"] if type_id == "webhook" else configuration["auth"]["oauth"]
            oauth |= {"scopes": ["read", "offline_access"], "auth_style": 2}
            stays = ("api.acme.example", "X-Acme-Team", "etl_reader", "offline_access")
            yield SecretCase(f"whole/{type_id}/{turn}", type_id, configuration, tuple(drawn), stays)


def _merge(into: dict[str, Any], other: dict[str, Any]) -> None:
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


# Fields that may embed a secret in a text.


def _embedding_fields() -> Iterator[SecretCase]:
    """Every field that may embed a secret, with each form of text."""
    for type_id, groups in UNMARKED.items():
        for path in groups.get("may_embed_secret", ()):
            rng = Random(f"embed.{type_id}.{path}")
            for embedded in _texts_for(path.rpartition(".")[2], rng):
                configuration = {"region": REGION, **planted(path, always(embedded.text))}
                label = f"embed/{type_id}.{path}/{embedded.kind}"
                stays = (*embedded.stays, REGION)
                yield SecretCase(label, type_id, configuration, embedded.parts, stays)
            if path == "example_inputs":
                pin, key = password(rng).text, KEYS["short"](rng).text
                inputs = {"email": "jane@acme.example", "api_key": key, "login": {"password": pin}}
                configuration = {"example_inputs": inputs}
                yield SecretCase(
                    f"embed/{type_id}.{path}/object", type_id, configuration, (pin, key), ("jane@acme.example",)
                )


def _texts_for(field: str, rng: Random) -> Iterator[Embedded]:
    if field in ("body", "example_body", "example_inputs"):
        yield from _bodies(rng)
    elif field == "params":
        yield from _parameter_texts(rng)
    else:
        yield from _secret_urls(rng)
        if field == "uri":
            yield from (each for each in _connection_strings(rng) if each.kind in {"cosmos", "mongodb-srv"})
        if field == "healthcheck":
            key = KEYS["short"](rng).text
            yield Embedded("relative", f"/v1/ping?api_key={key}&full=1", (key,), ("/v1/ping", "full=1"))


def _bodies(rng: Random) -> Iterator[Embedded]:
    """Bodies of requests: JSON, a form, XML."""
    pin, key = password(rng).text, KEYS["short"](rng).text
    login = {"table": "orders_daily", "auth": {"password": pin}, "steps": [{"api_key": key}]}
    for kind, indent in (("json", None), ("json-indented", 2)):
        yield Embedded(kind, json.dumps(login, indent=indent), (pin, key), ("orders_daily",))
    wrapped = json.dumps({"payload": json.dumps(login), "table": "orders_daily"})
    yield Embedded("json-in-json", wrapped, (pin, key), ("orders_daily",))
    form = f"grant_type=client_credentials&client_secret={key}&password={quote(pin)}&scope=read"
    yield Embedded("form", form, (pin, key), ("grant_type=client_credentials", "scope=read"))
    xml = f'<login xmlns="urn:acme:login"><no>4471</no><password>{pin}</password><session token="{key}"/></login>'
    yield Embedded("xml", xml, (pin, key), ("urn:acme:login", "4471"))


def _parameter_texts(rng: Random) -> Iterator[Embedded]:
    """Parameters of a driver, as `a=b&c=d`."""
    for name in (
        "token",
        "password",
        "passcode",
        "private_key_passphrase",
        "authMechanismProperties=AWS_SESSION_TOKEN",
    ):
        make = KNOWN["google-refresh"] if name.endswith("TOKEN") else password
        text, parts = make(rng)
        joint = ":" if "=" in name else "="
        params = f"appName=loader&{name}{joint}{text}&tls=true"
        yield Embedded(name.replace("=", "-"), params, parts, ("appName=loader", "tls=true"))
    key = KEYS["base64"](rng).text
    params = f"authenticator=SNOWFLAKE_JWT&privateKey={quote(key, safe='')}&role=ETL_ROLE"
    stays = ("authenticator=SNOWFLAKE_JWT", "role=ETL_ROLE")
    yield Embedded("privateKey", params, (key, quote(key, safe="")), stays)


_QUERY_NAMES: Final = (
    "token", "sig", "api_key", "apikey", "apiKey", "api-key", "key", "access_token", "auth_token", "id_token",
    "refresh_token", "private_token", "client_secret", "secret", "password", "passwd", "pwd", "code", "hapikey",
    "signature", "Signature", "X-Amz-Signature", "X-Amz-Security-Token", "X-Goog-Signature", "subscription-key",
    "dd-api-key", "auth", "session_token", "jwt",
)  # fmt: skip


def _secret_urls(rng: Random) -> Iterator[Embedded]:
    """URLs with a password, with a secret parameter, with a token in the path or in the fragment."""
    yield from _userinfo_urls(rng)
    for name in _QUERY_NAMES:
        text = draw(rng, HEX, 64) if name.startswith("X-") else draw(rng, BASE62, rng.choice((10, 24, 40)))
        for place, url in (
            ("last", f"https://{HOST}/v1/items?page=2&{name}={text}"),
            ("first", f"https://{HOST}/v1/items?{name}={text}&page=2#rows"),
        ):
            yield Embedded(f"query-{name}-{place}", url, (text,), (HOST, "/v1/items", "page=2", f"{name}="))
    encoded = quote(plain := draw(rng, BASE64, 43) + "=", safe="")
    url = f"https://acme.blob.core.windows.net/raw?sv=2022-11-02&sr=c&sp=rl&se=2027-01-01T00%3A00%3A00Z&sig={encoded}"
    yield Embedded("query-sas", url, (plain, encoded), ("acme.blob.core.windows.net/raw", "sv=2022-11-02", "sp=rl"))
    for name in ("access_token", "id_token", "token"):
        text = draw(rng, BASE62, 24)
        url = f"https://{HOST}/callback#{name}={text}&state=ok"
        yield Embedded(f"fragment-{name}", url, (text,), (HOST, "/callback", "state=ok"))
    yield from _webhooks(rng)


def _userinfo_urls(rng: Random) -> Iterator[Embedded]:
    weak = password(rng).text
    forms = {
        "user": (f"svc_etl:{weak}", (weak,)),
        "at": (f"svc_etl:p4ss@{weak}", (f"p4ss@{weak}", weak)),
        "colon": (f"svc_etl:p4:ss:{weak}", (f"p4:ss:{weak}", weak)),
        "encoded": (f"svc_etl:{quote('p/4#' + weak, safe='')}", (quote("p/4#" + weak, safe=""), weak)),
        "no-user": (f":{weak}", (weak,)),
        "email": (f"ana%40acme.example:{weak}", (weak,)),
    }
    token = KNOWN["github"](rng).text
    forms["token"] = (token, (token,))
    forms["token-as-user"] = (f"{token}:x-oauth-basic", (token,))
    for kind, (userinfo, parts) in forms.items():
        yield Embedded(f"userinfo-{kind}", f"https://{userinfo}@{HOST}/v1/items?page=2", parts, (HOST, "page=2"))
    yield Embedded("userinfo-bare", f"https://svc_etl:{weak}@{HOST}", (weak,), (HOST,))
    yield Embedded("userinfo-port", f"https://svc_etl:{weak}@{HOST}:8443/", (weak,), (f"{HOST}:8443",))


def _webhooks(rng: Random) -> Iterator[Embedded]:
    """Addresses whose path is the secret."""
    ids = draw(rng, BASE32, 9), draw(rng, BASE32, 11), _uuid(rng), _uuid(rng), draw(rng, digits, 19)
    tokens = {
        "slack": ("hooks.slack.com", f"/services/T{ids[0]}/B{ids[1]}/", draw(rng, BASE62, 24), ""),
        "slack-workflow": (
            "hooks.slack.com",
            f"/workflows/T{ids[0]}/A{ids[1]}/{draw(rng, digits, 18)}/",
            draw(rng, BASE62, 24),
            "",
        ),
        "discord": ("discord.com", f"/api/webhooks/{ids[4]}/", draw(rng, URLSAFE, 68), ""),
        "teams": (
            "acme.webhook.office.com",
            f"/webhookb2/{ids[2]}@{ids[3]}/IncomingWebhook/",
            draw(rng, HEX, 32),
            f"/{ids[2]}",
        ),
        "zapier": ("hooks.zapier.com", f"/hooks/catch/{draw(rng, digits, 7)}/", draw(rng, BASE36, 7), "/"),
        "make": ("hook.eu1.make.com", "/", draw(rng, BASE36, 32), ""),
        "mattermost": ("chat.acme.example", "/hooks/", draw(rng, BASE36, 26), ""),
        "pagerduty": ("events.pagerduty.com", "/integration/", draw(rng, HEX, 32), "/enqueue"),
        "telegram": ("api.telegram.org", "/bot", KNOWN["telegram"](rng).text, "/sendMessage"),
        "ifttt": ("maker.ifttt.com", "/trigger/loaded/with/key/", draw(rng, URLSAFE, 43), ""),
    }
    for kind, (host, before, token, after) in tokens.items():
        yield Embedded(f"path-{kind}", f"https://{host}{before}{token}{after}", (token,), (f"https://{host}",))
    sig = draw(rng, URLSAFE, 43)
    flow = f"https://prod-07.westeurope.logic.azure.com:443/workflows/{draw(rng, HEX, 32)}/triggers/manual/paths/invoke"
    url = f"{flow}?api-version=2016-10-01&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig={sig}"
    yield Embedded("path-logic-apps", url, (sig,), ("prod-07.westeurope.logic.azure.com", "sv=1.0"))
    key, token = KNOWN["google-api"](rng).text, draw(rng, URLSAFE, 43)
    url = f"https://chat.googleapis.com/v1/spaces/AAAAx1y2z3w/messages?key={key}&token={token}"
    yield Embedded("path-google-chat", url, (key, token), ("chat.googleapis.com",))


# Names.


def spelled(name: str) -> dict[str, str]:
    """The spellings of a name, each once."""
    head, *tail = name.split("_")
    camel = head + "".join(map(str.title, tail))
    forms = {"plain": name, "camel": camel, "kebab": name.replace("_", "-"), "upper": name.upper()}
    return {form: how for how, form in reversed(forms.items())}


def _names() -> Iterator[SecretCase]:
    """Every name that is marked for some type, in an unknown type: by depth, spelling and form of the value."""
    types = cycle(UNKNOWN_TYPES)
    for name in NAMES:
        for key, spelling in spelled(name).items():
            for depth in DEPTHS:
                rng = Random(f"name.{key}.{depth}")
                for shape, value, parts in _shapes_of_a_value(rng):
                    configuration = {"region": REGION, **_deep(depth, {"nickname": NEIGHBOUR, key: value})}
                    label = f"name/{name}/{spelling}-{depth}-{shape}"
                    stays = (f'"{key}"', REGION, NEIGHBOUR)
                    yield SecretCase(label, next(types), configuration, parts, stays)


def _shapes_of_a_value(rng: Random) -> Iterator[tuple[str, Any, tuple[str, ...]]]:
    one, two, digits_only = password(rng).text, password(rng).text, number(rng)
    yield "string", one, (one,)
    yield "number", digits_only, (str(digits_only),)
    yield "strings", [one, two], (one, two)
    yield "object", {"current": one, "older": {"previous": two}}, (one, two)
    yield "objects", [{"current": one}, {"previous": two}], (one, two)


def _deep(depth: int, inner: dict[str, Any]) -> dict[str, Any]:
    return {1: inner, 2: {"options": inner}, 3: {"options": {"nodes": [{"host": HOST}, inner]}}}[depth]


_STEMS: Final = (
    "db_password", "DBPassword", "databasePassword", "smtpPasswd", "PGPASSWORD", "MYSQL_PWD", "db_pwd", "userPwd",
    "db_pass", "SMTP_PASS", "admin_passphrase", "keystorePassword", "trust-store-password", "proxy_password",
    "password1", "new_password", "masterPassword", "sudo.password", "slack_webhook_url", "teamsWebhook", "webhook_url",
    "connectionString", "connection_string", "ConnectionString", "AzureWebJobsConnectionString", "db_dsn", "SENTRY_DSN",
    "sessionCookie", "cookie", "Set-Cookie", "authCookie", "bearer_token", "bearerToken", "x-api-key", "X-Api-Key",
    "xApiKey", "x_auth_token", "X-Auth-Token", "csrf_token", "sas_token", "sasToken", "idToken", "refreshTokenValue",
    "session_token", "AWS_SESSION_TOKEN", "github_token", "GITHUB_TOKEN", "NPM_TOKEN", "slackBotToken", "device_tokens",
    "encryption_key", "encryptionKey", "signing_secret", "signingSecret", "signing_key", "shared_secret", "jwt_secret",
    "client_secrets", "clientSecretValue", "webhookSecret", "hmac_secret", "HMAC_KEY", "master_key", "secretKeyBase",
    "service_role_key", "storage_account_key", "AccountKey", "shared_access_key", "sharedKey", "api_keys", "apiKeys",
    "stripe_api_key", "OPENAI_API_KEY", "googleApiKey", "access_keys", "s3_access_key", "aws_credentials",
    "credentials_json", "gcpCredentials", "user_credential", "authorization", "Authorization", "Proxy-Authorization",
    "auth_header", "basic_auth", "httpAuth", "deploy_key", "ssh_key", "sshKey", "gpg_private_key", "privateKeyPem",
    "tls_private_key", "totp_secret", "oauth_secret", "consumerSecret", "secrets", "passphrase",
)  # fmt: skip


def _stems() -> Iterator[SecretCase]:
    """Names without a schema that name a secret. The values are weak: only the name reveals them."""
    for key in _STEMS:
        rng = Random(f"stem.{key}")
        for depth in DEPTHS:
            for shape, value, parts in _shapes_of_a_value(rng):
                if shape == "number" or (shape.startswith("object") and depth > 1):
                    continue
                configuration = {"region": REGION, **_deep(depth, {"nickname": NEIGHBOUR, key: value})}
                label = f"stem/{key}/{depth}-{shape}"
                yield SecretCase(label, "acme_crm", configuration, parts, (f'"{key}"', REGION, NEIGHBOUR))


# Positions.


def _positions() -> Iterator[SecretCase]:
    """Headers, queries, parameters and form data, in every notation for a named value."""
    containers: dict[str, tuple[str, ...]] = {
        **dict.fromkeys(
            ("api", "csv", "httpenrichment"),
            ("headers", "parameters", "auth.query", "auth.header", "auth.oauth.extra_form_data"),
        ),
        "webhook": ("headers", "query", "header", "oauth.extra_form_data"),
        **dict.fromkeys(
            UNKNOWN_TYPES[:2],
            (
                *("headers", "header", "query", "parameters", "form_data", "extra_form_data", "formData"),
                *("query_parameters", "queryParameters", "request_headers", "Headers", "HTTP-Headers"),
                "options.headers",
            ),
        ),
    }
    for type_id, paths in containers.items():
        for path in paths:
            rng = Random(f"position.{type_id}.{path}")
            for how, value, parts, names in _pairs(rng):
                if how in ("object", "keyed-object") and not path.endswith("header"):
                    continue
                configuration = {"region": REGION, **planted(path, always(value))}
                stays = (REGION, f'"{path.rpartition(".")[2]}"', *names)
                label = f"position/{type_id}.{path}/{how}"
                yield SecretCase(label, type_id, configuration, parts, stays)


def _pairs(rng: Random) -> Iterator[tuple[str, Any, tuple[str, ...], tuple[str, ...]]]:
    """Two named values: their notation, the value of the field, the parts to mask and the parts to keep."""
    one, two, digits_only = password(rng).text, password(rng).text, number(rng)
    both, named = (one, two), ("X-Acme-Team", "Content-Type")
    yield "named", [{"name": n, "value": v} for n, v in zip(named, both, strict=True)], both, named
    # some type marks the name `key`, so the name under it may be masked
    yield "keyed", [{"key": n, "value": v} for n, v in zip(named, both, strict=True)], both, ()
    yield "capital", [{"Name": n, "Value": v} for n, v in zip(named, both, strict=True)], both, named
    yield "number", [{"name": "X-Acme-Team", "value": digits_only}], (str(digits_only),), named[:1]
    yield "strings", [{"name": "X-Acme-Team", "value": [one, two]}], both, named[:1]
    yield "extra", [{"name": "X-Acme-Team", "value": one, "enabled": True}], (one,), named[:1]
    yield "map", dict(zip(named, both, strict=True)), both, ()
    yield "map-of-lists", {"X-Acme-Team": [one, two]}, both, ()
    yield "object", {"name": "X-Acme-Team", "value": one}, (one,), named[:1]
    yield "keyed-object", {"key": "X-Acme-Team", "value": one}, (one,), ()


def _named_pairs() -> Iterator[SecretCase]:
    """Lists of settings under any key, in which the name of an item marks its value as a secret."""
    for name in ("password", "DB_PASSWORD", "api_key", "Authorization", "X-Api-Key", "client_secret", "SLACK_TOKEN"):
        for container in ("settings", "env", "variables", "custom_fields", "properties"):
            rng = Random(f"pair.{name}.{container}")
            secret = password(rng).text
            for key in ("name", "key"):
                pairs = [{key: "REGION", "value": REGION}, {key: name, "value": secret}]
                label = f"pair/{container}.{name}/{key}"
                yield SecretCase(label, "acme_crm", {container: pairs}, (secret,), (f'"{container}"', REGION))


# Values.


_HARMLESS: Final = ("note", "comment", "value", "description", "misc")


def _known_shapes() -> Iterator[SecretCase]:
    """Credentials of a known form under neutral keys, alone and inside a text."""
    for kind, make in KNOWN.items():
        rng = Random(f"shape.{kind}")
        for key in _HARMLESS:
            text, parts = make(rng)
            stays = (f'"{key}"', REGION)
            yield SecretCase(f"shape/{kind}/{key}", "acme_crm", {"region": REGION, key: text}, parts, stays)
        text, parts = make(rng)
        yield SecretCase(
            f"shape/{kind}/list", "acme_crm", {"items": [REGION, text, [text]]}, parts, (REGION, '"items"')
        )
        yield SecretCase(
            f"shape/{kind}/spaces", "acme_crm", {"note": f"  {text}\n", "region": REGION}, parts, (REGION,)
        )
        text, parts = make(rng)
        known = {"hostname": HOST, "note": text, "port": 5432}
        yield SecretCase(f"shape/{kind}/known-type", "postgresql", known, parts, (HOST, "5432"))
        text, parts = make(rng)
        plain_field = {"hostname": HOST, "username": text, "port": 5432}
        yield SecretCase(f"shape/{kind}/plain-field", "postgresql", plain_field, parts, (HOST, "5432"))
        if kind != "aws-secret":  # 40 characters in a sentence are not a known form
            text, parts = make(rng)
            note = f"changed by Ana on 2026-03-01, it is {text} for now; see the wiki"
            stays = ("changed by Ana on 2026-03-01", "see the wiki")
            yield SecretCase(f"shape/{kind}/sentence", "acme_crm", {"note": note}, parts, stays)


def _high_entropy() -> Iterator[SecretCase]:
    """Random texts of 20 to 64 characters, recognizable only by their randomness."""
    alphabets = {
        "hex": HEX,
        "hex-upper": HEX.upper(),
        "base62": BASE62,
        "base64": BASE64,
        "base64-url": URLSAFE,
        "base36": BASE36,
        "base32": BASE32,
    }
    keys = cycle(("blob", "misc", "data", "value", "note", "custom_field_7", "x"))
    for alphabet, characters in alphabets.items():
        for length in (20, 22, 24, 27, 32, 36, 40, 43, 44, 48, 56, 64):
            rng = Random(f"entropy.{alphabet}.{length}")
            for place in ("plain", "deep", "list"):
                text, key = draw(rng, characters, length), next(keys)
                value: Any = [REGION, text] if place == "list" else text
                inner = {"options": {key: value}} if place == "deep" else {key: value}
                label = f"entropy/{alphabet}-{length}/{place}"
                yield SecretCase(label, "acme_crm", {"region": REGION, **inner}, (text,), (REGION, f'"{key}"'))


def _cases_of(group: str, texts: Iterable[Embedded], keys: Iterable[str], types: Iterable[str]) -> Iterator[SecretCase]:
    """Each text under the next key, and again inside a sentence."""
    keys_in_turn, types_in_turn = cycle(keys), cycle(types)
    for kind, text, parts, stays in texts:
        key = next(keys_in_turn)
        configuration = {"region": REGION, key: text}
        yield SecretCase(f"{group}/{kind}/{key}", next(types_in_turn), configuration, parts, (*stays, f'"{key}"'))
        note = f"see '{text}' of last year"
        around = ("see '", "of last year")
        yield SecretCase(f"{group}/{kind}/sentence", "acme_crm", {"note": note}, parts, (*stays, *around))


def _dsns() -> Iterator[SecretCase]:
    """Addresses of databases and queues, in the notation of each driver: the host stays."""
    for turn in range(3):
        texts = _connection_strings(Random(f"dsn.{turn}"))
        renamed = (each._replace(kind=f"{each.kind}-{turn}") for each in texts)
        yield from _cases_of("dsn", renamed, ("target", "uri", "note", "address"), ("acme_crm", "postgresql"))


def _connection_strings(rng: Random) -> Iterator[Embedded]:
    pw, tail = password(rng).text, KEYS["short"](rng).text
    mongo = f"cluster0.{draw(rng, BASE36, 5)}.mongodb.net"
    schemes = {
        "postgres": (f"postgres://etl:{pw}@{HOST}:5432/app?sslmode=require", (f"{HOST}:5432/app", "sslmode=require")),
        "postgresql": (f"postgresql+psycopg2://etl:{pw}@{HOST}/app", (HOST, "/app")),
        "postgres-hosts": (f"postgresql://etl:{pw}@{HOST}:5432,db8.acme.example:5432/app", (HOST, "db8.acme.example")),
        "postgres-query": (
            f"postgresql://{HOST}/app?user=etl&password={pw}&sslmode=require",
            (HOST, "sslmode=require"),
        ),
        "mysql": (f"mysql://etl:{pw}@{HOST}:3306/app", (f"{HOST}:3306/app",)),
        "mysql-go": (f"etl:{pw}@tcp({HOST}:3306)/app?parseTime=true", (f"{HOST}:3306", "parseTime=true")),
        "mongodb": (
            f"mongodb://etl:{pw}@{HOST}:27017,db8.acme.example:27017/?replicaSet=rs0",
            (HOST, "replicaSet=rs0"),
        ),
        "mongodb-srv": (f"mongodb+srv://etl:{pw}@{mongo}/app?retryWrites=true", (mongo, "retryWrites=true")),
        "redis": (f"redis://:{pw}@{HOST}:6379/0", (f"{HOST}:6379/0",)),
        "rediss": (f"rediss://default:{pw}@{HOST}:6380", (f"{HOST}:6380",)),
        "amqp": (f"amqp://etl:{pw}@{HOST}:5672/%2Fvhost", (f"{HOST}:5672",)),
        "amqps": (f"amqps://etl:{pw}@{HOST}/", (HOST,)),
        "snowflake": (
            f"snowflake://etl:{pw}@xy12345.{REGION}/APP/PUBLIC?warehouse=LOAD_WH",
            (REGION, "warehouse=LOAD_WH"),
        ),
        "clickhouse": (f"clickhouse://{HOST}:9440/app?username=etl&password={pw}&secure=true", (HOST, "secure=true")),
        "sftp": (f"sftp://etl:{pw}@{HOST}/in/daily", (HOST, "/in/daily")),
        "smtp": (f"smtps://mail%40acme.example:{pw}@{HOST}:465", (f"{HOST}:465",)),
        "ipv6": (f"postgres://etl:{pw}@[2001:db8::7]:5432/app", ("[2001:db8::7]:5432/app",)),
        "jdbc-postgresql": (f"jdbc:postgresql://{HOST}:5432/app?user=etl&password={pw}&ssl=true", (HOST, "ssl=true")),
        "jdbc-mysql": (f"jdbc:mysql://etl:{pw}@{HOST}:3306/app?useSSL=true", (HOST, "useSSL=true")),
        "jdbc-sqlserver": (
            f"jdbc:sqlserver://{HOST}:1433;databaseName=app;user=etl;password={pw};encrypt=true;",
            (f"{HOST}:1433", "databaseName=app", "encrypt=true"),
        ),
        "jdbc-snowflake": (
            f"jdbc:snowflake://xy12345.snowflakecomputing.com/?user=ETL&password={pw}&warehouse=LOAD_WH",
            ("xy12345.snowflakecomputing.com", "warehouse=LOAD_WH"),
        ),
        "jdbc-redshift": (
            f"jdbc:redshift://{HOST}:5439/dev?UID=etl&PWD={pw}&ssl=true",
            (f"{HOST}:5439/dev", "ssl=true"),
        ),
        "jdbc-oracle": (f"jdbc:oracle:thin:etl/{pw}@//{HOST}:1521/ORCL", (f"{HOST}:1521/ORCL",)),
        "libpq": (
            f"host={HOST} port=5432 dbname=app user=etl password={pw} sslmode=require",
            (f"host={HOST}", "port=5432", "dbname=app", "sslmode=require"),
        ),
        "libpq-quoted": (f"host={HOST} password='{pw} {tail}' dbname=app", (f"host={HOST}", "dbname=app")),
        "ado": (
            f"Server=tcp:{HOST},1433;Initial Catalog=app;User ID=etl;Password={pw};Encrypt=True;",
            (HOST, "Initial Catalog=app", "Encrypt=True"),
        ),
        "ado-short": (f"Server={HOST};Database=app;Uid=etl;Pwd={pw};", (f"Server={HOST}", "Database=app")),
        "odbc": (
            f"Driver={{ODBC Driver 18 for SQL Server}};Server={HOST};UID=etl;PWD={{{pw};{tail}}};Encrypt=yes",
            ("ODBC Driver 18 for SQL Server", f"Server={HOST}", "Encrypt=yes"),
        ),
        "kafka": (
            "org.apache.kafka.common.security.plain.PlainLoginModule required "
            f'username="etl" password="{pw}" serviceName="kafka";',
            ("PlainLoginModule required", 'serviceName="kafka"'),
        ),
    }
    for kind, (text, stays) in schemes.items():
        yield Embedded(kind, text, (pw, tail) if tail in text else (pw,), stays)
    token = KNOWN["databricks"](rng).text
    text = f"jdbc:databricks://{HOST}:443;httpPath=/sql/1.0/warehouses/0a1b2c;AuthMech=3;UID=token;PWD={token};"
    yield Embedded("jdbc-databricks", text, (token,), (f"{HOST}:443", "AuthMech=3"))
    text, parts = account_key(rng)
    yield Embedded("azure-storage", text, parts, ("AccountName=acme", "EndpointSuffix=core.windows.net"))
    text, parts = shared_access(rng)
    yield Embedded("azure-sas", text, parts, ("acme.blob.core.windows.net", "sv=2022-11-02"))
    key = draw(rng, BASE64, 86) + "=="
    text = f"AccountEndpoint=https://acme.documents.azure.com:443/;AccountKey={key};"
    yield Embedded("cosmos", text, (key,), ("AccountEndpoint=https://acme.documents.azure.com:443/",))
    key = draw(rng, BASE64, 43) + "="
    text = f"Endpoint=sb://acme.servicebus.windows.net/;SharedAccessKeyName=Load;SharedAccessKey={key}"
    yield Embedded("service-bus", text, (key,), ("sb://acme.servicebus.windows.net/",))


def _urls() -> Iterator[SecretCase]:
    """URLs under neutral keys, in unknown and known types."""
    for turn in range(2):
        renamed = (each._replace(kind=f"{each.kind}-{turn}") for each in _secret_urls(Random(f"url.{turn}")))
        yield from _cases_of("url", renamed, ("note", "link", "address", "endpoint"), ("acme_crm", "github"))


# Texts that wrap others.


def _nested_json() -> Iterator[SecretCase]:
    """JSON in one to three layers of strings, with quotes and backslashes in the secret too."""
    for turn in range(12):
        rng = Random(f"nested.{turn}")
        pin, key = password(rng).text, KEYS["short"](rng).text
        known, link = KNOWN["stripe"](rng).text, password(rng).text
        odd = f'q"{pin}\\n'
        inners: dict[str, tuple[Any, tuple[str, ...]]] = {
            "name": ({"region": REGION, "password": pin, "ports": [1, 2]}, (pin,)),
            "names": ({"region": REGION, "nodes": [{"api_key": key}, {"db": {"secret": pin}}]}, (pin, key)),
            "shape": ({"region": REGION, "note": known}, (known,)),
            "url": ({"region": REGION, "source": f"https://etl:{link}@{HOST}/x"}, (link,)),
            "list": ([REGION, {"token": key}, known], (key, known)),
            "odd": ({"region": REGION, "password": odd}, (odd, pin)),
            "mask": ({"region": REGION, "password": "*" * 9}, ("*" * 9,)),
        }
        for kind, (inner, parts) in inners.items():
            text = json.dumps(inner, indent=(None, 2)[turn % 2])
            for level in (1, 2, 3):
                configuration = {("settings", "value")[turn % 2]: text}
                label = f"nested/{kind}/{level}-{turn}"
                yield SecretCase(label, "acme_crm", configuration, parts, (REGION, *((HOST,) if kind == "url" else ())))
                text = json.dumps({"wrapped": text, "level": level})


def _other_notations() -> Iterator[SecretCase]:
    """Settings as text: environment files, YAML, XML, commands."""
    for turn in range(4):
        texts = _notations(Random(f"text.{turn}"))
        keys, types = cycle(("note", "config", "description", "script")), cycle(("acme_crm", "postgresql"))
        for kind, text, parts, stays in texts:
            key = next(keys)
            yield SecretCase(f"text/{kind}-{turn}/{key}", next(types), {"region": REGION, key: text}, parts, stays)


def _notations(rng: Random) -> Iterator[Embedded]:
    pw, key, phrase = password(rng).text, KEYS["short"](rng).text, draw(rng, ascii_lowercase, 11)
    forms = {
        "env": (f"DB_HOST={HOST}\nDB_PASSWORD={pw}\nAPI_KEY={key}\nDB_PORT=5432\n", ("DB_PORT=5432",)),
        "env-bare": (f"PASSWORD={pw}", ()),
        "env-word": (f"DB_HOST={HOST}\nDB_PASSWORD={phrase}\n", ()),
        "env-export": (f"export DB_HOST={HOST}\nexport SECRET_KEY='{key}'\nexport PGPASSWORD=\"{pw}\"", ()),
        "yaml": (f"host: {HOST}\npassword: {pw}\ncache:\n  api_key: {key}\nport: 5432\n", ("port: 5432",)),
        "yaml-quoted": (f"host: {HOST}\npassword: '{pw}'\ntoken: \"{key}\"\n", ()),
        "yaml-line": (f"password: {pw}", ()),
        "toml": (f'host = "{HOST}"\npassword = "{pw}"\napi_key = "{key}"\nport = 5432', ("port = 5432",)),
        "properties": (f"db.host={HOST}\ndb.password={pw}\nsasl.jaas.token: {key}", ()),
        "python": (f"{{'host': '{HOST}', 'password': '{pw}', 'api_key': '{key}', 'port': 5432}}", ("'port': 5432",)),
        "broken-json": (f'{{"host": "{HOST}", "password": "{pw}", "api_key": "{key}", "port": 54', ()),
        "xml-attribute": (f'<add name="main" server="{HOST}" password="{pw}" apiKey="{key}" />', ('name="main"',)),
        "xml-element": (f"<login><server>{HOST}</server><password>{pw}</password></login>", ()),
        "form": (f"grant_type=password&server={HOST}&password={pw}&client_secret={key}", ("grant_type=password",)),
        "curl-header": (f"curl -H 'Authorization: Bearer {key}{key}' https://{HOST}/v1", ("curl -H",)),
        "curl-key": (f"curl -H 'X-Api-Key: {key}' https://{HOST}/v1", ("curl -H",)),
        "flag": (f"loader --host {HOST} --password={pw} --verbose", ("--verbose",)),
    }
    for kind, (text, stays) in forms.items():
        parts = tuple(each for each in (pw, key, phrase) if each in text)
        yield Embedded(kind, text, parts, (*stays, *((HOST,) if HOST in text else ())))


def _free_texts(rng: Random) -> Iterator[Embedded]:
    """A secret in a sentence, as quoted by other programs."""
    pw, key, token = password(rng).text, KEYS["short"](rng).text, draw(rng, URLSAFE, 40)
    phrase = draw(rng, ascii_lowercase, 11)
    signed, signed_parts = jwt(rng)
    stripe = KNOWN["stripe"](rng).text
    yield Embedded("url", f"GET https://etl:{pw}@{HOST}/v1: 401", (pw,), ("GET https://", f"{HOST}/v1", "401"))
    yield Embedded("query", f'Get "https://{HOST}/v1?api_key={key}&page=2": EOF', (key,), (HOST, "page=2", "EOF"))
    yield Embedded("dsn", f"cannot parse `postgres://etl:{pw}@{HOST}/app`: bad port", (pw,), (HOST, "bad port"))
    yield Embedded(
        "libpq",
        f"failed to connect to `host={HOST} user=etl password={pw} database=app`: server error",
        (pw,),
        (f"host={HOST}", "database=app", "server error"),
    )
    yield Embedded(
        "libpq-invalid", f'invalid dsn "user=etl password={pw} host={HOST}" given', (pw,), ("invalid dsn", "given")
    )
    yield Embedded(
        "password-word", f"login failed with password={phrase} for etl", (phrase,), ("login failed", "for etl")
    )
    yield Embedded("password", f"login failed with password={pw} for etl", (pw,), ("login failed", "for etl"))
    yield Embedded(
        "json", f'upstream said: {{"error":"bad","password":"{pw}","code":7}} twice', (pw,), ('"code":7', "twice")
    )
    yield Embedded("bearer", f"header Authorization: Bearer {token} was refused", (token,), ("was refused",))
    text, parts = basic(rng)
    yield Embedded("basic", f"sent {text} and got 401", parts, ("and got 401",))
    yield Embedded("jwt", f"the token {signed} is expired", signed_parts, ("the token", "is expired"))
    yield Embedded(
        "known", f"Invalid API Key provided: {stripe}. Ask support", (stripe,), ("Invalid API Key", "Ask support")
    )
    hook = draw(rng, BASE62, 24)
    text = f"post to https://hooks.slack.com/services/T0AAA1/B0BBB2/{hook} failed"
    yield Embedded("hook", text, (hook,), ("post to https://hooks.slack.com", "failed"))
    yield Embedded("key", f"api_key={key} is not active", (key,), ("is not active",))
    yield Embedded(
        "ado", f"could not open 'Server={HOST};Uid=etl;Pwd={pw};' in time", (pw,), (f"Server={HOST}", "in time")
    )


def _sentences(group: str, turns: int) -> Iterator[tuple[str, Embedded]]:
    for turn in range(turns):
        for embedded in _free_texts(Random(f"{group}.{turn}")):
            yield f"{group}/{embedded.kind}/{turn}", embedded


def _status_errors() -> Iterator[SecretCase]:
    """Error messages of other systems that quote their input."""
    for label, (_, text, parts, stays) in _sentences("status_error", 6):
        yield SecretCase(label, "postgresql", {"hostname": "db9.acme.example"}, parts, stays, status_error=text)
    rng = Random("status_error.pem")
    text, parts = pem(rng)
    error = f"cannot read key {text} of etl"
    yield SecretCase("status_error/pem/0", "snowflake", {}, parts, ("cannot read key", "of etl"), status_error=error)


def _connection_names() -> Iterator[SecretCase]:
    """Secrets that users typed into the name of a connection."""
    for label, (_, text, parts, stays) in _sentences("connection_name", 4):
        yield SecretCase(label, "postgresql", {"hostname": "db9.acme.example"}, parts, stays, name=text)
    for kind in ("github", "stripe", "aws-id", "databricks", "slack-bot", "google-api", "jwt", "hubspot"):
        text, parts = KNOWN[kind](Random(f"connection_name.{kind}"))
        name = f"Prod ({text})"
        yield SecretCase(f"connection_name/{kind}/shape", "postgresql", {}, parts, ("Prod (",), name=name)
