"""The control plane process: desired state, jobs and accounts over HTTP.

It imports no NumPy and no DuckDB; the one question that needs rows loads them by name.
"""

import logging
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from socket import gethostname
from typing import Protocol

from lichen.api.admin_http import Authenticated, admin_app
from lichen.api.admin_routes import Plane
from lichen.api.admin_table import ROUTES
from lichen.api.gate import Gate
from lichen.api.metrics_http import METRICS_PATH, Telemetry, answer_metrics
from lichen.carbon.intensity import checked_zone
from lichen.carbon.ledger.accounts import LedgerReader
from lichen.control.budgets import Budgets, Owners
from lichen.control.deeds import Levers
from lichen.control.experience import Experience
from lichen.control.jobs import JobPolicy, Jobs
from lichen.control.planner_role import PlannerRole
from lichen.control.reception import Reception
from lichen.control.recurrences import Recurrences
from lichen.control.state import Deployments
from lichen.control.submissions import Submissions
from lichen.core.clock import Clock, SystemClock
from lichen.core.errors import LichenError
from lichen.core.plugins import load_object
from lichen.data.dataset import DatasetCatalog
from lichen.energy.counters import ProcessCounters
from lichen.protocol.admin import DatasetRows, NewestInput
from lichen.registry.catalog import Catalog
from lichen.security.admin_key import ensure_admin_key
from lichen.security.identity import Role
from lichen.security.tokens import KeyRing, Keys
from lichen.server.asgi import answer
from lichen.server.declarations import declarations
from lichen.server.home import Home
from lichen.server.inheritance import inherit
from lichen.server.keepers.alert_webhook import Webhook
from lichen.server.keepers.batch_keeper import BatchKeeper
from lichen.server.keepers.budget_accounts import BudgetAccounts
from lichen.server.keepers.budget_keeper import BudgetKeeper
from lichen.server.keepers.foreseen import Foreseen
from lichen.server.keepers.grams_left import grams_left
from lichen.server.keepers.intensity_keeper import IntensityKeeper
from lichen.server.keepers.intensity_services import services
from lichen.server.keepers.ledger_books import ledger_books
from lichen.server.keepers.outlook_keeper import OutlookKeeper
from lichen.server.keepers.plan_keeper import PlanKeeper, Planning
from lichen.server.keepers.planner_work import PlannerWork
from lichen.server.keepers.recurring_keeper import RecurringKeeper
from lichen.server.keepers.zone_histories import ZoneHistories
from lichen.server.keepers.zone_intensity import ZoneObservations
from lichen.server.keepers.zone_outlooks import ZoneOutlooks
from lichen.server.observations import Observations
from lichen.server.pricing import pricing
from lichen.server.sections import Settings
from lichen.server.tls import tls_of
from lichen.server.work.attempt import log_of
from lichen.server.work.job_budgets import JobBudgets
from lichen.serving.siblings import among_siblings
from lichen.store.blobs import BlobStore, LocalBlobs
from lichen.store.documents import DocumentStore, SqliteDocuments

NAME = "controlplane"
NEWEST_ROWS = "lichen.control.newest:newest_rows"
NEWEST_INPUT = "lichen.control.newest:newest_input"
LOG_BYTES = 4 * 2**20
"""Of a job's log, the end that is shown."""


def open_plane(
    settings: Settings, documents: DocumentStore, clock: Clock, accounts: BudgetAccounts
) -> Plane:
    """Wire the rooms that the handlers act on, by hand."""
    home = Home(settings.home)
    blobs = LocalBlobs(home.blobs)
    jobs = Jobs(documents, clock, JobPolicy(settings.jobs.attempts))
    catalog = Catalog(documents, blobs, clock)
    observations = Observations(settings)
    processes = settings.operation.dataplane_processes
    prices = pricing(settings.carbon, home.intensities)
    affordable = JobBudgets(documents, home, prices, clock)
    experience = Experience(jobs, clock)
    zones = (checked_zone(settings.carbon.zone),)
    reception = Reception(jobs, clock, zones, settings.jobs.queue_jobs, experience.expected)
    ledger = LedgerReader(ledger_books(settings))
    return Plane(
        declarations=declarations(settings.reports),
        gate=_gate(settings, documents, clock),
        documents=documents,
        jobs=jobs,
        experience=experience,
        submissions=Submissions(documents, jobs, clock, affordable.check, reception.settle),
        recurrences=Recurrences(documents, clock),
        datasets=DatasetCatalog(documents),
        catalog=catalog,
        deployments=Deployments(among_siblings(documents, processes), catalog),
        ledger=ledger,
        levers=Levers(documents, jobs, ledger),
        budgets=Budgets(documents, Owners(documents, catalog, Keys(documents, clock)), clock),
        uploads=home.uploads,
        upload_bytes=settings.limits.upload_bytes,
        job_log=partial(log_of, home, limit_bytes=LOG_BYTES),
        job_progress=observations.progress,
        newest_rows=_lazy_newest_rows(documents, blobs, clock),
        newest_input=_lazy_newest_input(documents, blobs, clock),
        meters=observations.meters,
        platform=observations.platform,
        budget_standing=accounts.view,
        zone=ZoneObservations(prices, clock).zone,
        outlooks=_outlooks(settings, catalog, clock),
        stored=blobs.path,
        keep_file=blobs.put_file,
        platform_zone=zones[0],
        scripts=settings.security.scripts,
    )


def _outlooks(settings: Settings, catalog: Catalog, clock: Clock) -> ZoneOutlooks:
    folder = Home(settings.home).intensities
    histories = ZoneHistories(settings.carbon, folder, clock)
    return ZoneOutlooks(histories, catalog, clock, is_on=settings.carbon.outlook)


