"""A corpus of made-up tokens in the forms their issuers publish.

No token stands in this file: each one is composed at import time, from constants that hold only a published prefix or
suffix and from a seeded pseudo-random body. A form whose ``needs_name`` is None can be recognized by itself; any other
form is formless and counts only beside the customary name, as ``NAME=<token>`` or as a field called ``name``.
"""

import base64
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Final
from urllib.parse import quote

Maker = Callable[[Random], str]


@dataclass(frozen=True, slots=True)
class TokenForm:
    """One published form of one issuer's tokens."""

    issuer: str
    form: str
    source: str
    make: Maker
    needs_name: str | None = None


DIGITS: Final = "0123456789"
LOWER: Final = "abcdefghijklmnopqrstuvwxyz"
UPPER: Final = LOWER.upper()
ALNUM: Final = DIGITS + UPPER + LOWER
LALNUM: Final = DIGITS + LOWER
UALNUM: Final = DIGITS + UPPER
HEX: Final = DIGITS + "abcdef"
UHEX: Final = DIGITS + "ABCDEF"
B64: Final = ALNUM + "+/"
B64URL: Final = ALNUM + "-_"
WORD: Final = ALNUM + "_"
LBASE32: Final = LOWER + "234567"
UBASE32: Final = UPPER + "234567"
CROCKFORD: Final = DIGITS + "abcdefghjkmnpqrstvwxyz"
BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32: Final = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"

COPIES: Final = 2


def _pick(rng: Random, alphabet: str, length: int) -> str:
    return "".join(rng.choice(alphabet) for _ in range(length))


def _chars(alphabet: str, length: int) -> Maker:
    return lambda rng: _pick(rng, alphabet, length)


def _seq(*parts: str | Maker) -> Maker:
    return lambda rng: "".join(part if isinstance(part, str) else part(rng) for part in parts)


def _uuid(rng: Random) -> str:
    head = "-".join(_pick(rng, HEX, length) for length in (8, 4))
    return f"{head}-4{_pick(rng, HEX, 3)}-{rng.choice('89ab')}{_pick(rng, HEX, 3)}-{_pick(rng, HEX, 12)}"


def _number(rng: Random, length: int) -> str:
    return rng.choice(DIGITS[1:]) + _pick(rng, DIGITS, length - 1)


def _digits(length: int) -> Maker:
    return lambda rng: _number(rng, length)


def _time(rng: Random) -> int:
    return rng.randint(1_700_000_000, 1_760_000_000)


def _encode(text: str, *, urlsafe: bool = False, pad: bool = True) -> str:
    raw = text.encode()
    encoded = (base64.urlsafe_b64encode(raw) if urlsafe else base64.b64encode(raw)).decode()
    return encoded if pad else encoded.rstrip("=")


def _b64(maker: Maker, *, urlsafe: bool = False, pad: bool = True) -> Maker:
    """Base64 of the text that the maker composes."""
    return lambda rng: _encode(maker(rng), urlsafe=urlsafe, pad=pad)


def _b64_bytes(length: int, *, urlsafe: bool = False, pad: bool = True) -> Maker:
    """Base64 of `length` random bytes."""

    def make(rng: Random) -> str:
        raw = rng.randbytes(length)
        encoded = (base64.urlsafe_b64encode(raw) if urlsafe else base64.b64encode(raw)).decode()
        return encoded if pad else encoded.rstrip("=")

    return make


def _json(**fields: str | int | dict[str, str] | Maker | Callable[[Random], int]) -> Maker:
    """Compose the compact JSON of an object, its made fields first."""

    def make(rng: Random) -> str:
        values = {name: value(rng) if callable(value) else value for name, value in fields.items()}
        return json.dumps(values, separators=(",", ":"))

    return make


def _jwt(header: Maker, payload: Maker, signature_bytes: int = 32) -> Maker:
    return _seq(
        _b64(header, urlsafe=True, pad=False),
        ".",
        _b64(payload, urlsafe=True, pad=False),
        ".",
        _b64_bytes(signature_bytes, urlsafe=True, pad=False),
    )


def _base62(number: int, length: int) -> str:
    digits = ""
    while number:
        number, rest = divmod(number, len(ALNUM))
        digits = ALNUM[rest] + digits
    return digits.rjust(length, "0")


def _with_base62_crc(prefix: str, length: int) -> Maker:
    """Compose alphanumerics, then the six base 62 digits of their CRC32 (GitHub's, npm's)."""

    def make(rng: Random) -> str:
        body = _pick(rng, ALNUM, length)
        return prefix + body + _base62(zlib.crc32(body.encode()), 6)

    return make


def _grafana_service_account(rng: Random) -> str:
    head = "glsa" + "_" + _pick(rng, ALNUM, 32)
    return head + "_" + zlib.crc32(head.encode()).to_bytes(4, "little").hex()


def _confluent_secret(rng: Random) -> str:
    body = _pick(rng, B64, 54)
    checksum = zlib.crc32(body.encode()).to_bytes(4, "little")
    return "cflt" + body + base64.b64encode(checksum).decode().rstrip("=")


def _azure_64(signature: str) -> Maker:
    """Microsoft's identifiable key of 64 bytes."""
    return _seq(_chars(B64, 76), signature, _chars(B64, 5), _chars("AQgw", 1), "==")


def _azure_32(signature: str) -> Maker:
    """Microsoft's identifiable key of 32 bytes."""
    return _seq(_chars(B64, 33), signature, _chars("ABCDEFGHIJKLMNOP", 1), _chars(B64, 5), "=")


def _azure_annotated(platform: str, signature: str) -> Maker:
    """Microsoft's common annotated security key of 84 characters."""
    return _seq(
        _chars(ALNUM, 52),
        "JQQJ" + "99",
        _chars("BC", 1),
        _chars("ABCDEFGHIJKL", 1),
        "AC",
        _chars(ALNUM, 10),
        platform,
        signature,
        _chars(ALNUM, 4),
    )


def _dashed(alphabet: str, *lengths: int) -> Maker:
    return lambda rng: "-".join(_pick(rng, alphabet, length) for length in lengths)


def _form(
    issuer: str,
    form: str,
    source: str,
    *parts: str | Maker,
    needs_name: str | None = None,
) -> TokenForm:
    return TokenForm(issuer=issuer, form=form, source=source, make=_seq(*parts), needs_name=needs_name)


_HS256: Final = _json(alg="HS256")
_HS256_JWT: Final = _json(alg="HS256", typ="JWT")
_RS256_JWT: Final = _json(typ="JWT", alg="RS256")
_GITLAB: Final = "docs.gitlab.com/security/tokens"
_AZURE: Final = "microsoft/security-utilities: "
_BUILDKITE: Final = "buildkite.com/docs/platform/security/tokens"


