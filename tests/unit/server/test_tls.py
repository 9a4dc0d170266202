"""TLS settings that cannot work are refused in one sentence that names the file and the setting."""

import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from lichen.client.trust import Trust, refused_by_tls
from lichen.core.errors import InvalidInput
from lichen.server.sections import SecuritySettings
from lichen.server.tls import tls_of

URL = "https://127.0.0.1:1"


class Certificates(Protocol):
    ca: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path
    other_ca: Path


def test_nothing_set_is_plain() -> None:
    assert tls_of(SecuritySettings()) is None


def test_a_pair_is_taken_with_and_without_a_client_ca(certificates: Certificates) -> None:
    plain = tls_of(SecuritySettings(None, certificates.server, certificates.server_key))
    assert plain is not None
    context = plain.context()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_NONE
    mutual = tls_of(
        SecuritySettings(None, certificates.server, certificates.server_key, certificates.ca)
    )
    assert mutual is not None
    assert mutual.context().verify_mode is ssl.CERT_REQUIRED


Given = Callable[[Certificates, Path], SecuritySettings]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (lambda c, _: SecuritySettings(None, c.server), "tls_certificate needs tls_key beside it"),
        (
            lambda c, _: SecuritySettings(None, None, c.server_key),
            "tls_key needs tls_certificate beside it",
        ),
        (
            lambda c, _: SecuritySettings(None, None, None, c.ca),
            "tls_client_ca needs tls_certificate beside it",
        ),
        (
            lambda c, none: SecuritySettings(None, none / "absent.pem", c.server_key),
            "absent.pem of tls_certificate cannot be read (No such file or directory)",
        ),
        (
            lambda c, _: SecuritySettings(None, c.server_key, c.server_key),
            "server.key of tls_certificate holds no certificate",
        ),
        (
            lambda c, _: SecuritySettings(None, c.server, c.server),
            "server.pem of tls_key holds no private key",
        ),
        (
            lambda c, _: SecuritySettings(None, c.server, c.client_key),
            "client.key (tls_key) does not belong to the certificate in",
        ),
        (
            lambda c, none: SecuritySettings(None, broken(none, c.server), c.server_key),
            "broken.pem and the key in",
        ),
        (
            lambda c, none: SecuritySettings(None, c.server, encrypted(none, c.server_key)),
            "encrypted.key of tls_key is encrypted",
        ),
        (
            lambda c, _: SecuritySettings(None, c.server, c.server_key, c.server_key),
            "server.key of tls_client_ca holds no certificate",
        ),
        (
            lambda c, none: SecuritySettings(None, c.server, c.server_key, broken(none, c.ca)),
            "broken.pem of tls_client_ca holds no certificate that can be read",
        ),
    ],
)
def test_what_cannot_work_is_refused_by_name(
    certificates: Certificates, tmp_path: Path, given: Given, sentence: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        tls_of(given(certificates, tmp_path))
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


def broken(folder: Path, good: Path) -> Path:
    path = folder / "broken.pem"
    path.write_bytes(good.read_bytes().replace(b"M", b"N", 3))
    return path


def encrypted(folder: Path, key: Path) -> Path:
    path = folder / "encrypted.key"
    subprocess.run(
        ["openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out", path],
        check=True,
        capture_output=True,
    )
    return path


@pytest.mark.parametrize(
    ("trust", "sentence"),
    [
        (lambda c: Trust(c.ca / "absent"), "absent cannot be used (Not a directory)"),
        (lambda c: Trust(c.server_key), "CA file"),
        (lambda c: Trust(c.ca, c.client), "give both or neither"),
        (lambda c: Trust(None, None, c.client_key), "give both or neither"),
        (lambda c: Trust(c.ca, c.client, c.server_key), "key values mismatch"),
    ],
)
def test_a_client_refuses_files_that_cannot_work(
    certificates: Certificates, trust: Callable[[Certificates], Trust], sentence: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        trust(certificates).verification()
    assert sentence in str(refused.value)


def test_a_client_without_files_trusts_the_public_authorities() -> None:
    assert Trust().verification() is True


def test_only_what_tls_ended_is_called_so() -> None:
    assert refused_by_tls(ConnectionRefusedError(), URL) is None
    wrapped = ConnectionError("broke off")
    alert = ssl.SSLError(1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] no")
    alert.reason = "TLSV13_ALERT_CERTIFICATE_REQUIRED"
    wrapped.__cause__ = alert
    assert "(tlsv13 alert certificate required)" in str(refused_by_tls(wrapped, URL))
