"""Known-safe kinds of values: they look random, but their form shows that they are not secrets. Pure.

Each kind is recognized by a prefix, by its form, or by the word before it. Cloud resource ids, digests and public keys
are public by their issuers' documentation; the comments name the sources.
"""

from __future__ import annotations

import base64
import binascii
import re
from string import ascii_lowercase, ascii_uppercase, digits
from typing import Final

from collector.model.lazy_pattern import lazy_pattern

_BASE58: Final = "1-9A-HJ-NP-Za-km-z"
_POD: Final = "bcdfghjklmnpqrstvwxz2456789"  # Kubernetes: k8s.io/apimachinery/pkg/util/rand
_PUBLIC_PEM: Final = (
    r"-----BEGIN (?:(?:RSA |EC |DSA |SSH2 )?PUBLIC KEY|PGP PUBLIC KEY BLOCK|[A-Z0-9 ]{0,10}CERTIFICATE(?: REQUEST)?)"
    r"-----[^-]*(?:-----END [A-Z0-9 ]{1,40}-----|\Z)"
)
PUBLIC_PEM: Final = lazy_pattern(_PUBLIC_PEM)
"""A public block of text (RFC 7468)."""

_KINDS: Final = (
    r"arn:aws[\w-]{0,12}:[^\s\"'<>,;]+",  # AWS: Amazon Resource Names
    r"/subscriptions/[^\s\"'<>,;]+|/providers/Microsoft\.[^\s\"'<>,;]+",  # Azure: resource ids
    r"//[a-z]+\.googleapis\.com/[^\s\"'<>,;]+|projects/[\w.:-]+/[a-z]\w+/[^\s\"'<>,;]+",  # Google: full resource names
    r"(?:urn|gid|did):[^\s\"'<>,;]+",  # RFC 8141, Shopify, W3C DID
    # digests of OCI images and of subresource integrity
    r"(?:(?:sha|SHA)-?(?:1|224|256|384|512)|md5|MD5|blake[23]\w?|crc32c?)[:=-][0-9a-zA-Z+/_-]{20,}={0,2}",
    r"[a-z]{1,10}(?:-[a-z]{1,10})?-(?:0[0-9a-f]{16}|[0-9a-f]{17})(?!\w)",  # AWS: subnet-…, vpc-…, i-…, ami-…
    rf"[a-z][a-z0-9.-]{{1,60}}-[{_POD}]{{6,10}}-[{_POD}]{{5}}",  # Kubernetes: pods of a deployment
    r"[a-z][a-z0-9-]{3,60}-(?:[2456789bcdfghkmt]{10}|[0-9a-f]{8}-[a-z0-9]{4})(?![\w-])",  # … Kustomize, nodes
    r"(?:[a-z]{2,10}_)?01(?:[0-9A-HJKMNP-TV-Z]{24}|[0-9a-hjkmnp-tv-z]{24})(?!\w)",  # ULID of 2004 to 2039, TypeID
    r"0x(?:[0-9a-fA-F]{40})(?!\w)",  # Ethereum: an address; a key has 64 digits
    rf"Qm[{_BASE58}]{{44}}(?!\w)|baf[a-z2-7]{{56}}(?!\w)",  # IPFS: content ids
    r"(?:age|bc|ltc|tb|npub|addr|stake|cosmos|osmo)1[02-9ac-hj-np-z]{38,110}(?!\w)",  # bech32 (BIP 173): recipients
    rf"[xyz]pub[{_BASE58}]{{100,112}}(?!\w)",  # BIP 32: extended public keys
    r"RW[A-Za-z0-9+/]{54}(?![\w+/])",  # minisign: a public key
    r"MI[A-Za-z0-9+/]{4,12}ANBgkqhkiG9w0BAQEFAAOC[A-Za-z0-9+/=\s]+",  # RFC 5280: a public RSA key
    r"op://[^\s\"'<>]+|https://[\w-]+\.vault\.azure\.net/(?:secrets|keys)/[\w/-]+",  # references to secrets
    r"h1:[A-Za-z0-9+/]{43}=",  # Go: checksums of modules
    # Stripe: the ids of objects
    r"(?:acct|price|prod|cus|sub|in|pi|pm|ch|evt|we|txn|po|plan|promo|si|seti|cs)_[A-Za-z0-9]{14,32}(?!\w)",
    r"(?:pk_(?:live|test)_|phc_|pk-lf-|sb_publishable_|pk\.eyJ)[\w.-]+",  # publishable keys
    r"(?:run|ws|org|team|prj|plan|apply|sv|cv|pol|varset|var)-[A-Za-z0-9]{16}(?!\w)",  # HCP Terraform: ids
    r"(?:team|user|org|app|ep|prj|dpl|srv|crn)[_-][A-Za-z0-9]{20,27}(?!\w)",  # Vercel, Clerk, Svix, Render: ids
    r"(?:AC|AP|CA|CN|IS|KS|MG|MM|PA|PN|SM|US|VA|WA|ZS)[0-9a-f]{32}(?!\w)",  # Twilio: ids; only SK is a key
    r"(?:0oa|aus|exk|00[gou])[A-Za-z0-9]{17}(?!\w)",  # Okta: ids
    r"com\.googleusercontent\.apps\.[\w-]+|amzn1\.application-oa2-client\.[0-9a-f]{32}",  # client ids
    r"[0-9a-f]{32}-[0-9a-f]{16}-[01d](?!\w)|Root=1-[0-9a-f]{8}-[0-9a-f]{24}|[0-9a-f]{16}-[A-Z]{3}(?!\w)",  # trace ids
    r"(?:github|gitlab)\.com/[\w.-]+/[\w.-]+/(?:-/)?(?:commit|tree|blob|compare)/[^\s\"'<>]*",
    r"[0-9a-f]{32}-\d{1,5}(?!\w)",  # S3: the ETag of an upload in parts
    r"ocid1\.[a-z0-9.-]+",  # Oracle Cloud: ids
    # YouTube, Google Maps, Apps Script, Google Ads
    r"(?:UC[\w-]{22}|ChIJ[\w-]{23}|AKfycb[\w-]{20,}|(?:Cj0K|CjwK|EAIaIQ)[\w-]{30,})(?![\w-])",
    r"[\w.%+~-]+@[\w-]+(?:\.[\w-]+)+",  # addresses, also of messages and calendars
    r"[A-Z]{14}-[A-Z]{10}-[A-Z](?!\w)|[ACGTUN]{20,}(?!\w)",  # InChIKey; nucleotides
    r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?!\w)",  # W3C Trace Context
    r"0{7}[0-9A-F]{17}(?!\w)",  # PostgreSQL: a segment of the write-ahead log
    r"(?:ssh-[a-z0-9-]{3,20}|ecdsa-sha2-\w+|sk-ssh-[\w@.-]+)\s+AAAA[A-Za-z0-9+/]+={0,3}",  # OpenSSH: public keys
    r"AAAA[BCE][23][A-Za-z0-9+/]{20,}={0,3}",
    r"\d{6,}-[a-z0-9]{32}\.apps\.googleusercontent\.com",  # Google: a client id
    r"(?:TLS_|ECDHE?-|DHE-|RSA-|AES)[A-Z0-9_-]*(?:AES|CHACHA|GCM|CBC|SHA)[A-Z0-9_-]*",  # IANA, OpenSSL: cipher suites
    # the ids of documents, in their URLs
    r"(?:docs|drive|sheets)\.google\.com/[^\s\"'<>]*|[\w-]+\.sharepoint\.com/[^\s\"'<>?]*|(?:www\.)?notion\.so/[^\s\"'<>]*",
    r"airtable\.com/[^\s\"'<>?]*|(?:app|tbl|viw|fld|rec|wsp)[A-Za-z0-9]{14}(?:/|\b)",
    r"(?:app|public|lookerstudio|datastudio)\.(?:powerbi|tableau|google)\.com/[^\s\"'<>?]*",
    _PUBLIC_PEM,
)
_KIND: Final = lazy_pattern(rf"(?<![\w.-])(?:{'|'.join(_KINDS)})")
# A name for the id, digest or cursor after it.
_NAMED_VALUE: Final = lazy_pattern(
    r"\b(?:request|trace|span|correlation|query|job|run|operation|transaction|invocation|execution"
    r"|activity|message|event|object|resource|document|file|sheet|folder|snapshot|version|commit|revision|rev|digest"
    r"|checksum|etag|hash|fingerprint|thumbprint|serial|statement|cluster|instance|node|host|bucket|table|topic|stream"
    r"|pod|container|image|address|account|tenant|project|workspace|cursor|lsn|gtid|offset)"
    r"(?:[ _-]?(?:id|number|no|uuid|handle))?"
    r"[\"']?\s?(?:is|was|[:=#(])?\s?[\"'`(\[]?([\w+/.:=~-]+)",
    re.IGNORECASE,
)
_SERVICE_ACCOUNT: Final = lazy_pattern(r"[\w.+-]{1,64}@[\w-]+\.(?:iam\.|developer\.)?gserviceaccount\.com")
_PUBLIC_ID: Final = lazy_pattern(
    r"\d{6,}-[a-z0-9]{32}\.apps\.googleusercontent\.com"
    r"|pin-sha256=\"?[A-Za-z0-9+/]{43}=\"?"  # RFC 7469
    r"|0oa[A-Za-z0-9]{17}|X-[A-Z][A-Za-z]*(?:-[A-Z][A-Za-z0-9]*)+"  # an Okta client; the name of a header
    r"|arn:aws[\w-]{0,12}:[^\s\"'<>,;]+"
)
_OBJECT_ID: Final = lazy_pattern(r"(?<![\w-])[0-9a-f]{24}(?![\w-])")
_KSUID: Final = lazy_pattern(r"(?<![A-Za-z0-9-])[a-z]{2,10}_([0-3][0-9A-Za-z]{26})(?![\w-])")
_BASE62: Final = {digit: value for value, digit in enumerate(digits + ascii_uppercase + ascii_lowercase)}
# URL parameters that trace a click or identify a query or a job.
_CLICK: Final = lazy_pattern(r"(?<=[?&])(?:(?:gclid|fbclid|msclkid|qid|utm_\w+|j)=[^&#\s]+)")
_KSUID_EPOCH: Final = 1_400_000_000  # segmentio/ksuid
_YEARS: Final = range(1_262_300_000, 2_051_200_000)  # 2010 to 2034, in seconds since the epoch
_ENCODED: Final = lazy_pattern(r"[A-Za-z0-9+/_-]{20,}={0,2}")
_POSITION: Final = lazy_pattern(r"(?:[a-z]\w*://|[A-Za-z]{3,40}:)[\w/.:+-]{1,200}|[{\[].*[}\]]", re.DOTALL)