_CLOUD: Final[tuple[TokenForm, ...]] = (
    _form("aws", "session token (origin_ec)", "AWS STS responses", "IQoJb3JpZ2lu", "X2Vj", _b64_bytes(300)),
    _form("aws", "session token (er/aws)", "AWS STS responses", "FwoGZXIv", "YXdzE", _chars(B64, 331)),
    _form(
        "aws",
        "Bedrock long-term API key",
        "gitleaks: aws-amazon-bedrock-api-key-long-lived",
        "ABSK",
        _b64(_seq("BedrockAPIKey-", _chars(LALNUM, 4), "-at-", _digits(12), ":", _b64_bytes(39))),
    ),
    _form(
        "aws",
        "Bedrock short-term API key",
        "gitleaks: aws-amazon-bedrock-api-key-short-lived",
        "bedrock-api-key-",
        _b64(
            _seq(
                "bedrock.amazonaws.com/?Action=CallWithBearerToken&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=",
                _chars(HEX, 64),
                "&Version=1",
            )
        ),
    ),
    _form("aws", "AppSync API key", "trufflehog: aws/appsync", "da2-", _chars(LALNUM, 26)),
    _form(
        "aws",
        "secret access key",
        "docs.aws.amazon.com/IAM: access keys",
        _chars(B64, 40),
        needs_name="AWS_SECRET_ACCESS_KEY",
    ),
    _form(
        "aws",
        "long-term key id and secret joined by a colon (the passwd file of s3fs)",
        "github: aws_access_key_id with aws_secret_access_key",
        "AKIA",
        _chars(UBASE32, 16),
        ":",
        _chars(B64, 40),
        needs_name="AWS_CREDENTIALS",
    ),
    _form(
        "aws",
        "temporary key id and secret joined by a colon",
        "github: aws_temporary_access_key_id with aws_secret_access_key",
        "ASIA",
        _chars(UBASE32, 16),
        ":",
        _chars(B64, 40),
        needs_name="AWS_CREDENTIALS",
    ),
    _form(
        "amazon",
        "Login with Amazon client secret",
        "developer-docs.amazon.com/sp-api",
        "amzn1.oa2-cs.v1.",
        _chars(HEX, 64),
    ),
    _form(
        "amazon",
        "Login with Amazon access token",
        "developer.amazon.com/docs/login-with-amazon",
        "Atza|",
        "IwEB",
        _chars(B64URL, 320),
    ),
    _form(
        "amazon",
        "Login with Amazon refresh token",
        "developer.amazon.com/docs/login-with-amazon",
        "Atzr|",
        "IwEB",
        _chars(B64URL, 320),
    ),
    _form(
        "azure",
        "Entra client secret",
        "gitleaks: azure-ad-client-secret",
        _chars(ALNUM, 3),
        "8Q~",
        _chars(B64URL + "~.", 34),
    ),
    _form(
        "azure",
        "Entra refresh token",
        "trufflehog: azure_entra/refreshtoken",
        "0.A",
        _chars(B64URL, 60),
        ".Ag",
        _chars(B64URL, 400),
    ),
    _form("azure", "storage account key", _AZURE + "SEC101/152", _azure_64("+ASt")),
    _form("azure", "Cosmos DB key", _AZURE + "SEC101/160", _azure_64("ACDb")),
    _form("azure", "Batch key", _AZURE + "SEC101/163", _azure_64("+ABa")),
    _form("azure", "Machine Learning classic web service key", _AZURE + "SEC101/170", _azure_64("+AMC")),
    _form("azure", "API Management subscription key", _AZURE + "SEC101/182", _azure_64("APIM")),
    _form("azure", "Service Bus key", _AZURE + "SEC101/171", _azure_32("+ASb")),
    _form("azure", "Event Hub key", _AZURE + "SEC101/172", _azure_32("+AEh")),
    _form("azure", "Relay key", _AZURE + "SEC101/173", _azure_32("+ARm")),
    _form("azure", "IoT Hub key", _AZURE + "SEC101/178", _azure_32("AIoT")),
    _form("azure", "Event Grid key", _AZURE + "SEC101/199", _azure_32("AZEG")),
    _form("azure", "Cache for Redis key", _AZURE + "SEC101/154", _azure_32("AzCa")),
    _form(
        "azure",
        "Functions key",
        _AZURE + "SEC101/158",
        _chars(B64URL, 44),
        "AzFu",
        _chars(B64URL, 5),
        _chars("AQgw", 1),
        "==",
    ),
    _form(
        "azure",
        "AI Search key",
        _AZURE + "SEC101/166",
        _chars(ALNUM, 42),
        "AzSe",
        _chars("ABCD", 1),
        _chars(ALNUM, 5),
    ),
    _form(
        "azure",
        "Container Registry key",
        _AZURE + "SEC101/176",
        _chars(B64, 42),
        "+ACR",
        _chars("ABCD", 1),
        _chars(ALNUM, 5),
    ),
    _form("azure", "OpenAI and AI services key", _AZURE + "SEC101/200, ACOG", _azure_annotated("AAAB", "ACOG")),
    _form(
        "azure",
        "shared access signature",
        "learn.microsoft.com/rest/api/storageservices/create-account-sas",
        "sig=",
        lambda rng: quote(_b64_bytes(32)(rng), safe=""),
    ),
    _form(
        "azure",
        "storage account key of the former format",
        _AZURE + "SEC101/106",
        _b64_bytes(64),
        needs_name="AZURE_STORAGE_KEY",
    ),
    _form(
        "azure devops",
        "personal access token",
        "github: azure_devops_personal_access_token",
        _azure_annotated("AAAS", "AZDO"),
    ),
    _form(
        "microsoft teams",
        "incoming webhook URL",
        "gitleaks: microsoft-teams-webhook",
        "https://contoso.webhook.office.com/",
        "webhookb2/",
        _uuid,
        "@",
        _uuid,
        "/IncomingWebhook/",
        _chars(HEX, 32),
        "/",
        _uuid,
    ),
    _form("google", "API key", "gitleaks: gcp-api-key", "AIza", "Sy", _chars(B64URL, 33)),
    _form("google", "OAuth access token", "trufflehog: googleoauth2", "ya29.", "a0A", _chars(B64URL, 180)),
    _form("google", "OAuth client secret", "github: google_oauth_client_secret", "GOCSPX-", _chars(B64URL, 28)),
    _form(
        "google",
        "OAuth refresh token",
        "developers.google.com/identity/protocols/oauth2",
        "1//",
        "0",
        _chars(B64URL, 99),
    ),
    _form("google", "authorization key", "betterleaks: gcp-gemini-api", "AQ.", "Ab8RN6", _chars(B64URL, 44)),
    _form(
        "google",
        "Cloud Messaging server key",
        "github: google_cloud_messaging/firebase_cloud_messaging_server_key",
        "AAAA",
        _chars(B64URL, 7),
        ":APA91b",
        _chars(B64URL, 134),
    ),
    _form("alibaba cloud", "access key id", "trufflehog: alibaba", "LTAI", _chars(ALNUM, 20)),
    _form(
        "alibaba cloud",
        "access key secret",
        "gitleaks: alibaba-secret-key",
        _chars(ALNUM, 30),
        needs_name="ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    ),
    _form("tencent cloud", "secret id", "github: tencent_cloud_secret_id", "AKID", _chars(ALNUM, 32)),
    _form(
        "tencent cloud",
        "secret key",
        "cloud.tencent.com/document/product/598",
        _chars(ALNUM, 32),
        needs_name="TENCENTCLOUD_SECRET_KEY",
    ),
    _form(
        "baidu",
        "Qianfan API key",
        "cloud.baidu.com/doc/qianfan",
        "bce-v3/",
        "ALTAK-",
        _chars(ALNUM, 21),
        "/",
        _chars(HEX, 40),
    ),
    _form("yandex", "API key", "gitleaks: yandex-api-key", "AQVN", _chars(B64URL, 36)),
    _form("yandex", "OAuth token", "github: yandex_passport_oauth_token", "y0_", "Ag", _chars(B64URL, 56)),
    _form("yandex", "static access key", "gitleaks: yandex-aws-access-token", "YC", _chars(B64URL, 38)),
    _form(
        "yandex",
        "IAM token",
        "gitleaks: yandex-access-token",
        "t1.",
        _chars(B64URL, 120),
        ".",
        _chars(B64URL, 86),
    ),
    _form(
        "ibm cloud", "API key", "betterleaks: ibm-cloud-user-api-key", _chars(B64URL, 44), needs_name="IBMCLOUD_API_KEY"
    ),
    _form(
        "linode", "personal access token", "techdocs.akamai.com/linode-api", _chars(HEX, 64), needs_name="LINODE_TOKEN"
    ),
    _form("hetzner cloud", "API token", "docs.hetzner.cloud", _chars(ALNUM, 64), needs_name="HCLOUD_TOKEN"),
    _form("digitalocean", "personal access token", "gitleaks: digitalocean-pat", "dop_v1_", _chars(HEX, 64)),
    _form("digitalocean", "OAuth token", "gitleaks: digitalocean-access-token", "doo_v1_", _chars(HEX, 64)),
    _form("digitalocean", "refresh token", "gitleaks: digitalocean-refresh-token", "dor_v1_", _chars(HEX, 64)),
    _form("upcloud", "API token", "betterleaks: upcloud-api-token", "ucat_", _chars(ALNUM, 26)),
    _form("scalingo", "API token", "gitleaks: scalingo-api-token", "tk-us-", _chars(B64URL, 48)),
    _form("heroku", "API key", "gitleaks: heroku-api-key-v2", "HRKU-", "AA", _chars(B64URL, 58)),
    _form("fly.io", "macaroon with its scheme", "trufflehog: flyio", "FlyV1 ", "fm2_", _chars(B64, 600)),
    _form("fly.io", "macaroon", "gitleaks: flyio-access-token", "fm2_", _b64_bytes(330)),
    _form("fly.io", "OAuth token", "gitleaks: flyio-access-token", "fo1_", _chars(B64URL, 43)),
    _form("render", "API key", "betterleaks: render-api-key", "rnd_", _chars(ALNUM, 28)),
    _form("vercel", "personal access token", "betterleaks: vercel-personal-access-token", "vcp_", _chars(ALNUM, 56)),
    _form("vercel", "integration token", "betterleaks: vercel-integration-token", "vci_", _chars(ALNUM, 56)),
    _form("vercel", "app access token", "betterleaks: vercel-app-access-token", "vca_", _chars(ALNUM, 56)),
    _form("vercel", "app refresh token", "betterleaks: vercel-app-refresh-token", "vcr_", _chars(ALNUM, 56)),
    _form("vercel", "AI Gateway key", "betterleaks: vercel-ai-gateway-key", "vck_", _chars(ALNUM, 56)),
    _form(
        "vercel",
        "Blob read-write token",
        "vercel.com/docs/vercel-blob",
        "vercel_blob_rw_",
        _chars(ALNUM, 16),
        "_",
        _chars(ALNUM, 30),
    ),
    _form("netlify", "personal access token", "trufflehog: netlify", "nfp_", _chars(ALNUM, 36)),
    _form("netlify", "OAuth token", "docs.netlify.com: token prefixes", "nfo_", _chars(ALNUM, 36)),
    _form(
        "cloudflare",
        "origin CA key",
        "gitleaks: cloudflare-origin-ca-key",
        "v1.0-",
        _chars(HEX, 24),
        "-",
        _chars(HEX, 146),
    ),
    _form(
        "cloudflare", "user API token", "trufflehog: cloudflareapitoken/v2", "cfut_", _chars(ALNUM, 40), _chars(HEX, 8)
    ),
    _form(
        "cloudflare",
        "account API token",
        "trufflehog: cloudflareapitoken/v2",
        "cfat_",
        _chars(ALNUM, 40),
        _chars(HEX, 8),
    ),
    _form(
        "cloudflare",
        "global API key",
        "trufflehog: cloudflareglobalapikey/v2",
        "cfk_",
        _chars(ALNUM, 40),
        _chars(HEX, 8),
    ),
    _form(
        "cloudflare",
        "tunnel token",
        "developers.cloudflare.com/cloudflare-one",
        _b64(_json(a=_chars(HEX, 32), t=_uuid, s=_b64_bytes(32))),
    ),
    _form("fastly", "API token", "gitleaks: fastly-api-token", _chars(B64URL, 32), needs_name="FASTLY_API_TOKEN"),
    _form("deno", "Deploy personal token", "betterleaks: deno-account-token", "ddp_", _chars(ALNUM, 36)),
    _form("deno", "Deploy organization token", "trufflehog: deno", "ddw_", _chars(ALNUM, 36)),
    _form("val town", "API token", "betterleaks: val-town-api-token", "vtwn_", _chars(ALNUM, 40)),
    _form(
        "tailscale",
        "API access token",
        "tailscale.com/kb/1277/key-prefixes",
        "tskey-",
        "api-",
        "k",
        _chars(ALNUM, 6),
        "CNTRL-",
        _chars(ALNUM, 33),
    ),
    _form(
        "tailscale",
        "auth key",
        "tailscale.com/kb/1277/key-prefixes",
        "tskey-",
        "auth-",
        "k",
        _chars(ALNUM, 6),
        "CNTRL-",
        _chars(ALNUM, 33),
    ),
    _form(
        "tailscale",
        "OAuth client secret",
        "tailscale.com/kb/1277/key-prefixes",
        "tskey-",
        "client-",
        "k",
        _chars(ALNUM, 6),
        "CNTRL-",
        _chars(ALNUM, 33),
    ),
    _form(
        "defined networking",
        "API token",
        "gitleaks: defined-networking-api-token",
        "dnkey-",
        _chars(UALNUM, 26),
        "-",
        _chars(UALNUM, 52),
    ),
    _form("ionic", "personal access token", "betterleaks: ionic-personal-access-token", "ion_", _chars(ALNUM, 42)),
    _form(
        "salad",
        "cloud API key",
        "trufflehog: saladcloudapikey",
        "salad_cloud_",
        _chars(ALNUM, 6),
        "_",
        _chars(ALNUM, 60),
    ),
    _form("openshift", "user token", "gitleaks: openshift-user-token", "sha256~", _chars(B64URL, 43)),
    _form(
        "rancher", "API token", "ranchermanager.docs.rancher.com", "token-", _chars(LALNUM, 5), ":", _chars(LALNUM, 54)
    ),
    _form("portainer", "access token", "trufflehog: portainertoken", "ptr_", _b64_bytes(32)),
    _form(
        "proxmox",
        "API token header value",
        "pve.proxmox.com/wiki/User_Management",
        "PVEAPIToken=",
        "root@pam!collector=",
        _uuid,
    ),
    _form("docker", "personal access token", "trufflehog: dockerhub/v2", "dckr_pat_", _chars(B64URL, 27)),
    _form("docker", "organization access token", "trufflehog: dockerhub/v2", "dckr_oat_", _chars(B64URL, 32)),
    _form(
        "docker",
        "swarm join token",
        "betterleaks: docker-swarm-join-token",
        "SWMTKN-",
        "1-",
        _chars(LALNUM, 50),
        "-",
        _chars(LALNUM, 25),
    ),
    _form(
        "docker", "swarm unlock key", "betterleaks: docker-swarm-unlock-key", "SWMKEY-", "1-", _b64_bytes(32, pad=False)
    ),
)

_CODE: Final[tuple[TokenForm, ...]] = (
    _form("github", "classic personal access token", "gitleaks: github-pat", _with_base62_crc("ghp_", 30)),
    _form("github", "OAuth access token", "gitleaks: github-oauth", _with_base62_crc("gho_", 30)),
    _form("github", "user-to-server token", "gitleaks: github-app-token", _with_base62_crc("ghu_", 30)),
    _form("github", "server-to-server token", "gitleaks: github-app-token", _with_base62_crc("ghs_", 30)),
    _form("github", "refresh token", "gitleaks: github-refresh-token", _with_base62_crc("ghr_", 70)),
    _form(
        "github",
        "fine-grained personal access token",
        "gitleaks: github-fine-grained-pat",
        "github_pat_",
        _chars(ALNUM, 22),
        "_",
        _chars(ALNUM, 59),
    ),
    _form("gitlab", "personal access token", "gitleaks: gitlab-pat", "glpat-", _chars(B64URL, 20)),
    _form(
        "gitlab",
        "routable personal access token",
        "betterleaks: gitlab-pat-routable-versioned",
        "glpat-",
        _chars(B64URL, 27),
        ".01.",
        _chars(LALNUM, 9),
    ),
    _form("gitlab", "pipeline trigger token", "gitleaks: gitlab-ptt", "glptt-", _chars(HEX, 40)),
    _form("gitlab", "deploy token", "gitleaks: gitlab-deploy-token", "gldt-", _chars(B64URL, 20)),
    _form(
        "gitlab",
        "runner authentication token",
        "gitleaks: gitlab-runner-authentication-token",
        "glrt-",
        _chars(B64URL, 20),
    ),
    _form(
        "gitlab",
        "routable runner authentication token",
        "gitleaks: gitlab-runner-authentication-token-routable",
        "glrt-",
        "t3_",
        _chars(B64URL, 27),
        ".01",
        _chars(LALNUM, 7),
    ),
    _form("gitlab", "runner token made by registration", _GITLAB, "glrtr-", _chars(B64URL, 20)),
    _form("gitlab", "runner registration token", "gitleaks: gitlab-rrt", "GR13", "48941", _chars(B64URL, 20)),
    _form("gitlab", "job token", "gitleaks: gitlab-cicd-job-token", "glcbt-", _chars(HEX, 2), "_", _chars(B64URL, 20)),
    _form("gitlab", "feed token", "gitleaks: gitlab-feed-token", "glft-", _chars(B64URL, 20)),
    _form("gitlab", "incoming mail token", "gitleaks: gitlab-incoming-mail-token", "glimt-", _chars(LALNUM, 25)),
    _form(
        "gitlab", "Kubernetes agent token", "gitleaks: gitlab-kubernetes-agent-token", "glagent-", _chars(B64URL, 50)
    ),
    _form("gitlab", "OAuth application secret", "gitleaks: gitlab-oauth-app-secret", "gloas-", _chars(HEX, 64)),
    _form("gitlab", "SCIM token", "gitleaks: gitlab-scim-token", "glsoat-", _chars(B64URL, 20)),
    _form(
        "gitlab",
        "feature flags client token",
        "gitleaks: gitlab-feature-flag-client-token",
        "glffct-",
        _chars(B64URL, 20),
    ),
    _form("gitlab", "workspace token", _GITLAB, "glwt-", _chars(B64URL, 20)),
    _form(
        "atlassian",
        "API token",
        "gitleaks: atlassian-api-token",
        "ATATT3",
        "xFfGF0",
        _chars(B64URL, 171),
        "=",
        _chars(UHEX, 8),
    ),
    _form(
        "atlassian",
        "organization admin key",
        "trufflehog: atlassian/v2",
        "ATCTT3",
        "xFfGN0",
        _chars(B64URL, 171),
        "=",
        _chars(UHEX, 8),
    ),
    _form("bitbucket", "app password", "trufflehog: bitbucketapppassword", "ATBB", _chars(ALNUM, 24), _chars(UHEX, 8)),
    _form(
        "bitbucket",
        "Data Center HTTP access token",
        "trufflehog: atlassiandatacenter/bitbucketdatacenter",
        "BBDC-",
        _chars(B64, 44),
    ),
    _form("trello", "token", "developer.atlassian.com/cloud/trello", "ATTA", _chars(HEX, 64), _chars(UHEX, 8)),
    _form(
        "sourcegraph",
        "access token",
        "gitleaks: sourcegraph-access-token",
        "sgp_",
        _chars(HEX, 16),
        "_",
        _chars(HEX, 40),
    ),
    _form("sourcegraph", "Cody Gateway token", "sourcegraph openapi: sgd_", "sgd_", _chars(HEX, 64)),
    _form("sourcegraph", "license token", "trufflehog: sourcegraphcody", "slk_", _chars(HEX, 64)),
    _form(
        "circleci",
        "personal access token",
        "betterleaks: circleci-personal-token",
        "CCIPAT_",
        _chars(ALNUM, 22),
        "_",
        _chars(HEX, 40),
    ),
    _form(
        "circleci",
        "project token",
        "github: circleci_project_token",
        "CCIPRJ_",
        _chars(ALNUM, 22),
        "_",
        _chars(HEX, 40),
    ),
    _form("buildkite", "user access token", "trufflehog: buildkite/v2", "bkua_", _chars(HEX, 40)),
    _form("buildkite", "agent access token", _BUILDKITE, "bkaa_", _chars(B64URL, 75)),
    _form("buildkite", "job token", _BUILDKITE, "bkaj_", _chars(B64URL, 333)),
    _form("buildkite", "cluster token", _BUILDKITE, "bkct_", _chars(B64URL, 73)),
    _form("buildkite", "portal token", _BUILDKITE, "bkpt_", _chars(B64URL, 199)),
    _form(
        "teamcity",
        "access token",
        "jetbrains.com/help/teamcity: access tokens",
        _b64(_seq('{"typ": "TCV2"}')),
        ".",
        _b64(_chars(B64URL, 27)),
        ".",
        _b64(_uuid),
    ),
    _form(
        "jetbrains",
        "permanent token of YouTrack and Hub",
        "jetbrains.com/help/youtrack: permanent tokens",
        "perm-",
        _b64(_chars(LOWER, 7)),
        ".",
        _b64(_seq(_digits(2), "-", _digits(3))),
        ".",
        _chars(ALNUM, 30),
    ),
    _form("octopus deploy", "API key", "gitleaks: octopus-deploy-api-key", "API-", _chars(UALNUM, 26)),
    _form(
        "harness",
        "personal access token",
        "gitleaks: harness-api-key",
        "pat.",
        _chars(B64URL, 22),
        ".",
        _chars(HEX, 24),
        ".",
        _chars(ALNUM, 20),
    ),
    _form(
        "harness",
        "service account token",
        "gitleaks: harness-api-key",
        "sat.",
        _chars(B64URL, 22),
        ".",
        _chars(HEX, 24),
        ".",
        _chars(ALNUM, 20),
    ),
    _form("jfrog", "Artifactory API key", "gitleaks: artifactory-api-key", "AKCp", _chars(ALNUM, 69)),
    _form(
        "jfrog",
        "reference token",
        "trufflehog: artifactoryreferencetoken",
        _b64(_seq("reftkn:", "01:", _digits(10), ":", _chars(ALNUM, 27))),
    ),
    _form("npm", "access token", "gitleaks: npm-access-token", _with_base62_crc("npm_", 30)),
    _form("pypi", "upload token", "gitleaks: pypi-upload-token", "pypi-", "AgEIcHlwaS5vcmc", "CJ", _chars(B64URL, 152)),
    _form(
        "pypi", "TestPyPI upload token", "docs.pypi.org", "pypi-", "AgENdGVzdC5weXBpLm9yZw", "I", _chars(B64URL, 152)
    ),
    _form("rubygems", "API key", "gitleaks: rubygems-api-token", "rubygems_", _chars(HEX, 48)),
    _form("crates.io", "API token", "rust-lang/crates.io: token.rs", "cio", _chars(ALNUM, 32)),
    _form("nuget", "API key", _AZURE + "SEC101/031", "oy2", _chars(LBASE32, 43)),
    _form("clojars", "deploy token", "gitleaks: clojars-api-token", "CLOJARS_", _chars(HEX, 60)),
    _form("cloudsmith", "API key", "betterleaks: cloudsmith-api-key", "csa_", _chars(HEX, 30), _chars(ALNUM, 6)),
    _form("sonarqube", "user token", "gitleaks: sonar-api-token", "squ_", _chars(HEX, 40)),
    _form("sonarqube", "project token", "gitleaks: sonar-api-token", "sqp_", _chars(HEX, 40)),
    _form("sonarqube", "global analysis token", "gitleaks: sonar-api-token", "sqa_", _chars(HEX, 40)),
    _form("sonarcloud", "organization token", "trufflehog: sonarcloud/v2", "sqco_", _chars(ALNUM, 59)),
    _form(
        "snyk",
        "personal access token",
        "docs.snyk.io: personal access tokens",
        "snyk_uat.",
        _chars(HEX, 8),
        ".",
        _chars(B64URL, 120),
        ".",
        _chars(B64URL, 86),
    ),
    _form(
        "snyk",
        "service account token",
        "docs.snyk.io: service accounts",
        "snyk_sat.",
        _chars(HEX, 8),
        ".",
        _chars(B64URL, 120),
        ".",
        _chars(B64URL, 86),
    ),
    _form("socket", "API token", "docs.socket.dev", "sktsec_", _chars(B64URL, 43), "_api"),
    _form("stackhawk", "API key", "kingfisher: stackhawk.1", "hawk.", _chars(B64URL, 20), ".", _chars(B64URL, 20)),
    _form("endor labs", "API key", "trufflehog: endorlabs", "endr+", _chars(ALNUM, 16)),
    _form("spectralops", "token", "trufflehog: spectralops", "spu-", _chars(LALNUM, 32)),
    _form("aikido", "client secret", "betterleaks: aikido-client-secret", "AIK_SECRET_", _chars(ALNUM, 64)),
    _form("aikido", "CI token", "betterleaks: aikido-ci-token", "AIK_CI_", _chars(ALNUM, 40)),
    _form("truffle security", "enterprise secret", "trufflehog: trufflehogenterprise", "thog-secret-", _chars(HEX, 32)),
    _form(
        "veracode",
        "API secret key of the European region",
        "docs.veracode.com: API credentials",
        "vera01es-",
        _chars(HEX, 128),
    ),
    _form("nightfall", "API key", "trufflehog: nightfall", "NF-", _chars(ALNUM, 32)),
    _form("semgrep", "app token", "semgrep.dev/docs", _chars(HEX, 64), needs_name="SEMGREP_APP_TOKEN"),
    _form("shodan", "API key", "github: shodan_api_key", _chars(ALNUM, 32), needs_name="SHODAN_API_KEY"),
    _form("dependency-track", "API key", "kingfisher: dtrack.1", "odt_", _chars(ALNUM, 32)),
    _form(
        "mergify",
        "application key",
        "betterleaks: mergify-application-key",
        "mergify_application_key_",
        _chars(B64URL, 64),
    ),
    _form("infracost", "API key", "gitleaks: infracost-api-token", "ico-", _chars(ALNUM, 32)),
    _form("pulumi", "access token", "gitleaks: pulumi-api-token", "pul-", _chars(HEX, 40)),
    _form(
        "terraform cloud",
        "API token",
        "gitleaks: hashicorp-tf-api-token",
        _chars(ALNUM, 14),
        ".atlasv1.",
        _chars(ALNUM, 67),
    ),
    _form("vault", "service token", "gitleaks: vault-service-token", "hvs.", "CAES", _chars(B64URL, 91)),
    _form("vault", "batch token", "gitleaks: vault-batch-token", "hvb.", "AAAAAQ", _chars(B64URL, 140)),
    _form(
        "vault",
        "recovery token",
        "developer.hashicorp.com/vault/docs/concepts/tokens",
        "hvr.",
        "CAES",
        _chars(B64URL, 91),
    ),
    _form("vault", "service token before 1.10", "gitleaks: vault-service-token", "s.", _chars(ALNUM, 24)),
    _form("doppler", "personal token", "gitleaks: doppler-api-token", "dp.pt.", _chars(ALNUM, 43)),
    _form("doppler", "service token", "trufflehog: doppler", "dp.st.", "prd.", _chars(ALNUM, 43)),
    _form("doppler", "service account token", "trufflehog: doppler", "dp.sa.", _chars(ALNUM, 43)),
    _form("doppler", "CLI token", "trufflehog: doppler", "dp.ct.", _chars(ALNUM, 43)),
    _form("doppler", "SCIM token", "trufflehog: doppler", "dp.scim.", _chars(ALNUM, 43)),
    _form("doppler", "audit token", "trufflehog: doppler", "dp.audit.", _chars(ALNUM, 43)),
    _form(
        "1password",
        "service account token",
        "gitleaks: 1password-service-account-token",
        "ops_",
        _b64(
            _json(
                signInAddress="my.1password.com",
                userAuth=_chars(B64URL, 60),
                email=_seq(_chars(LALNUM, 13), "@1passwordserviceaccounts.com"),
                srpX=_chars(HEX, 64),
                muk=_chars(B64URL, 80),
                deviceUuid=_chars(LALNUM, 26),
            ),
            urlsafe=True,
            pad=False,
        ),
    ),
    _form(
        "1password",
        "secret key",
        "gitleaks: 1password-secret-key",
        "A3-",
        _dashed("23456789ABCDEFGHJKLMNPQRSTVWXYZ", 6, 6, 5, 5, 5, 5),
    ),
    _form(
        "bitwarden",
        "Secrets Manager access token",
        "bitwarden.com/help/access-tokens",
        "0.",
        _uuid,
        ".",
        _chars(ALNUM, 30),
        ":",
        _b64_bytes(16),
    ),
    _form("age", "secret key", "gitleaks: age-secret-key", "AGE-SECRET-KEY-", "1", _chars(BECH32, 58)),
    _form("percy", "web project token", "browserstack.com/docs/percy", "web_", _chars(HEX, 64)),
    _form("checkly", "user API key", "checklyhq.com/docs", "cu_", _chars(HEX, 32)),
    _form("postman", "API key", "gitleaks: postman-api-token", "PMAK-", _chars(HEX, 24), "-", _chars(HEX, 34)),
    _form("readme", "API key", "gitleaks: readme-api-token", "rdme_", _chars(LALNUM, 70)),
    _form(
        "zuplo",
        "consumer API key",
        "betterleaks: zuplo-consumer-api-key",
        "zpka_",
        _chars(LALNUM, 32),
        "_",
        _chars(HEX, 8),
    ),
    _form("kong", "Konnect personal access token", "developer.konghq.com/konnect-api", "kpat_", _chars(ALNUM, 45)),
    _form("unkey", "root key", "betterleaks: unkey-root-key", "unkey_", _chars(BASE58, 22)),
    _form(
        "authress",
        "service client access key",
        "gitleaks: authress-service-client-access-key",
        "sc_",
        _chars(LALNUM, 20),
        ".",
        _chars(LALNUM, 4),
        ".acc_",
        _chars(LALNUM, 16),
        ".",
        _chars(B64, 64),
    ),
    _form(
        "workos",
        "API key",
        "betterleaks: workos-production-api-key",
        "sk_live_",
        _b64(_seq("key_", "01", _chars(UALNUM, 24), ",", _chars(ALNUM, 25)), pad=False),
    ),
    _form("clerk", "secret key", "clerk.com/docs", "sk_live_", _chars(ALNUM, 42)),
    _form(
        "stytch", "project secret", "github.com/stytchauth/stytch-node README", "secret-live-", _chars(B64URL, 35), "="
    ),
    _form("ory", "personal access token", "ory.com/docs: token formats", "ory_pat_", _chars(ALNUM, 32)),
    _form("ory", "session token", "ory.com/docs: token formats", "ory_st_", _chars(ALNUM, 32)),
    _form("okta", "API token", "trufflehog: okta", "00", _chars(B64URL, 40), needs_name="OKTA_API_TOKEN"),
    _form("launchdarkly", "access token", "trufflehog: launchdarkly", "api-", _uuid),
    _form("launchdarkly", "SDK key", "trufflehog: launchdarkly", "sdk-", _uuid),
    _form("statsig", "server secret key", "docs.statsig.com/server/introduction", "secret-", _chars(ALNUM, 43)),
    _form("devcycle", "server SDK key", "betterleaks: devcycle-server-sdk-key", "dvc_server_", _chars(ALNUM, 32)),
    _form(
        "contentful", "personal access token", "trufflehog: contentfulpersonalaccesstoken", "CFPAT-", _chars(B64URL, 43)
    ),
    _form("canva", "client secret", "betterleaks: canva-client-secret", "cnvca", _chars(B64URL, 51)),
    _form("adobe", "client secret", "gitleaks: adobe-client-secret", "p8e-", _chars(ALNUM, 32)),
    _form("localstack", "auth token", "docs.localstack.cloud", "ls-", _dashed(ALNUM, 8, 4, 4, 4, 12)),
)

_DATA: Final[tuple[TokenForm, ...]] = (
    _form("databricks", "personal access token", "gitleaks: databricks-api-token", "dapi", _chars(HEX, 32)),
    _form(
        "databricks",
        "personal access token of an Azure workspace",
        "trufflehog: databrickstoken",
        "dapi",
        _chars(HEX, 32),
        "-3",
    ),
    _form("databricks", "OAuth secret", "docs.databricks.com: OAuth secrets", "dose", _chars(HEX, 32)),
    _form(
        "snowflake",
        "programmatic access token",
        "docs.snowflake.com: programmatic access tokens",
        _jwt(
            _json(kid=_digits(9), alg="ES256"),
            _json(p=_seq(_digits(9), ":", _digits(9)), iss="SF:1001", exp=1893456000),
            64,
        ),
    ),
    _form("confluent", "Cloud API secret", "docs.confluent.io: API secret format", _confluent_secret),
    _form(
        "cockroachdb",
        "Cloud API key",
        "betterleaks: cockroachlabs-cloud-api-key",
        "CCDB1_",
        _chars(ALNUM, 22),
        "_",
        _chars(ALNUM, 40),
    ),
    _form("planetscale", "service token", "trufflehog: planetscale", "pscale_tkn_", _chars(WORD, 43)),
    _form("planetscale", "password", "trufflehog: planetscaledb", "pscale_pw_", _chars(WORD, 43)),
    _form("planetscale", "OAuth token", "gitleaks: planetscale-oauth-token", "pscale_oauth_", _chars(WORD, 43)),
    _form("supabase", "management token", "trufflehog: supabasetoken", "sbp_", _chars(HEX, 40)),
    _form(
        "supabase",
        "secret key",
        "supabase.com/docs/guides/api/api-keys",
        "sb_secret_",
        _chars(B64URL, 22),
        "_",
        _chars(B64URL, 8),
    ),
    _form(
        "supabase",
        "service role key (JWT)",
        "supabase.com/docs/guides/api/api-keys",
        _jwt(
            _HS256_JWT,
            _json(iss="supabase", ref=_chars(LOWER, 20), role="service_role", iat=1700000000, exp=2015576000),
        ),
    ),
    _form("neon", "API key", "betterleaks: neon-api-key", "napi_", _chars(LALNUM, 64)),
    _form("xata", "API key", "xataio/xata: internal/api/key", "xau_", _chars(ALNUM, 29)),
    _form(
        "tinybird",
        "auth token",
        "tinybird.co/docs: auth tokens",
        "p.",
        _b64(_json(u=_uuid, id=_uuid, host="eu_shared"), urlsafe=True, pad=False),
        ".",
        _b64_bytes(32, urlsafe=True, pad=False),
    ),
    _form("clickhouse", "Cloud API secret key", "gitleaks: clickhouse-cloud-api-secret-key", "4b1d", _chars(ALNUM, 38)),
    _form(
        "mongodb atlas",
        "service account secret",
        "betterleaks: mongodb-atlas-service-account-secret",
        "mdb_sa_sk_",
        _chars(B64URL, 40),
    ),
    _form(
        "datastax",
        "Astra application token",
        "datastax/astra-cli: AstraToken.java",
        "AstraCS:",
        _chars(ALNUM, 24),
        ":",
        _chars(HEX, 64),
    ),
    _form(
        "elastic",
        "Cloud API key",
        "betterleaks: elastic-cloud-api-key",
        "essu_",
        _b64(_seq(_chars(B64URL, 20), ":", _chars(B64URL, 40))),
    ),
    _form("aiven", "service password", "github: aiven_service_password", "AVNS_", _chars(B64URL, 19)),
    _form(
        "dbt cloud", "personal token", "docs.getdbt.com/docs/dbt-cloud-apis/user-tokens", "dbtu_", _chars(B64URL, 50)
    ),
    _form(
        "dbt cloud", "service token", "docs.getdbt.com/docs/dbt-cloud-apis/service-tokens", "dbtc_", _chars(B64URL, 50)
    ),
    _form("prefect", "user API key", "gitleaks: prefect-api-token", "pnu_", _chars(ALNUM, 36)),
    _form("prefect", "service account key", "github: prefect_server_api_token", "pnb_", _chars(ALNUM, 36)),
    _form("metabase", "API key", "metabase.com/docs: API keys", "mb_", _b64_bytes(32)),
    _form("hex", "personal token", "learn.hex.tech/docs/api", "hxtp_", _chars(HEX, 96)),
    _form("retool", "API token", "docs.retool.com", "retool_", "01", _chars(CROCKFORD, 24)),
    _form(
        "tableau",
        "personal access token secret",
        "betterleaks: tableau-personal-access-token",
        _b64_bytes(16),
        ":",
        _chars(ALNUM, 32),
    ),
    _form("segment", "public API token", "betterleaks: segment-public-api-token", "sgp_", _chars(ALNUM, 64)),
    _form("posthog", "personal API key", "trufflehog: posthog", "phx_", _chars(ALNUM, 43)),
    _form("fullstory", "API key", "trufflehog: fullstory/v2", "na1.", _chars(B64, 100)),
    _form("algolia", "API key", "gitleaks: algolia-api-key", _chars(HEX, 32), needs_name="ALGOLIA_API_KEY"),
    _form("grafana", "service account token", "gitleaks: grafana-service-account-token", _grafana_service_account),
    _form(
        "grafana",
        "Cloud access policy token",
        "gitleaks: grafana-cloud-api-token",
        "glc_",
        _b64(
            _json(o=_digits(6), n=_seq("collector-", _chars(LOWER, 5)), k=_chars(ALNUM, 24), m={"r": "prod-eu-west-2"})
        ),
    ),
    _form(
        "grafana",
        "former API key",
        "gitleaks: grafana-api-key",
        _b64(_json(k=_chars(ALNUM, 32), n=_seq("dashboards-", _chars(LOWER, 5)), id=1)),
    ),
    _form(
        "sentry",
        "organization token",
        "gitleaks: sentry-org-token",
        "sntrys_",
        _b64(_json(iat=_time, url="https://sentry.io", region_url="https://us.sentry.io", org=_chars(LOWER, 9))),
        "_",
        _b64_bytes(32, pad=False),
    ),
    _form("sentry", "user token", "gitleaks: sentry-user-token", "sntryu_", _chars(HEX, 64)),
    _form("sentry", "internal integration token", "github: sentry_integration_token", "sntryi_", _chars(HEX, 64)),
    _form("new relic", "user key", "trufflehog: newrelicuserkey", "NRAK-", _chars(UALNUM, 27)),
    _form("new relic", "insights insert key", "gitleaks: new-relic-insert-key", "NRII-", _chars(B64URL, 32)),
    _form("new relic", "insights query key", "trufflehog: newrelicinsightsquerykey", "NRIQ-", _chars(B64URL, 32)),
    _form("new relic", "license key", "trufflehog: newreliclicensekey", _chars(HEX, 32), "FFFF" + "NRAL"),
    _form("datadog", "API key", "betterleaks: datadog-api-key", _chars(HEX, 32), needs_name="DATADOG_API_KEY"),
    _form(
        "datadog",
        "application key",
        "betterleaks: datadog-application-key",
        _chars(HEX, 40),
        needs_name="DATADOG_APP_KEY",
    ),
    _form(
        "dynatrace",
        "API token",
        "gitleaks: dynatrace-api-token",
        "dt0c01.",
        _chars(UBASE32, 24),
        ".",
        _chars(UBASE32, 64),
    ),
    _form(
        "dynatrace",
        "platform token",
        "docs.dynatrace.com: token formats",
        "dt0s16.",
        _chars(UBASE32, 24),
        ".",
        _chars(UBASE32, 64),
    ),
    _form(
        "dynatrace",
        "OAuth client secret",
        "docs.dynatrace.com: token formats",
        "dt0s02.",
        _chars(UBASE32, 8),
        ".",
        _chars(UBASE32, 64),
    ),
    _form("honeycomb", "ingest key", "honeycombio/libhoney-go", "hcaik_", "01", _chars(LALNUM, 56)),
    _form(
        "honeycomb",
        "management key",
        "docs.honeycomb.io/api/authentication",
        "hcamk_",
        _chars(LALNUM, 26),
        ":",
        _chars(ALNUM, 32),
    ),
    _form("axiom", "API token", "axiomhq/axiom-go: token.go", "xaat-", _uuid),
    _form("axiom", "personal token", "axiomhq/axiom-go: token.go", "xapt-", _uuid),
    _form("coralogix", "API key", "coralogix.com/docs: API keys", "cxtp_", _chars(ALNUM, 30)),
    _form("pydantic logfire", "write token", "pydantic/logfire: auth.py", "pylf_v1_", "us_", _chars(ALNUM, 44)),
    _form("rootly", "API key", "trufflehog: rootly", "rootly_", _chars(HEX, 64)),
    _form(
        "pagerduty",
        "user API key",
        "trufflehog: pagerdutyapikey",
        "u+",
        _chars(ALNUM, 18),
        needs_name="PAGERDUTY_API_KEY",
    ),
    _form(
        "sumo logic",
        "access key",
        "gitleaks: sumologic-access-token",
        _chars(ALNUM, 64),
        needs_name="SUMOLOGIC_ACCESS_KEY",
    ),
    _form("splunk", "HTTP event collector token", "docs.splunk.com: HEC", _uuid, needs_name="SPLUNK_HEC_TOKEN"),
    _form("pganalyze", "read key", "trufflehog: pganalyzereadkey", "pgar_", _chars(ALNUM, 27)),
    _form(
        "mapbox",
        "secret access token",
        "docs.mapbox.com/api/accounts/tokens",
        "sk.",
        _b64(_json(u=_chars(LOWER, 9), a=_chars(LALNUM, 25)), urlsafe=True, pad=False),
        ".",
        _chars(B64URL, 22),
    ),
    _form("maxmind", "license key", "gitleaks: maxmind-license-key", _chars(ALNUM, 6), "_", _chars(ALNUM, 29), "_mmk"),
    _form("apify", "API token", "trufflehog: apify", "apify_api_", _chars(ALNUM, 36)),
    _form("scrapfly", "API key", "trufflehog: scrapfly", "scp-live-", _chars(HEX, 32)),
    _form("brave", "Search API key", "betterleaks: brave-search-api-key", "BSA", _chars(B64URL, 28)),
    _form(
        "airtable",
        "personal access token",
        "gitleaks: airtable-personnal-access-token",
        "pat",
        _chars(ALNUM, 14),
        ".",
        _chars(HEX, 64),
    ),
    _form("kaggle", "API token", "kaggle.com/docs/api", "KGAT_", _chars(HEX, 32)),
)

_AI: Final[tuple[TokenForm, ...]] = (
    _form(
        "openai",
        "project key",
        "gitleaks: openai-api-key",
        "sk-",
        "proj-",
        _chars(B64URL, 74),
        "T3Blbk" + "FJ",
        _chars(B64URL, 74),
    ),
    _form(
        "openai",
        "service account key",
        "gitleaks: openai-api-key",
        "sk-",
        "svcacct-",
        _chars(B64URL, 74),
        "T3Blbk" + "FJ",
        _chars(B64URL, 74),
    ),
    _form(
        "openai",
        "admin key",
        "trufflehog: openaiadmin",
        "sk-",
        "admin-",
        _chars(B64URL, 58),
        "T3Blbk" + "FJ",
        _chars(B64URL, 58),
    ),
    _form(
        "openai",
        "former user key",
        "gitleaks: openai-api-key",
        "sk-",
        _chars(ALNUM, 20),
        "T3Blbk" + "FJ",
        _chars(ALNUM, 20),
    ),
    _form("anthropic", "API key", "gitleaks: anthropic-api-key", "sk-ant-", "api03-", _chars(B64URL, 93), "AA"),
    _form(
        "anthropic",
        "admin API key",
        "gitleaks: anthropic-admin-api-key",
        "sk-ant-",
        "admin01-",
        _chars(B64URL, 93),
        "AA",
    ),
    _form(
        "anthropic",
        "OAuth access token",
        "docs.anthropic.com/claude-code",
        "sk-ant-",
        "oat01-",
        _chars(B64URL, 93),
        "AA",
    ),
    _form("hugging face", "user access token", "gitleaks: huggingface-access-token", "hf_", _chars(UPPER + LOWER, 34)),
    _form(
        "hugging face",
        "organization API token",
        "gitleaks: huggingface-organization-api-token",
        "api_org_",
        _chars(UPPER + LOWER, 34),
    ),
    _form("groq", "API key", "trufflehog: groq", "gsk_", _chars(ALNUM, 52)),
    _form("cerebras", "API key", "betterleaks: cerebras-api-key", "csk-", _chars(LALNUM, 48)),
    _form("perplexity", "API key", "gitleaks: perplexity-api-key", "pplx-", _chars(ALNUM, 48)),
    _form("openrouter", "API key", "trufflehog: openrouter", "sk-or-v1-", _chars(HEX, 64)),
    _form("fireworks", "API key", "docs.fireworks.ai", "fw_", _chars(ALNUM, 24)),
    _form("together", "API key", "betterleaks: togetherai-api-key", "tgp_v1_", _chars(B64URL, 43)),
    _form("xai", "API key", "trufflehog: xai", "xai-", _chars(ALNUM, 80)),
    _form("deepseek", "API key", "trufflehog: deepseek", "sk-", _chars(HEX, 32)),
    _form("stability ai", "API key", "betterleaks: stability-ai-api-key", "sk-", _chars(ALNUM, 48)),
    _form("minimax", "API key", "betterleaks: minimax-api-key", "sk-api-", _chars(B64URL, 119)),
    _form("zhipu", "API key", "betterleaks: zai-api-key", _chars(HEX, 32), ".", _chars(ALNUM, 16)),
    _form("replicate", "API token", "trufflehog: replicate", "r8_", _chars(ALNUM, 37)),
    _form("elevenlabs", "API key", "trufflehog: elevenlabs/v2", "sk_", _chars(HEX, 48)),
    _form("cartesia", "API key", "docs.cartesia.ai", "sk_car_", _chars(ALNUM, 22)),
    _form("langsmith", "personal token", "trufflehog: langsmith", "lsv2_pt_", _chars(HEX, 32), "_", _chars(HEX, 10)),
    _form("langsmith", "service key", "trufflehog: langsmith", "lsv2_sk_", _chars(HEX, 32), "_", _chars(HEX, 10)),
    _form("langfuse", "secret key", "trufflehog: langfuse", "sk-lf-", _uuid),
    _form(
        "llamaindex", "LlamaCloud API key", "developers.llamaindex.ai: LlamaCloud API keys", "llx-", _chars(ALNUM, 48)
    ),
    _form("tavily", "API key", "docs.tavily.com", "tvly-", _chars(ALNUM, 32)),
    _form("tavily", "development API key", "docs.tavily.com", "tvly-", "dev-", _chars(ALNUM, 32)),
    _form("firecrawl", "API key", "docs.firecrawl.dev", "fc-", _chars(HEX, 32)),
    _form("jina", "API key", "jina.ai: API keys", "jina_", _chars(HEX, 32), _chars(B64URL, 28)),
    _form("voyage ai", "API key", "docs.voyageai.com", "pa-", _chars(B64URL, 43)),
    _form("nvidia", "API key", "trufflehog: nvapi", "nvapi-", _chars(B64URL, 64)),
    _form("pinecone", "API key", "trufflehog: pinecone", "pcsk_", _chars(ALNUM, 6), "_", _chars(ALNUM, 63)),
    _form(
        "weights and biases",
        "API key",
        "betterleaks: weights-and-biases-api-key-v1",
        "wandb_v1_",
        _chars(ALNUM, 27),
        "_",
        _chars(ALNUM, 49),
    ),
    _form(
        "neptune",
        "API token",
        "docs.neptune.ai",
        _b64(_json(api_address="https://app.neptune.ai", api_url="https://app.neptune.ai", api_key=_uuid)),
    ),
    _form("e2b", "API key", "e2b.dev/docs", "e2b_", _chars(HEX, 40)),
    _form("modal", "token secret", "modal.com/docs", "as-", _chars(ALNUM, 22)),
    _form("anyscale", "credential", "docs.anyscale.com", "esecret_", _chars(LALNUM, 32)),
    _form("runpod", "API key", "betterleaks: runpod-api-key", "rpa_", _chars(UALNUM, 40), _chars(LALNUM, 6)),
    _form("browserbase", "API key", "docs.browserbase.com", "bb_live_", _chars(B64URL, 27)),
    _form("mem0", "API key", "docs.mem0.ai", "m0-", _chars(ALNUM, 40)),
    _form("devin", "service user token", "betterleaks: devin-service-user-token", "cog_", _chars(LBASE32, 52)),
    _form("cursor", "API key", "betterleaks: cursor-api-key", "key_", _chars(HEX, 64)),
    _form(
        "voiceflow",
        "Dialog Manager API key",
        "trufflehog: voiceflow",
        "VF.DM.",
        _chars(HEX, 24),
        ".",
        _chars(ALNUM, 16),
    ),
    _form("photoroom", "API key", "trufflehog: photoroom", "sk_pr_", _chars(LOWER, 8), "_", _chars(HEX, 40)),
    _form("mistral", "API key", "betterleaks: mistral-api-key", _chars(ALNUM, 32), needs_name="MISTRAL_API_KEY"),
    _form("cohere", "API key", "gitleaks: cohere-api-token", _chars(ALNUM, 40), needs_name="COHERE_API_KEY"),
    _form("assemblyai", "API key", "betterleaks: assemblyai-api-key", _chars(HEX, 32), needs_name="ASSEMBLYAI_API_KEY"),
    _form("deepgram", "API key", "betterleaks: deepgram-api-key", _chars(HEX, 40), needs_name="DEEPGRAM_API_KEY"),
)

_MESSAGES: Final[tuple[TokenForm, ...]] = (
    _form(
        "slack",
        "bot token",
        "gitleaks: slack-bot-token",
        "xoxb-",
        _digits(12),
        "-",
        _digits(13),
        "-",
        _chars(ALNUM, 24),
    ),
    _form(
        "slack",
        "user token",
        "gitleaks: slack-user-token",
        "xoxp-",
        _digits(12),
        "-",
        _digits(12),
        "-",
        _digits(13),
        "-",
        _chars(HEX, 32),
    ),
    _form(
        "slack", "rotating access token", "gitleaks: slack-config-access-token", "xoxe.xoxp-", "1-", _chars(UALNUM, 164)
    ),
    _form("slack", "refresh token", "gitleaks: slack-config-refresh-token", "xoxe-", "1-", _chars(UALNUM, 146)),
    _form(
        "slack",
        "app-level token",
        "gitleaks: slack-app-token",
        "xapp-",
        "1-",
        "A0",
        _chars(UALNUM, 9),
        "-",
        _digits(13),
        "-",
        _chars(HEX, 64),
    ),
    _form(
        "slack",
        "session token",
        "betterleaks: slack-session-token",
        "xoxc-",
        _digits(12),
        "-",
        _digits(12),
        "-",
        _digits(13),
        "-",
        _chars(HEX, 64),
    ),
    _form("slack", "session cookie", "betterleaks: slack-session-cookie", "xoxd-", _chars(B64, 160)),
    _form(
        "slack",
        "incoming webhook URL",
        "gitleaks: slack-webhook-url",
        "https://hooks.slack.com/",
        "services/",
        "T0",
        _chars(UALNUM, 8),
        "/B0",
        _chars(UALNUM, 9),
        "/",
        _chars(ALNUM, 24),
    ),
    _form(
        "discord",
        "bot token",
        "discord.com/developers/docs/reference",
        _b64(_digits(18)),
        ".",
        "G",
        _chars(B64URL, 5),
        ".",
        _chars(B64URL, 38),
    ),
    _form(
        "discord",
        "former bot token",
        "trufflehog: discordbottoken",
        _b64(_digits(18)),
        ".",
        "X",
        _chars(B64URL, 5),
        ".",
        _chars(B64URL, 27),
    ),
    _form(
        "discord",
        "webhook URL",
        "trufflehog: discordwebhook",
        "https://discord.com/",
        "api/webhooks/",
        _digits(19),
        "/",
        _chars(B64URL, 68),
    ),
    _form("telegram", "bot token", "gitleaks: telegram-bot-api-token", _digits(10), ":", "AA", _chars(B64URL, 33)),
    _form("webex", "bot access token", "trufflehog: webexbot", _chars(ALNUM, 64), "_", "PF84", "_", _uuid),
    _form("twilio", "API key", "gitleaks: twilio-api-key", "SK", _chars(HEX, 32)),
    _form("telnyx", "API key", "trufflehog: telnyx", "KEY", _chars(UHEX, 32), "_", _chars(ALNUM, 22)),
    _form("sendgrid", "API key", "gitleaks: sendgrid-api-token", "SG.", _chars(B64URL, 22), ".", _chars(B64URL, 43)),
    _form("mailgun", "private API key", "gitleaks: mailgun-private-api-token", "key-", _chars(HEX, 32)),
    _form("mailgun", "API key", "trufflehog: mailgun", _dashed(HEX, 32, 8, 8)),
    _form("mailchimp", "API key", "gitleaks: mailchimp-api-key", _chars(HEX, 32), "-us12"),
    _form("mandrill", "API key", "github: mandrill_api_key", "md-", _chars(B64URL, 22)),
    _form("mailersend", "API token", "betterleaks: mailersend-api-token", "mlsn.", _chars(HEX, 64)),
    _form("resend", "API key", "resend.com/docs/api-reference", "re_", _chars(ALNUM, 8), "_", _chars(ALNUM, 24)),
    _form("brevo", "API key", "gitleaks: sendinblue-api-token", "xkeysib-", _chars(HEX, 64), "-", _chars(ALNUM, 16)),
    _form("brevo", "SMTP key", "developers.brevo.com", "xsmtpsib-", _chars(HEX, 64), "-", _chars(ALNUM, 16)),
    _form("klaviyo", "private key", "trufflehog: klaviyo", "pk_", _chars(HEX, 34)),
    _form(
        "klaviyo",
        "private key that names its account",
        "trufflehog: klaviyo",
        "pk_",
        _chars(ALNUM, 6),
        "_",
        _chars(HEX, 34),
    ),
    _form(
        "onesignal",
        "app API key",
        "betterleaks: onesignal-rich-authentication-token",
        "os_v2_app_",
        _chars(LBASE32, 103),
    ),
    _form(
        "onesignal",
        "organization API key",
        "betterleaks: onesignal-rich-authentication-token",
        "os_v2_org_",
        _chars(LBASE32, 103),
    ),
    _form("nylas", "API key", "developer.nylas.com", "nyk_v0_", _chars(ALNUM, 64)),
    _form("courier", "API key", "trufflehog: courier", "pk_", "prod_", _chars(UALNUM, 28)),
    _form("postmark", "server token", "trufflehog: postmark", _uuid, needs_name="POSTMARK_SERVER_TOKEN"),
    _form(
        "intercom",
        "access token",
        "trufflehog: intercom",
        _b64(
            _seq(
                "tok:",
                _chars(HEX, 8),
                "_",
                _chars(HEX, 4),
                "_",
                _chars(HEX, 4),
                "_",
                _chars(HEX, 4),
                "_",
                _chars(HEX, 12),
                ":1:0",
            )
        ),
    ),
    _form("zendesk", "API token", "gitleaks: zendesk-secret-key", _chars(ALNUM, 40), needs_name="ZENDESK_API_TOKEN"),
    _form("close", "API key", "trufflehog: closecrm", "api_", _chars(ALNUM, 22), ".", _chars(ALNUM, 22)),
    _form("hubspot", "private app token of North America", "trufflehog: hubspot_apikey/v2", "pat-na1-", _uuid),
    _form("hubspot", "private app token of Europe", "trufflehog: hubspot_apikey/v2", "pat-eu1-", _uuid),
    _form(
        "salesforce", "session id", "trufflehog: salesforce", "00D", _chars(ALNUM, 12), "!AQ", _chars(WORD + ".", 94)
    ),
    _form("salesforce", "refresh token", "trufflehog: salesforcerefreshtoken", "5Aep861", _chars(ALNUM + "._", 80)),
    _form("zoho", "refresh token", "trufflehog: zohocrm", "1000.", _chars(HEX, 32), ".", _chars(HEX, 32)),
    _form("linear", "API key", "gitleaks: linear-api-key", "lin_api_", _chars(ALNUM, 40)),
    _form("linear", "OAuth token", "github: linear_oauth_access_token", "lin_oauth_", _chars(HEX, 64)),
    _form("notion", "integration token", "gitleaks: notion-api-token", "ntn_", _digits(11), _chars(ALNUM, 35)),
    _form("notion", "former integration token", "trufflehog: notion", "secret_", _chars(ALNUM, 43)),
    _form(
        "asana",
        "personal access token",
        "github: asana_personal_access_token",
        "2/",
        _digits(16),
        "/",
        _digits(16),
        ":",
        _chars(HEX, 32),
    ),
    _form(
        "asana",
        "former personal access token",
        "github: asana_legacy_format_personal_access_token",
        "1/",
        _digits(16),
        ":",
        _chars(HEX, 32),
    ),
    _form("clickup", "personal token", "trufflehog: clickuppersonaltoken", "pk_", _digits(8), "_", _chars(UALNUM, 32)),
    _form(
        "monday",
        "API token",
        "trufflehog: monday",
        _jwt(
            _HS256,
            _json(
                tid=_digits(9),
                aai=11,
                uid=_digits(8),
                iad="2024-05-06T07:08:09.000Z",
                per="me:write",
                actid=_digits(8),
                rgn="euc1",
            ),
        ),
    ),
    _form(
        "miro",
        "OAuth access token",
        "developers.miro.com: OAuth 2.0",
        _b64(_seq('{"miro.origin":"eu', "01", '"}'), urlsafe=True, pad=False),
        "_",
        _chars(B64URL, 27),
    ),
    _form("teamwork", "API token", "trufflehog: teamworkdesk", "tkn.v1_", _chars(ALNUM, 71), "="),
    _form("beamer", "API key", "gitleaks: beamer-api-token", "b_", _chars(B64URL, 43), "="),
    _form("typeform", "personal access token", "trufflehog: typeform/v2", "tfp_", _chars(WORD, 59)),
    _form("cal.com", "API key", "cal.com/docs/api-reference", "cal_live_", _chars(HEX, 32)),
    _form(
        "workato",
        "developer API token",
        "betterleaks: workato-developer-api-token",
        "wrkaus-",
        _jwt(_RS256_JWT, _json(sub=_uuid, jti=_uuid), 256),
    ),
    _form(
        "zapier",
        "webhook URL",
        "trufflehog: zapierwebhook",
        "https://hooks.zapier.com/",
        "hooks/catch/",
        _digits(8),
        "/",
        _chars(LALNUM, 7),
    ),
    _form(
        "tines",
        "webhook URL",
        "trufflehog: tineswebhook",
        "https://example.tines.com/",
        "webhook/",
        _chars(HEX, 32),
        "/",
        _chars(HEX, 32),
    ),
    _form("figma", "personal access token", "betterleaks: figma-personal-access-token", "figd_", _chars(B64URL, 40)),
    _form("frame.io", "developer token", "gitleaks: frameio-api-token", "fio-u-", _chars(B64URL, 64)),
    _form("bannerbear", "project API key", "trufflehog: bannerbear/v2", "bb_pr_", _chars(HEX, 30)),
    _form("dropbox", "short-lived access token", "trufflehog: dropbox", "sl.", "u.", _chars(B64URL, 140)),
    _form(
        "dropbox",
        "former short-lived access token",
        "gitleaks: dropbox-short-lived-api-token",
        "sl.",
        _chars(B64URL, 135),
    ),
    _form("meta", "page access token", "gitleaks: facebook-page-access-token", "EAAC", _chars(ALNUM, 180)),
    _form("meta", "app access token", "gitleaks: facebook-access-token", _digits(16), "|", _chars(B64URL, 27)),
    _form("x", "bearer token", "gitleaks: twitter-bearer-token", "A" * 22, _chars(ALNUM, 24), "%3D", _chars(ALNUM, 60)),
    _form(
        "linkedin", "client secret", "learn.microsoft.com/linkedin", "WPL_AP1.", _chars(ALNUM, 16), ".", _b64_bytes(4)
    ),
    _form("pinterest", "access token", "betterleaks: pinterest-access-token", "pina_", _chars(UALNUM, 80)),
    _form("lichess", "personal access token", "betterleaks: lichess-personal-access-token", "lip_", _chars(ALNUM, 20)),
    _form("pushbullet", "access token", "docs.pushbullet.com", "o.", _chars(ALNUM, 32)),
)

_MONEY: Final[tuple[TokenForm, ...]] = (
    _form("stripe", "live secret key", "gitleaks: stripe-access-token", "sk_live_", "51", _chars(ALNUM, 97)),
    _form("stripe", "test secret key", "gitleaks: stripe-access-token", "sk_test_", "51", _chars(ALNUM, 97)),
    _form("stripe", "live restricted key", "gitleaks: stripe-access-token", "rk_live_", "51", _chars(ALNUM, 97)),
    _form("stripe", "webhook signing secret", "docs.stripe.com/webhooks/signature", "whsec_", _chars(ALNUM, 32)),
    _form("square", "access token", "trufflehog: square", "EAAA", "E", _chars(B64URL, 59)),
    _form("square", "application secret", "trufflehog: squareapp", "sq0csp-", _chars(B64URL, 43)),
    _form("square", "personal access token", "gitleaks: square-access-token", "sq0atp-", _chars(B64URL, 22)),
    _form(
        "braintree",
        "access token of PayPal",
        "developer.paypal.com/braintree",
        "access_token$production$",
        _chars(LALNUM, 16),
        "$",
        _chars(HEX, 32),
    ),
    _form("shopify", "access token", "gitleaks: shopify-access-token", "shpat_", _chars(HEX, 32)),
    _form("shopify", "app shared secret", "gitleaks: shopify-shared-secret", "shpss_", _chars(HEX, 32)),
    _form("shopify", "private app password", "gitleaks: shopify-private-app-access-token", "shppa_", _chars(HEX, 32)),
    _form("shopify", "custom app access token", "gitleaks: shopify-custom-access-token", "shpca_", _chars(HEX, 32)),
    _form("plaid", "production access token", "gitleaks: plaid-api-token", "access-production-", _uuid),
    _form("plaid", "sandbox access token", "gitleaks: plaid-api-token", "access-sandbox-", _uuid),
    _form("razorpay", "key secret", "trufflehog: razorpay", _chars(ALNUM, 24), needs_name="RAZORPAY_KEY_SECRET"),
    _form("paystack", "live secret key", "trufflehog: paystack", "sk_live_", _chars(HEX, 40)),
    _form("flutterwave", "secret key", "trufflehog: flutterwave", "FLWSECK-", _chars(HEX, 32), "-X"),
    _form("flutterwave", "test secret key", "gitleaks: flutterwave-secret-key", "FLWSECK_TEST-", _chars(HEX, 32), "-X"),
    _form(
        "mercado pago",
        "access token",
        "mercadopago.com/developers",
        "APP_USR-",
        _digits(16),
        "-",
        "0506",
        "07",
        "-",
        _chars(HEX, 32),
        "-",
        _digits(9),
    ),
    _form("lob", "live API key", "gitleaks: lob-api-key", "live_", _chars(HEX, 35)),
    _form("lob", "test API key", "gitleaks: lob-api-key", "test_", _chars(HEX, 35)),
    _form("gocardless", "access token", "gitleaks: gocardless-api-token", "live_", _chars(B64URL, 40)),
    _form("mollie", "live API key", "docs.mollie.com: authentication", "live_", _chars(ALNUM, 30)),
    _form("column", "live API key", "trufflehog: column", "live_", _chars(ALNUM, 27)),
    _form("checkout.com", "secret key", "betterleaks: checkout-secret-key", "sk_", _uuid),
    _form("recharge", "API key", "trufflehog: rechargepayments", "sk_", "1x1_", _chars(HEX, 64)),
    _form(
        "paddle",
        "API key",
        "developer.paddle.com: API keys",
        "pdl_live_apikey_",
        "01",
        _chars(CROCKFORD, 24),
        "_",
        _chars(ALNUM, 22),
        "_",
        _chars(ALNUM, 3),
    ),
    _form(
        "polar",
        "organization access token",
        "betterleaks: polar-organization-access-token",
        "polar_oat_",
        _chars(ALNUM, 43),
    ),
    _form(
        "polar", "personal access token", "betterleaks: polar-personal-access-token", "polar_pat_", _chars(ALNUM, 43)
    ),
    _form(
        "mercury",
        "API token",
        "docs.mercury.com",
        "secret-token:",
        "mercury_production_",
        "wma_",
        _chars(ALNUM, 44),
        "_yrucrem",
    ),
    _form("ramp", "client secret", "trufflehog: ramp", "ramp_sec_", _chars(ALNUM, 48)),
    _form("asaas", "API key", "betterleaks: asaas-api-token", "$aact_prod_", _chars(ALNUM, 96)),
    _form(
        "onfido",
        "live API token",
        "github: onfido_live_api_token",
        "api_live.",
        _chars(B64URL, 11),
        ".",
        _chars(B64URL, 32),
    ),
    _form("persona", "production API key", "betterleaks: persona-production-api-key", "persona_production_", _uuid),
    _form(
        "midtrans", "server key", "betterleaks: midtrans-production-server-client-key", "Mid-server-", _chars(WORD, 20)
    ),
    _form("midtrans", "sandbox server key", "docs.midtrans.com", "SB-Mid-server-", _chars(WORD, 20)),
    _form("xendit", "production secret key", "docs.xendit.co", "xnd_production_", _chars(ALNUM, 58)),
    _form("pagar.me", "live API key", "trufflehog: pagarme", "ak_live_", _chars(ALNUM, 30)),
    _form(
        "adyen",
        "API key",
        "docs.adyen.com: API credentials",
        "AQE",
        _chars(ALNUM + "+", 60),
        "-",
        _b64_bytes(32),
        "-",
        _chars(ALNUM, 16),
    ),
    _form("alchemy", "auth token", "trufflehog: alchemy", "alcht_", _chars(ALNUM, 30)),
    _form("blockfrost", "mainnet project id", "docs.blockfrost.io", "mainnet", _chars(ALNUM, 32)),
    _form("shippo", "live API token", "gitleaks: shippo-api-token", "shippo_live_", _chars(HEX, 40)),
    _form("shippo", "test API token", "gitleaks: shippo-api-token", "shippo_test_", _chars(HEX, 40)),
    _form("easypost", "production API key", "gitleaks: easypost-api-token", "EZAK", _chars(ALNUM, 54)),
    _form("easypost", "test API key", "gitleaks: easypost-test-api-token", "EZTK", _chars(ALNUM, 54)),
    _form("duffel", "live access token", "trufflehog: duffeltoken", "duffel_live_", _chars(B64URL, 43)),
    _form("duffel", "test access token", "trufflehog: duffeltoken", "duffel_test_", _chars(B64URL, 43)),
    _form("flexport", "API token", "trufflehog: flexport", "shltm_", _chars(B64URL, 40)),
    _form("samsara", "API token", "betterleaks: samsara-api-token", "samsara_api_", _chars(ALNUM, 30)),
    _form("fleetbase", "secret key", "trufflehog: fleetbase", "flb_live_", _chars(ALNUM, 20)),
    _form("apideck", "API key", "trufflehog: apideck", "sk_live_", _chars(ALNUM + "-", 93)),
    _form("woocommerce", "consumer secret", "developer.woocommerce.com: REST API", "cs_", _chars(HEX, 40)),
    _form(
        "wix",
        "API key",
        "dev.wix.com/docs",
        "IST.",
        _jwt(_json(kid=_chars(ALNUM, 8), alg="RS256"), _json(data=_uuid, iat=_time), 256),
    ),
    _form(
        "ebay", "production client secret", "developer.ebay.com: application keys", "PRD-", _dashed(HEX, 12, 4, 4, 4, 4)
    ),
    _form(
        "ticket tailor", "API key", "trufflehog: tickettailor", "sk_", _digits(4), "_", _digits(6), "_", _chars(HEX, 32)
    ),
    _form("adafruit", "IO key", "trufflehog: adafruitio", "aio_", _chars(ALNUM, 28)),
    _form("ubidots", "API token", "trufflehog: ubidots", "BBFF-", _chars(ALNUM, 30)),
    _form("wakatime", "API key", "wakatime/wakatime-cli: API key pattern", "waka_", _uuid),
    _form(
        "settlemint",
        "personal access token",
        "gitleaks: settlemint-personal-access-token",
        "sm_pat_",
        _chars(ALNUM, 16),
    ),
    _form(
        "settlemint",
        "application access token",
        "gitleaks: settlemint-application-access-token",
        "sm_aat_",
        _chars(ALNUM, 16),
    ),
    _form(
        "settlemint", "service access token", "gitleaks: settlemint-service-access-token", "sm_sat_", _chars(ALNUM, 16)
    ),
    _form("42 intra", "client secret", "gitleaks: intra42-client-secret", "s-s4t2ud-", _chars(HEX, 64)),
)

TOKEN_FORMS: Final[tuple[TokenForm, ...]] = (*_CLOUD, *_CODE, *_DATA, *_AI, *_MESSAGES, *_MONEY)


def tokens() -> Iterator[tuple[TokenForm, str]]:
    """Compose two tokens of each form, the same at every call."""
    for form in TOKEN_FORMS:
        for copy in range(COPIES):
            yield form, form.make(Random(f"{form.issuer}|{form.form}|{copy}"))


def _main() -> None:
    named = [form for form in TOKEN_FORMS if form.needs_name is not None]
    alone = {form.issuer for form in TOKEN_FORMS if form.needs_name is None}
    print(f"issuers: {len({form.issuer for form in TOKEN_FORMS})}")
    print(f"forms: {len(TOKEN_FORMS)} ({len(named)} need a name)")
    print(f"issuers with a form that needs no name: {len(alone)}")
    made = [token for _, token in tokens()]
    print(f"tokens: {len(made)}, distinct: {len(set(made))}")


if __name__ == "__main__":
    _main()
