"""TLS of the ports: one certificate for all of them, checked before anything listens."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from lichen.core.errors import InvalidInput
from lichen.server.sections import SecuritySettings

OLDEST = ssl.TLSVersion.TLSv1_2
_CERTIFICATE, _KEY, _ENCRYPTED = b"BEGIN CERTIFICATE", b"PRIVATE KEY", b"ENCRYPTED"


@dataclass(frozen=True, slots=True)
class Tls:
    """What the ports show and whom they let in; PEM files that were read and fit together."""

    certificate: Path
    key: Path
    client_ca: Path | None = None

    def context(self) -> ssl.SSLContext:
        """For a server that speaks HTTP/1.1: TLS 1.2 at least, and client certificates if asked.

        Raises:
            InvalidInput: the files do not fit together, or hold nothing usable.
        """
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = OLDEST
        context.set_alpn_protocols(["http/1.1"])
        try:
            context.load_cert_chain(self.certificate, self.key, password="")
        except ssl.SSLError as error:
            raise InvalidInput(_misfit(self, error)) from error
        if self.client_ca is not None:
            try:
                context.load_verify_locations(self.client_ca)
            except ssl.SSLError as error:
                raise InvalidInput(
                    f"the file {self.client_ca} of tls_client_ca holds no certificate that can be "
                    "read: give one in PEM form"
                ) from error
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def tls_of(settings: SecuritySettings) -> Tls | None:
    """The TLS that is set; None when the ports speak plainly.

    Raises:
        InvalidInput: a file is missing, unreadable or no PEM, the key does not belong to the
            certificate, or one of the settings lacks another; the message names file and setting.
    """
    certificate, key = settings.tls_certificate, settings.tls_key
    if certificate is None or key is None:
        _refuse_half(settings)
        return None
    _check(certificate, "tls_certificate", _CERTIFICATE, "certificate")
    if _ENCRYPTED in _check(key, "tls_key", _KEY, "private key"):
        raise InvalidInput(
            f"the key in {key} of tls_key is encrypted: give one without a passphrase, readable "
            "by this user alone"
        )
    if settings.tls_client_ca is not None:
        _check(settings.tls_client_ca, "tls_client_ca", _CERTIFICATE, "certificate")
    tls = Tls(certificate, key, settings.tls_client_ca)
    tls.context()
    return tls


def scheme(tls: Tls | None) -> str:
    """How an address of such a port begins."""
    return "http" if tls is None else "https"


def _refuse_half(settings: SecuritySettings) -> None:
    for given, lacks in (
        ("tls_certificate", "tls_key"),
        ("tls_key", "tls_certificate"),
        ("tls_client_ca", "tls_certificate"),
    ):
        if getattr(settings, given) is not None and getattr(settings, lacks) is None:
            raise InvalidInput(
                f"setting {given} needs {lacks} beside it: give both, or neither for plain HTTP"
            )


def _check(path: Path, setting: str, mark: bytes, what: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"the file {path} of {setting} cannot be read ({error.strerror}): correct the setting"
        ) from error
    if mark not in content:
        raise InvalidInput(f"the file {path} of {setting} holds no {what}: give one in PEM form")
    return content


def _misfit(tls: Tls, error: ssl.SSLError) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return (
            f"the key in {tls.key} (tls_key) does not belong to the certificate in "
            f"{tls.certificate} (tls_certificate): give the pair that was made together"
        )
    return (
        f"the certificate in {tls.certificate} and the key in {tls.key} cannot be used "
        f"({(error.reason or 'no PEM').lower().replace('_', ' ')}): give them in PEM form"
    )
