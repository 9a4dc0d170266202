"""Which budgets count for a request, and their accounts as this process holds them (B1, B2).

One thread follows the store and looks after the accounts; the event loop asks for allotments.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec

from lichen.carbon.budgets.allowance import Allowance
from lichen.carbon.budgets.allowance_file import identity
from lichen.carbon.budgets.budget import BUDGETS, Budget, ScopeKind
from lichen.core.clock import Clock
from lichen.core.errors import Corrupt, LichenError
from lichen.core.ids import TenantId
from lichen.registry.records import Records
from lichen.serving.allotment import Allotment, Ration
from lichen.serving.degradations import Degradations, Instead
from lichen.serving.deployment import Deployment
from lichen.store.documents import DocumentStore, scan_all

LOOKS_PER_TENDING = 5
"""Each account is looked after every so many looks of the poller, which looks five times a second:
not all at once, since each waits for the disk."""
LOOKS_AFTER_REMOVAL = 50
"""For so long what a removed budget has set aside may still be paid."""
LOOKS_PER_WRITING = 50
"""What was answered by cheaper deployments is written every so many looks."""
_log = logging.getLogger(__name__)


class Rationing(Protocol):
    """Knows the budgets that count for a request."""

    def allotment(
        self, deployment: Deployment, tenant: TenantId, stand_in: Deployment | None = None
    ) -> Allotment | None:
        """The budgets for what a tenant asks of a deployment; None where there are none.

        With `stand_in`, those of the deployment that answers in its place count as well.
        """
        ...


class NoBudgets:
    """Nothing is rationed."""

    def allotment(
        self,
        deployment: Deployment,  # noqa: ARG002 - nothing is rationed
        tenant: TenantId,  # noqa: ARG002 - nothing is rationed
        stand_in: Deployment | None = None,  # noqa: ARG002 - nothing is rationed
    ) -> Allotment | None:
        """None."""
        return None


def counts(
    budget: Budget, deployment: Deployment, tenant: TenantId, aliases: Mapping[str, int]
) -> bool:
    """Does the budget count for what a tenant asks of a deployment? Pure.

    `aliases` are the versions that `MODEL@ALIAS` names now. Nobody limits the deployments of
    another tenant. Jobs are not asked for here.
    """
    scope, is_own = budget.scope, budget.tenant == deployment.tenant
    match scope.kind:
        case ScopeKind.TENANT:
            return scope.name == tenant
        case ScopeKind.DEPLOYMENT:
            return is_own and scope.name == deployment.name
        case ScopeKind.ALIAS:
            is_of_model = scope.name.partition("@")[0] == deployment.model
            return is_own and is_of_model and aliases.get(scope.name) == deployment.version
        case ScopeKind.JOBS:
            return False


_Key = tuple[str, int, TenantId, str | None, int]


@dataclass(frozen=True, slots=True)
class _Index:
    """What is rationed now; a new one with every change."""

    rations: Sequence[Ration] = ()
    broken: Sequence[Budget] = ()
    aliases: Mapping[str, int] = field(default_factory=dict)
    known: dict[_Key, Allotment | None] = field(default_factory=dict)


class Budgets:
    """The budgets of one process; `allotment` is for the event loop, all else for one thread."""

    def __init__(self, documents: DocumentStore, folder: Path, clock: Clock) -> None:
        """Follow the budgets in `documents`, whose accounts stand in `folder`."""
        self._documents = documents
        self._folder = folder
        self._clock = clock
        self._rations: dict[str, Ration] = {}
        self._leaving: list[tuple[int, Ration]] = []
        self._index = _Index()
        self._is_stale = True
        self._looks = 0
        self._degradations = Degradations(documents, clock)

    def allotment(
        self, deployment: Deployment, tenant: TenantId, stand_in: Deployment | None = None
    ) -> Allotment | None:
        """See `Rationing`."""
        index = self._index
        if not index.rations and not index.broken:
            return None
        named = (None, 0) if stand_in is None else (stand_in.name, stand_in.version)
        key = (deployment.name, deployment.version, tenant, *named)
        if key not in index.known:
            index.known[key] = self._allotted(index, deployment, tenant, stand_in)
        return index.known[key]

    def _allotted(
        self, index: _Index, deployment: Deployment, tenant: TenantId, stand_in: Deployment | None
    ) -> Allotment | None:
        if stand_in is None:
            return _allotment(index, [deployment], tenant)
        instead = self._degradations.of(deployment.name, stand_in.name)
        return _allotment(index, [deployment, stand_in], tenant, instead)

    def look(self, changed: bool) -> None:  # noqa: FBT001 - the poller's one question
        """Read the budgets again if the store changed, and look after the accounts.

        Raises:
            StorageFailed: the store cannot be read.
        """
        self._is_stale = self._is_stale or changed
        self._looks += 1
        is_due = self._looks % LOOKS_PER_TENDING == 0
        if self._is_stale or (is_due and self._index.broken):
            self._read()
            self._is_stale = False
        if self._looks % LOOKS_PER_WRITING == 0:
            self._degradations.write()
        for number, ration in enumerate(self._index.rations):
            is_its_turn = (self._looks + number) % LOOKS_PER_TENDING == 0
            if is_its_turn or ration.allowance.remaining <= 0:
                self._tend(ration)
        self._let_go()
        for allotment in list(self._index.known.values()):
            if allotment is not None:
                allotment.refresh()

    def close(self) -> None:
        """Give back what is not spent, and write down what was counted."""
        try:
            self._degradations.write()
        except LichenError as error:
            _log.error("requests that were answered cheaper are not counted: %s", error)
        self._index = _Index()
        for ration in (*self._rations.values(), *(one for _, one in self._leaving)):
            ration.allowance.close()
        self._rations, self._leaving = {}, []

    def _tend(self, ration: Ration) -> None:
        try:
            ration.allowance.tend()
        except Corrupt as error:  # it is opened anew, and refused for as long as that fails
            _log.error("the account of budget %s is given up: %s", ration.budget.name, error)
            self._rations.pop(identity(ration.budget), None)
            ration.allowance.close()
            self._is_stale = True
        except LichenError:
            _log.exception("the account of budget %s is not on the disk", ration.budget.name)

    def _read(self) -> None:
        budgets = self._rationed()
        gone = [self._rations.pop(key) for key in list(self._rations) if key not in budgets]
        broken: list[Budget] = []
        for key, budget in budgets.items():
            try:
                self._hold(key, budget)
            except LichenError as error:
                if budget not in self._index.broken:  # it is tried again each second
                    _log.error("budget %s cannot be kept: %s", budget.name, error)
                broken.append(budget)
        self._index = _Index(
            tuple(self._rations.values()), tuple(broken), self._aliases(list(budgets.values()))
        )
        self._leaving += [(self._looks + LOOKS_AFTER_REMOVAL, ration) for ration in gone]

    def _let_go(self) -> None:
        """Close what was removed long enough ago: what waited then was to be paid from it."""
        for look, ration in self._leaving:
            if look <= self._looks:
                ration.allowance.close()
        self._leaving = [one for one in self._leaving if one[0] > self._looks]

    def _rationed(self) -> dict[str, Budget]:
        """Budgets by identity, but those of jobs; one that cannot be read hides no other."""
        found: dict[str, Budget] = {}
        for document in scan_all(self._documents, BUDGETS):
            try:
                budget = msgspec.json.decode(document.body, type=Budget)
            except (msgspec.MsgspecError, LichenError):
                _log.exception("the record of budget %s cannot be read", document.key)
                continue
            if budget.scope.kind is not ScopeKind.JOBS:
                found[identity(budget)] = budget
        return found

    def _hold(self, key: str, budget: Budget) -> None:
        known = self._rations.get(key)
        if known is not None:
            known.learn(budget)
            return
        allowance = Allowance.open(self._folder, budget, self._clock)
        allowance.tend()
        self._rations[key] = Ration(allowance, self._clock)

    def _aliases(self, budgets: Sequence[Budget]) -> Mapping[str, int]:
        """The version that each alias with a budget names now."""
        records = Records(self._documents)
        found: dict[str, int] = {}
        for budget in budgets:
            if budget.scope.kind is ScopeKind.ALIAS:
                model, _, alias = budget.scope.name.partition("@")
                version = records.entry(model)[0].aliases.get(alias)
                if version is not None:
                    found[budget.scope.name] = version
        return found


def _allotment(
    index: _Index,
    answering: Sequence[Deployment],
    tenant: TenantId,
    instead: Instead | None = None,
) -> Allotment | None:
    def matters(budget: Budget) -> bool:
        return any(counts(budget, one, tenant, index.aliases) for one in answering)

    rations = [ration for ration in index.rations if matters(ration.budget)]
    broken = next((budget.name for budget in index.broken if matters(budget)), None)
    if not rations and broken is None:
        return None
    return Allotment(rations, broken, instead)
