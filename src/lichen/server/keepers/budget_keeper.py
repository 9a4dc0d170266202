"""Watches budgets: a thread of the control plane records when 50, 80 and 100 % are reached.

Each alert is kept before anybody is told, so a crash in between loses none, and at most tells one
twice.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from threading import Lock

import msgspec

from lichen.carbon.budgets.alerts import (
    ALERTS,
    Alert,
    Telling,
    alert_prefix,
    due_levels,
    of_period,
    sentence_of,
)
from lichen.carbon.budgets.budget import Budget
from lichen.core.clock import Clock
from lichen.core.errors import Conflict, LichenError
from lichen.server.keepers.alert_webhook import AlertTeller, Webhook
from lichen.server.keepers.budget_accounts import BudgetAccounts
from lichen.server.keepers.routine import Routine
from lichen.store.documents import MUST_NOT_EXIST, Change, DocumentStore, scan_all

LOOK_SECONDS = 1.0
MOST_ALERTS = 300
"""Of one budget, the newest that are kept."""
_LONGEST_STOP_SECONDS = 1.0
_log = logging.getLogger(__name__)


class BudgetKeeper:
    """Looks at every budget once a second."""

    def __init__(
        self,
        documents: DocumentStore,
        accounts: BudgetAccounts,
        clock: Clock,
        webhook: Webhook | None = None,
    ) -> None:
        self._documents = documents
        self._accounts = accounts
        self._clock = clock
        self._teller = None if webhook is None else AlertTeller(webhook, self.note)
        self._budgets: Mapping[str, Budget] = {}
        self._alerts: dict[str, list[Alert]] = {}
        self._seen_revision = -1
        self._troubles: dict[str, str] = {}
        self._writing = Lock()
        self._has_told_pending = False
        self._routine = Routine("budgets", self._again, LOOK_SECONDS)

    def start(self) -> None:
        """Begin, first with what an earlier life did not come to tell."""
        if self._teller is not None:
            self._teller.start()
        self._routine.start()

    def stop(self) -> None:
        """End; what was not told yet is told in the next life."""
        if self._teller is not None:
            self._teller.stop()
        self._routine.stop(_LONGEST_STOP_SECONDS)

    def turn(self) -> None:
        """Look at every budget, and keep the alerts that are due.

        Raises:
            StorageFailed: the store cannot be read or written.
        """
        revision = self._documents.revision()
        if revision != self._seen_revision:
            self._budgets = self._accounts.every()
            self._alerts = {name: self._kept(name) for name in self._budgets}
            self._seen_revision = revision
        for budget in self._budgets.values():
            self._look_at(budget)

    def note(self, alert: Alert, telling: Telling) -> None:
        """Keep what became of telling an alert; of one that is gone nothing is kept."""
        body = msgspec.json.encode(replace(alert, webhook=telling))
        with self._writing:
            there = self._documents.get(ALERTS, alert.key)
            if there is None:
                return
            try:
                self._documents.commit([Change(ALERTS, alert.key, body, there.version)])
            except Conflict:
                return  # its budget was removed in this moment
            except LichenError as error:  # a full disk: it is told once more in the next life
                _log.error("what became of an alert cannot be kept: %s", error)

    def tell_pending(self) -> None:
        """Tell what an earlier life of this process did not.

        Raises:
            StorageFailed: the store cannot be read.
        """
        if self._teller is None:
            return
        for document in scan_all(self._documents, ALERTS):
            alert = msgspec.json.decode(document.body, type=Alert)
            if alert.webhook is Telling.PENDING:
                self._teller.tell(alert)

    def _look_at(self, budget: Budget) -> None:
        try:
            standing = self._accounts.standing(budget)
        except LichenError as error:
            if self._troubles.get(budget.name) != str(error):
                self._troubles[budget.name] = str(error)
                _log.error("budget %r cannot be watched: %s", budget.name, error)
            return
        self._troubles.pop(budget.name, None)
        now = self._clock.now()
        of_now = of_period(budget, self._alerts[budget.name], now)
        for percent in due_levels(budget, standing.committed, of_now):
            self._keep(
                Alert(
                    budget=budget.name,
                    tenant=budget.tenant,
                    scope=str(budget.scope),
                    percent=percent,
                    at=now,
                    quantity=budget.quantity,
                    limit=budget.limit,
                    committed=standing.committed,
                    resets_at=standing.resets_at,
                    webhook=Telling.OFF if self._teller is None else Telling.PENDING,
                )
            )

    def _keep(self, alert: Alert) -> None:
        """Keep it first, then log it and have it told."""
        known = self._alerts[alert.budget]
        added = Change(ALERTS, alert.key, msgspec.json.encode(alert), MUST_NOT_EXIST)
        oldest = [Change(ALERTS, one.key, None) for one in known[: 1 - MOST_ALERTS]]
        with self._writing:
            self._documents.commit([added, *oldest])
        known.append(alert)
        _log.warning("%s", sentence_of(alert))
        if self._teller is not None:
            self._teller.tell(alert)

    def _kept(self, name: str) -> list[Alert]:
        found = self._documents.scan(ALERTS, prefix=alert_prefix(name))
        return [msgspec.json.decode(one.body, type=Alert) for one in found]

    def _again(self) -> float:
        if not self._has_told_pending:
            self.tell_pending()
            self._has_told_pending = True
        self.turn()
        return LOOK_SECONDS
