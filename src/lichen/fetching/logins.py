"""As whom registries are asked: a login of their own, or a token that they hand out for it.

https://distribution.github.io/distribution/spec/auth/token/
"""

import base64
import binascii
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

import msgspec

from lichen.core.errors import Forbidden, InvalidInput
from lichen.fetching.locations import Location
from lichen.fetching.policy import Login
from lichen.fetching.web import Ask, Web

_FIELD = re.compile(r'(\w+)="([^"]*)"')


class _Entry(msgspec.Struct, frozen=True):
    auth: str = ""
    username: str = ""
    password: str = ""


class _DockerConfig(msgspec.Struct, frozen=True):
    auths: dict[str, _Entry] = {}


class _Token(msgspec.Struct, frozen=True):
    token: str = ""
    access_token: str = ""


def logins_in(path: Path) -> dict[str, Login]:
    """Logins by registry, of a file as `docker login` and `podman login` write it.

    Raises:
        InvalidInput: it cannot be read.
    """
    try:
        config = msgspec.json.decode(path.read_bytes(), type=_DockerConfig)
    except (OSError, msgspec.MsgspecError) as error:
        raise InvalidInput(
            f"the logins in {path} cannot be read ({error}): let `docker login` or `podman login` "
            "write it"
        ) from error
    found = ((host, _login(entry)) for host, entry in config.auths.items())
    return {_host(host): login for host, login in found if login is not None}


def _host(said: str) -> str:
    """The registry of an entry, which some programs write as a URL."""
    return said.partition("://")[2].partition("/")[0] if "://" in said else said.rstrip("/")


def _login(entry: _Entry) -> Login | None:
    if entry.username:
        return Login(entry.username, entry.password)
    try:
        user, _, password = base64.b64decode(entry.auth).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return Login(user, password) if user else None


class RegistryLogin:
    """Asks one registry: without a name first, then as it wants to be asked."""

    def __init__(self, registry: Location, logins: Mapping[str, Login], web: Web) -> None:
        """Wire it.

        Args:
            registry: who is asked; nothing goes to any other but who hands its tokens out.
            logins: by registry.
            web: asks for tokens, for what the registry says that a request needs.
        """
        self._registry = registry
        self._login = logins.get(registry.authority) or logins.get(registry.host)
        self._web = web
        self._header: str | None = None

    def headers(self, ask: Ask) -> Mapping[str, str]:
        """See Credentials."""
        if self._header is None or ask.place.origin != self._registry.origin:
            return {}
        return {"Authorization": self._header}

    def learn(self, challenge: str, place: Location) -> bool:
        """See Credentials: a name and password at once, or a token for them."""
        if place.origin != self._registry.origin:
            return False
        kind = challenge.partition(" ")[0].lower()
        before = self._header
        if kind == "basic" and self._login is not None:
            self._header = _basic(self._login)
        elif kind == "bearer":
            self._header = f"Bearer {self._token(dict(_FIELD.findall(challenge)))}"
        return self._header != before

    def _token(self, challenge: Mapping[str, str]) -> str:
        realm = self._registry.joined(challenge.get("realm", ""))
        if self._registry.scheme == "https" and realm.scheme != "https":
            raise Forbidden(f"{self._registry.authority} hands its tokens out without TLS")
        query = {name: challenge[name] for name in ("service", "scope") if name in challenge}
        mark = "&" if "?" in realm.target else "?"
        place = realm.at(f"{realm.target}{mark}{urlencode(query)}")
        headers = {"Authorization": _basic(self._login)} if self._login else {}
        _, body = self._web.fetch(Ask(place, headers=headers))
        try:
            answer = msgspec.json.decode(body, type=_Token)
        except msgspec.MsgspecError as error:
            raise InvalidInput(f"{realm.authority} answered no token: {error}") from error
        return answer.token or answer.access_token


def _basic(login: Login) -> str:
    return f"Basic {base64.b64encode(f'{login.user}:{login.password}'.encode()).decode()}"
