"""An address on the web, taken apart once: what is judged is what is asked."""

import re
from dataclasses import dataclass, replace
from urllib.parse import urljoin, urlsplit

from lichen.core.errors import InvalidInput

_PORTS = {"https": 443, "http": 80}
_HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
_LONGEST = 8192


@dataclass(frozen=True, slots=True)
class Location:
    """Scheme, host, port and what is asked of it; `target` is path and query, as sent."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def origin(self) -> tuple[str, str, int]:
        """What a secret belongs to."""
        return self.scheme, self.host, self.port

    @property
    def authority(self) -> str:
        """Host, and the port where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def shown(self) -> str:
        """For people: without the query, which may be a secret."""
        return f"{self.scheme}://{self.authority}{self.target.partition('?')[0]}"

    @property
    def url(self) -> str:
        """All of it."""
        return f"{self.scheme}://{self.authority}{self.target}"

    def joined(self, reference: str) -> "Location":
        """What a reference such as that of a redirect leads to from here.

        Raises:
            InvalidInput: it is no address on the web.
        """
        return located(urljoin(self.url, reference))

    def at(self, target: str) -> "Location":
        """Another path, with its query, of the same host."""
        return replace(self, target=target)


def located(url: str) -> Location:
    """A URL of `https` or `http`, taken apart.

    Raises:
        InvalidInput: it is none, or carries a name and password.
    """
    if len(url) > _LONGEST or any(mark <= " " or mark == "\\" or mark >= "\x7f" for mark in url):
        raise InvalidInput("the address holds a space, a backslash or a character beyond ASCII")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidInput(f"the address cannot be read ({error}): check it") from error
    if parts.scheme not in _PORTS or not parts.hostname or not _HOST.fullmatch(parts.hostname):
        raise InvalidInput(
            f"{parts.scheme or 'it'} is no address on the web: give such as https://host/path"
        )
    if "@" in parts.netloc:
        raise InvalidInput(
            "the address holds a name or a password, which would be kept with the job: leave it "
            "out, and let an administrator give the setting `pull_tokens`"
        )
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Location(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], target)
