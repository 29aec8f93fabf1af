"""TLS: the trusted certificates, and advice on one that does not verify. Must not know connections or HTTP."""

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
    """Return a context that trusts the certificates of this PEM file, or the system's. Raises `ConfigError`.

    The file is checked and read once, so that no other user can change it in between.
    """
    # Not `create_default_context`, which writes session keys to the file in $SSLKEYLOGFILE.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is None:
        context.load_default_certs()
        return context
    certificates = _read(ca_file).decode("ascii", "ignore")  # comments may be in any encoding
    try:
        context.load_verify_locations(cadata=certificates)
    except (ssl.SSLError, ValueError):  # ValueError: the file contains no certificate
        encoding = "; it looks like UTF-16, save it as UTF-8" if "\0" in certificates else ""
        raise ConfigError(f"[api] ca_file {ca_file}: contains no certificate in PEM format{encoding}") from None
    return context


def _read(ca_file: str) -> bytes:
    try:
        return read_owned(Path(ca_file))
    except NotOwned as reason:
        raise ConfigError(f"[api] ca_file {ca_file}: it decides which servers receive the key, and {reason}") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"[api] ca_file {ca_file}: {getattr(error, 'strerror', None) or error}") from None


def is_too_old(error: ssl.SSLError) -> bool:
    """Does the server support only unsafe versions of TLS?"""
    return error.reason in _TOO_OLD


def describe(error: ssl.SSLError) -> str:
    """Describe a failed TLS connection."""
    detail = (
        "the server does not use TLS; check whether it expects plain http" if error.reason in _NO_TLS else error.reason
    )
    return f"no TLS connection: {detail}"


def describe_certificate_error(error: Exception) -> str:
    """Describe why a certificate does not verify, and what to do."""
    return f"({getattr(error, 'verify_message', type(error).__name__)}); {certificate_advice(error)}"


def certificate_advice(error: Exception) -> str:
    """Return what to do about a certificate that does not verify."""
    code = getattr(error, "verify_code", None)
    if code in _OUTSIDE_VALIDITY:
        return "renew it, or correct this machine's clock"
    if code in _NAME_MISMATCH:
        return "set --base-url to the name in the certificate"
    return "set [api] ca_file to the certificate of your certificate authority, or correct --base-url"