def known_safe_spans(text: str) -> list[tuple[int, int]]:
    """The spans of known-safe values in a text."""
    found = [match.span() for match in _KIND.finditer(text)]
    found += [match.span(1) for match in _NAMED_VALUE.finditer(text)]
    found += [match.span() for match in _OBJECT_ID.finditer(text) if int(match[0][:8], 16) in _YEARS]
    found += [match.span() for match in _KSUID.finditer(text) if _timestamp_of(match[1]) in _YEARS]
    found += [match.span() for match in _CLICK.finditer(text)]
    found += [match.span() for match in _ENCODED.finditer(text) if is_position(match[0])]
    return found


def is_service_account(text: str) -> bool:
    """Is the whole text the address of a service account, which users often enter in the field of its key?"""
    return _SERVICE_ACCOUNT.fullmatch(text) is not None


def is_public_id(text: str) -> bool:
    """Is the whole text a public identifier: of a client, a header or a resource?"""
    return _PUBLIC_ID.fullmatch(text) is not None


def is_known_safe(text: str) -> bool:
    """Is the whole text a known-safe value?"""
    return any(span == (0, len(text)) for span in known_safe_spans(text))


def is_position(text: str) -> bool:
    """Is it base64 of a readable location, such as a query's cursor?

    A user and password (`user:password`) are not.
    """
    decoded = _decoded(text)
    return decoded is not None and _POSITION.fullmatch(decoded) is not None and not _MENTIONS_A_SECRET.search(decoded)


def _timestamp_of(ksuid: str) -> int:
    """The timestamp in the first 4 of the 20 bytes of a KSUID, in seconds since the epoch."""
    number = 0
    for digit in ksuid:
        number = number * 62 + _BASE62[digit]
    return (number >> 128) + _KSUID_EPOCH


_MENTIONS_A_SECRET: Final = lazy_pattern(r"pass|pwd|secret|token|key|cred|auth|bearer|\bsig", re.IGNORECASE)


def _decoded(text: str) -> str | None:
    bare = text.rstrip("=")
    try:
        decoded = base64.b64decode(
            bare + "=" * (-len(bare) % 4), altchars=b"-_" if "-" in bare or "_" in bare else None
        )
        readable = decoded.decode()
    except (binascii.Error, ValueError):
        return None
    return readable if readable.isprintable() else None
