"""Trusted certificates."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest
import trustme

from collector.client.transport import tls
from collector.model.errors import ConfigError
from tests.support.http_pathologies import new_authority


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return new_authority()


def certificate_count(context: ssl.SSLContext) -> int:
    return len(context.get_ca_certs())


def test_a_ca_file_replaces_the_systems_certificates(authority: trustme.CA, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes("# Főtanúsítvány\n".encode() + authority.cert_pem.bytes() + new_authority().cert_pem.bytes())
    context = tls.context_of(str(path))
    assert certificate_count(context) == 2
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_certificates_may_come_from_a_pipe(authority: trustme.CA) -> None:
    reading, writing = os.pipe()
    os.write(writing, authority.cert_pem.bytes())
    os.close(writing)
    try:
        assert certificate_count(tls.context_of(f"/proc/self/fd/{reading}")) == 1
    finally:
        os.close(reading)


@pytest.mark.parametrize("content", [b"", b"not a certificate", b"\xff\xfe", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_file_without_a_certificate_is_rejected_by_name(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"ca_file .*/ca\.pem: contains no certificate in PEM format"):
        tls.context_of(str(path))


def test_certificates_with_windows_line_ends_and_byte_order_mark_are_read(
    authority: trustme.CA, tmp_path: Path
) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(b"\xef\xbb\xbf" + authority.cert_pem.bytes().replace(b"\n", b"\r\n"))
    assert certificate_count(tls.context_of(str(bundle))) == 1
    bundle.write_bytes(authority.cert_pem.bytes().decode().encode("utf-16"))
    with pytest.raises(ConfigError, match="looks like UTF-16, save it as UTF-8"):
        tls.context_of(str(bundle))


def test_a_missing_file_is_rejected_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ca_file .*/ca\.pem: No such file"):
        tls.context_of(str(tmp_path / "ca.pem"))


def test_session_keys_are_not_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    assert tls.context_of(None).keylog_filename is None
    assert not (tmp_path / "keys").exists()