def _gate(settings: Settings, documents: DocumentStore, clock: Clock) -> Gate:
    """Who may call; at first start the administrator's key is made."""
    ensure_admin_key(Home(settings.home).admin_key, Keys(documents, clock), clock)
    role = settings.security.anonymous_role
    return Gate(KeyRing(documents, clock, Role(role) if role else None))


def _lazy_newest_rows(
    documents: DocumentStore, blobs: BlobStore, clock: Clock
) -> Callable[[str, int], DatasetRows]:
    def ask(name: str, rows: int) -> DatasetRows:
        found = load_object(NEWEST_ROWS)(documents, blobs, clock, name, rows)
        assert isinstance(found, DatasetRows)  # noqa: S101 - for the type checker
        return found

    return ask


def _lazy_newest_input(
    documents: DocumentStore, blobs: BlobStore, clock: Clock
) -> Callable[[str, Mapping[str, str]], NewestInput]:
    def ask(reference: str, query: Mapping[str, str]) -> NewestInput:
        found = load_object(NEWEST_INPUT)(documents, blobs, clock, reference, query.get("start"))
        assert isinstance(found, NewestInput)  # noqa: S101 - for the type checker
        return found

    return ask


class Keeper(Protocol):
    """A thread of this process that looks after something."""

    def start(self) -> None:
        """Begin."""
        ...

    def stop(self) -> None:
        """End, soon."""
        ...


def _keepers(
    settings: Settings, plane: Plane, accounts: BudgetAccounts, counters: ProcessCounters
) -> Sequence[Keeper]:
    """Who asks for intensities, gives alerts, plans, submits what recurs, has outlooks trained.

    Histories have one writer a file: the keeper those of services, the plane those of seeds.
    """
    home = Home(settings.home)
    histories = ZoneHistories(settings.carbon, home.intensities, SystemClock())
    always: tuple[Keeper, ...] = (
        _keeper(settings, histories),
        _budget_keeper(settings, plane.documents, accounts),
        _plan_keeper(settings, plane, accounts, counters),
        RecurringKeeper(plane.recurrences, plane.jobs, plane.submissions, SystemClock()),
        BatchKeeper(plane.documents, LocalBlobs(home.blobs), plane, SystemClock()),
    )
    if not settings.carbon.outlook:
        return always
    return (*always, OutlookKeeper(histories, plane.catalog, plane.submissions, SystemClock()))


def _keeper(settings: Settings, histories: ZoneHistories) -> IntensityKeeper:
    """Who asks for the grid's intensity, for all processes of this platform."""
    zone = checked_zone(settings.carbon.zone)
    folder = Home(settings.home).intensities
    asked = services(settings.carbon)
    return IntensityKeeper(asked, zone, folder, SystemClock(), histories.archive)


def _plan_keeper(
    settings: Settings, plane: Plane, accounts: BudgetAccounts, counters: ProcessCounters
) -> PlanKeeper:
    """Who plans when jobs run that can wait; its histories are its own, as its thread is."""
    clock, home = SystemClock(), Home(settings.home)
    histories = ZoneHistories(settings.carbon, home.intensities, clock)
    planning = Planning(
        documents=plane.documents,
        jobs=plane.jobs,
        experience=plane.experience,
        foreseen=Foreseen(settings.carbon, histories),
        slots=settings.jobs.parallel_jobs,
        progress=plane.job_progress,
        budgets=partial(grams_left, accounts),
    )
    role = PlannerRole(plane.documents, clock, f"{gethostname()}:{settings.home}")
    prices = pricing(settings.carbon, home.intensities)
    return PlanKeeper(planning, role, PlannerWork(counters, settings.runtime, prices, clock), clock)


def _budget_keeper(
    settings: Settings, documents: DocumentStore, accounts: BudgetAccounts
) -> BudgetKeeper:
    """Who gives the alerts of budgets."""
    address = settings.operation.alert_webhook
    webhook = None if address is None else Webhook(address)
    return BudgetKeeper(documents, accounts, SystemClock(), webhook)


def _metrics(settings: Settings, plane: Plane, accounts: BudgetAccounts) -> Authenticated:
    folder = Home(settings.home).metrics
    me = (version("lichen"), NAME, SystemClock().now().timestamp())
    documents = among_siblings(plane.documents, settings.operation.dataplane_processes)
    told = Telemetry(plane.gate, documents, folder, *me, accounts.gauges)
    return partial(answer_metrics, told)


def main(arguments: Sequence[str]) -> int:
    """The process that the supervisor starts."""
    try:
        born_with = inherit(arguments)
        settings = born_with.settings
        logging.basicConfig(level=settings.operation.log_level.upper())
        tls = tls_of(settings.security)
        counters = ProcessCounters.create(settings.runtime, NAME, str(settings.home))
        documents = SqliteDocuments(Home(settings.home).documents)
        clock = SystemClock()
        accounts = BudgetAccounts(documents, Home(settings.home), clock)
        plane = open_plane(settings, documents, clock, accounts)
        keepers = _keepers(settings, plane, accounts, counters)
        for keeper in keepers:
            keeper.start()
        answer(
            admin_app(plane, ROUTES, {METRICS_PATH: _metrics(settings, plane, accounts)}),
            born_with.socket("control"),
            born_with.announce_ready,
            settings.operation.drain_seconds,
            tls.context() if tls else None,
        )
    except LichenError as error:
        sys.stderr.write(f"lichen control plane: {error}\n")
        return 1
    for keeper in keepers:
        keeper.stop()
    accounts.close()
    documents.close()
    counters.finish()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
