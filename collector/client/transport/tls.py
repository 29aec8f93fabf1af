"""TLS: whose certificates are believed, and what to do about one that is not. Knows no connections and no HTTP."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

from collector.model.errors import ConfigError
from collector.storage.ownership import NotOwned, read_owned

_NO_TLS: Final = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNEXPECTED_MESSAGE"}
_TOO_OLD: Final = {"TLSV1_ALERT_PROTOCOL_VERSION", "UNSUPPORTED_PROTOCOL", "VERSION_TOO_LOW", "WRONG_SSL_VERSION"}
_OUTSIDE_VALIDITY: Final = {9, 10}  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED
_NAME_MISMATCH: Final = {62, 64}  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH


def context_of(ca_file: str | None) -> ssl.SSLContext:
    """What believes the certificates of this file (PEM), or the system's. Raises `ConfigError` for an unusable file.

    What counts is what was read of the file when nobody else could change it.
    """
    # Not `create_default_context`: that one writes session keys to whatever file $SSLKEYLOGFILE names.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is None:
        context.load_default_certs()
        return context
    certificates = _read(ca_file).decode("ascii", "ignore")  # comments may be in any encoding
    try:
        context.load_verify_locations(cadata=certificates)
    except (ssl.SSLError, ValueError):  # the latter for none at all
        encoding = "; it looks like UTF-16, save it as UTF-8" if "\0" in certificates else ""
        raise ConfigError(f"[api] ca_file {ca_file}: holds no certificate in PEM form{encoding}") from None
    return context


def _read(ca_file: str) -> bytes:
    try:
        return read_owned(Path(ca_file))
    except NotOwned as reason:
        raise ConfigError(f"[api] ca_file {ca_file}: it says which servers get the key, and {reason}") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"[api] ca_file {ca_file}: {getattr(error, 'strerror', None) or error}") from None


def is_too_old(error: ssl.SSLError) -> bool:
    """Does the other side speak no version that is safe?"""
    return error.reason in _TOO_OLD


def describe(error: ssl.SSLError) -> str:
    """Why there is no connection."""
    detail = "what answers there speaks no TLS; is it plain http?" if error.reason in _NO_TLS else error.reason
    return f"no TLS connection: {detail}"


def describe_certificate_error(error: Exception) -> str:
    """What is wrong with a certificate that does not verify, and what to do about it."""
    code = getattr(error, "verify_code", None)
    if code in _OUTSIDE_VALIDITY:
        advice = "have it renewed, or set this machine's clock right"
    elif code in _NAME_MISMATCH:
        advice = "set --base-url to the name that the certificate is for"
    else:
        advice = "set [api] ca_file to your own authority's certificate, or correct --base-url"
    return f"({getattr(error, 'verify_message', type(error).__name__)}); {advice}"
