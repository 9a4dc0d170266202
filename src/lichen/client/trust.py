"""Whom a client trusts over TLS, and how it shows who it is."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from lichen.core.errors import InvalidInput, Unavailable


@dataclass(frozen=True, slots=True)
class Trust:
    """PEM files: `ca` signed the platform's certificate, `certificate` and `key` show ours (mTLS).

    Without `ca` the usual public authorities are trusted.
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def verification(self) -> ssl.SSLContext | bool:
        """What httpx takes as `verify`.

        Raises:
            InvalidInput: a file is unreadable or unusable, or one of the pair is missing.
        """
        if self == PUBLIC:
            return True
        if (self.certificate is None) != (self.key is None):
            raise InvalidInput(
                "a client shows itself by a certificate and its key: give both or neither"
            )
        context = self._trusting()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.certificate is not None:
            try:
                context.load_cert_chain(self.certificate, self.key, password="")
            except OSError as error:  # an SSLError is one
                raise InvalidInput(
                    f"the client certificate in {self.certificate} with the key in {self.key} "
                    f"cannot be used ({_reason(error)}): give a pair in PEM form"
                ) from error
        return context

    def _trusting(self) -> ssl.SSLContext:
        if self.ca is None:
            return ssl.create_default_context()
        try:
            return ssl.create_default_context(cafile=str(self.ca))
        except OSError as error:
            raise InvalidInput(
                f"the CA file {self.ca} cannot be used ({_reason(error)}): give the certificate "
                "that signed the platform's, in PEM form"
            ) from error


PUBLIC = Trust()


def refused_by_tls(
    error: BaseException, url: str, *, closes_all: bool = False
) -> Unavailable | None:
    """The sentence for a connection that TLS ended; None when it failed for another reason.

    A server may close without a word on a client that shows no certificate: so it is taken when
    `closes_all`, every connection before this one was closed as well.
    """
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return Unavailable(
            f"the certificate of {url} is not trusted ({cause.verify_message.rstrip('.')}): give "
            "the file of its CA with the setting `ca`"
        )
    if cause is None and not (closes_all and url.startswith("https:")):
        return None
    why = "it closes every connection" if cause is None else _reason(cause)
    return Unavailable(
        f"{url} and this client found no common TLS ({why}): does it ask for a client "
        "certificate? Give one with the settings `certificate` and `certificate_key`"
    )


def _reason(error: OSError) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "no PEM").lower().replace("_", " ")
    return error.strerror or type(error).__name__
