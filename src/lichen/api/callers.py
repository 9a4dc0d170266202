"""Who was let in lately: the fast lane asks the gate once, not at every request."""

import re
from typing import NamedTuple

from lichen.api.oip_http import Door, caller_of
from lichen.core.errors import InvalidInput
from lichen.core.ids import TenantId
from lichen.security.identity import Principal

LANE_PATH = re.compile(
    rb"/v2/models/(?P<name>[A-Za-z0-9._@-]+)(?:/versions/(?P<version>[A-Za-z0-9._-]+))?/infer"
    rb"|/predict/(?P<plain>[A-Za-z0-9._@-]+)"
)
"""What the fast lane answers: inference, by the protocol or in plain JSON."""
PLAIN_START = b"/predict/"
_CALLER_SECONDS = 0.2
"""How long an admission is remembered: as long as the store is not looked at."""
_MOST_CALLERS = 4096


class Caller(NamedTuple):
    """The deployment asked, its version if one was, the tenant who pays, and who shares fairly."""

    name: str
    version: str | None
    tenant: TenantId
    caller: str


_CallerKey = tuple[bytes, bytes | None] | tuple[str, str | None, str | None]


class Callers:
    """Who was let in lately, and for what; nothing is remembered over `_CALLER_SECONDS`."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._known: dict[_CallerKey, Caller] = {}
        self._principals: dict[str | None, Principal] = {}
        self._until = 0.0

    def admit(self, url: bytes, authorization: bytes | None, now: float) -> Caller:
        """What the path asks for, and the tenant who pays.

        Raises:
            Unauthenticated, Forbidden, NotFound, Unavailable: see `Door.caller`.
        """
        self._forget(now)
        key = (url, authorization)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._look_up(url, authorization)
        return known

    def identify(self, authorization: str | None, now: float) -> Principal:
        """Who calls.

        Raises:
            Unauthenticated: nobody we know.
        """
        self._forget(now)
        known = self._principals.get(authorization)
        if known is None:
            known = self._principals[authorization] = self._door.gate.identify(authorization)
        return known

    def admit_named(
        self, name: str, version: str | None, authorization: str | None, now: float
    ) -> Caller:
        """The same as `admit`, where no path names what is asked for."""
        self._forget(now)
        key = (name, version, authorization)
        known = self._known.get(key)
        if known is None:
            principal = self._door.caller(authorization, name, version)
            known = Caller(name, version, principal.tenant, caller_of(principal))
            self._known[key] = known
        return known

    def _forget(self, now: float) -> None:
        if now > self._until or len(self._known) + len(self._principals) > _MOST_CALLERS:
            self._known.clear()
            self._principals.clear()
            self._until = now + _CALLER_SECONDS

    def _look_up(self, url: bytes, authorization: bytes | None) -> Caller:
        found = LANE_PATH.fullmatch(url)
        if found is None:
            raise InvalidInput("the path names no model")
        version = found["version"]
        name = (found["name"] or found["plain"]).decode()
        asked = version.decode() if version else None
        said = None if authorization is None else authorization.decode("latin-1")
        principal = self._door.caller(said, name, asked)
        return Caller(name, asked, principal.tenant, caller_of(principal))
