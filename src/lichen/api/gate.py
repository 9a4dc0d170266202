"""Who is calling, and may they? The same for every door."""

from lichen.core.ids import TenantId
from lichen.security.identity import Principal
from lichen.security.policy import Action, Kind, Resource, demand, may
from lichen.security.tokens import KeyRing


class Gate:
    """The keys that open the doors of one process."""

    def __init__(self, keys: KeyRing) -> None:
        self._keys = keys

    def identify(self, authorization: str | None) -> Principal:
        """Who the `Authorization` header names; the anonymous principal where that is allowed.

        Raises:
            Unauthenticated: nobody we know.
        """
        return self._keys.authenticate(authorization)

    def admit(self, principal: Principal, action: Action, kind: Kind, tenant: TenantId) -> None:
        """Let a principal do something to a tenant's resource.

        Raises:
            Forbidden: the policy does not allow it.
        """
        demand(principal, action, Resource(kind, tenant))

    def allows(self, principal: Principal, action: Action, kind: Kind, tenant: TenantId) -> bool:
        """May a principal do something to a tenant's resource?"""
        return may(principal, action, Resource(kind, tenant))

    def refresh(self) -> None:
        """Read the keys again."""
        self._keys.reload()
