"""Budgets: what may be spent, by whom, as records that no crash loses (B1).

How much of each is left is counted elsewhere (B2).
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from lichen.carbon.budgets.alerts import ALERTS, Alert, alert_prefix, of_period
from lichen.carbon.budgets.budget import BUDGETS, Budget, Scope, ScopeKind
from lichen.carbon.budgets.budget_records import decoded_budget
from lichen.control.creations import Creations
from lichen.control.submissions import Sender
from lichen.core.clock import Clock
from lichen.core.errors import Conflict, InvalidInput, NotFound
from lichen.core.ids import DEFAULT_TENANT, TenantId
from lichen.protocol.admin import JobKind
from lichen.registry.catalog import LATEST, Catalog
from lichen.security.tokens import Keys
from lichen.serving.deployment import DEPLOYMENTS, Deployment
from lichen.store.documents import MUST_NOT_EXIST, Change, DocumentStore

Permission = Callable[[TenantId], None]
"""Passes when the caller may change budgets of this tenant, and raises Forbidden otherwise."""


@dataclass(frozen=True, slots=True)
class Owners:
    """Whom the things belong to that a budget can be for."""

    documents: DocumentStore
    catalog: Catalog
    keys: Keys

    def owner(self, scope: Scope, asked: TenantId | None, caller: TenantId) -> TenantId:
        """Whose budget one of this scope is.

        Args:
            scope: whose spending is to be limited.
            asked: the tenant that was named, if any.
            caller: the tenant of whoever asks.

        Raises:
            NotFound: there is no such deployment, model or alias.
            InvalidInput: there is no such tenant or kind of job, or what is named is another
                tenant's.
        """
        match scope.kind:
            case ScopeKind.TENANT:
                owner = self._known_tenant(scope.name)
            case ScopeKind.DEPLOYMENT:
                owner = self._deployment(scope.name).tenant
            case ScopeKind.ALIAS:
                self._check_alias(scope.name)
                owner = self._known_tenant(asked or caller)
            case ScopeKind.JOBS:
                _check_kind(scope.name)
                owner = self._known_tenant(asked or caller)
        if asked is not None and asked != owner:
            raise InvalidInput(f"{scope} belongs to tenant {owner!r}, not to {asked!r}")
        return owner

    def _known_tenant(self, name: str) -> TenantId:
        known = {DEFAULT_TENANT, *(record.tenant for record in self.keys.records())}
        if name not in known:
            raise InvalidInput(
                f"there is no tenant {name!r}, since no key is of it: known are "
                f"{', '.join(sorted(known))}"
            )
        return TenantId(name)

    def _deployment(self, name: str) -> Deployment:
        document = self.documents.get(DEPLOYMENTS, name)
        if document is None:
            raise NotFound(
                f"there is no deployment {name!r} to limit: `lichen deploy NAME@V --name {name}` "
                "makes it, and GET /api/v1/deployments lists those there are"
            )
        return msgspec.json.decode(document.body, type=Deployment)

    def _check_alias(self, name: str) -> None:
        model, _, alias = name.partition("@")
        aliases = self.catalog.model(model).aliases
        if alias not in aliases:
            known = ", ".join(sorted(aliases)) or "none"
            raise NotFound(
                f"model {model!r} has no alias {alias!r} to limit (it has {known}): `lichen models "
                f"alias {model}@V {alias}` makes it; {LATEST} and numbers are no aliases here"
            )


def _check_kind(name: str) -> None:
    if name not in list(JobKind):
        raise InvalidInput(
            f"there are no jobs of kind {name!r}: choose one of {', '.join(JobKind)}"
        )


class Budgets:
    """The one way to change a budget; whoever spends reads the same documents."""

    def __init__(self, documents: DocumentStore, owners: Owners, clock: Clock) -> None:
        self._documents = documents
        self._clock = clock
        self._creations = Creations(documents, clock, BUDGETS)
        self.owners = owners

    def create(self, sender: Sender, budget: Budget) -> Budget:
        """Keep a budget whose name is new; a repetition of the same request changes nothing.

        Raises:
            Conflict: there is one of this name.
            InvalidInput: the Idempotency-Key was used for another request, or is not usable.
        """
        body = msgspec.json.encode(budget)
        try:
            is_new = self._creations.create(sender, budget.name, body, body)
        except Conflict:
            raise Conflict(
                f"there is a budget {budget.name!r} already: PUT /api/v1/budgets/{budget.name} "
                "replaces it"
            ) from None
        return budget if is_new else self.get(budget.name)

    def put(self, budget: Budget, permit: Permission) -> Budget:
        """Keep a budget, in place of the one of its name if there is one.

        Raises:
            Forbidden: the one that is there is of another tenant, whose the caller may not change.
        """
        body = msgspec.json.encode(budget)
        while True:
            there, seen = self._read(budget.name)
            if there is not None:
                permit(there.tenant)
                if there == budget:
                    return budget
            try:
                self._documents.commit([Change(BUDGETS, budget.name, body, seen)])
            except Conflict:
                continue  # somebody changed it in between: judge anew whose it is
            return budget

    def remove(self, name: str, permit: Permission) -> None:
        """Forget a budget and its alerts.

        Raises:
            NotFound: there is none of this name.
            Forbidden: it is of a tenant whose budgets the caller may not change.
        """
        while True:
            there, seen = self._found(name)
            permit(there.tenant)
            gone = [Change(ALERTS, one.key, None) for one in self.alerts(name)]
            try:
                self._documents.commit([Change(BUDGETS, name, None, seen), *gone])
            except Conflict:
                continue
            return

    def get(self, name: str) -> Budget:
        """One budget.

        Raises:
            NotFound: there is none of this name.
        """
        return self._found(name)[0]

    def page(self, after: str, limit: int) -> list[Budget]:
        """Up to `limit` budgets by name, those after `after`."""
        return [decoded_budget(one.body) for one in self._documents.scan(BUDGETS, after, limit)]

    def alerts(self, name: str) -> list[Alert]:
        """The alerts that a budget gave, oldest first."""
        found = self._documents.scan(ALERTS, prefix=alert_prefix(name))
        return [msgspec.json.decode(one.body, type=Alert) for one in found]

    def alerts_now(self, budget: Budget) -> list[Alert]:
        """Those of them that belong to the period that is now, lowest level first."""
        return of_period(budget, self.alerts(budget.name), self._clock.now())

    def alerts_page(self, after: str, limit: int) -> list[Alert]:
        """Up to `limit` alerts of all budgets, by budget and time, those after the key `after`."""
        found = self._documents.scan(ALERTS, after, limit)
        return [msgspec.json.decode(one.body, type=Alert) for one in found]

    def _found(self, name: str) -> tuple[Budget, int]:
        budget, seen = self._read(name)
        if budget is None:
            raise NotFound(f"there is no budget {name!r}: `lichen budget ls` lists those there are")
        return budget, seen

    def _read(self, name: str) -> tuple[Budget | None, int]:
        document = self._documents.get(BUDGETS, name)
        if document is None:
            return None, MUST_NOT_EXIST
        return decoded_budget(document.body), document.version
