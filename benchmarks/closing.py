"""L2 on a whole platform: is every request charged what it cost, and does each window close?

    python benchmarks/closing.py --seconds 600

`lichen up` serves three models of known cost and a forecaster; a foreign process burns a core. Full
batches of each model are first asked alone, one after the other: what their receipts say of a
row is its known cost. Then 100 connections ask for all of them at once, JSON and binary, for three
tenants, and training jobs run beside them. At the end:

- receipts are in proportion to the known costs: median error under 3 %, p95 under 10 %. Requests of
  one kind are judged by their median charge within five seconds, beside those of the other models
  (benchmarks/known/judging.py says why), and printed one by one as well. The forecaster is in the
  mix, not among the judged: a batch of it costs little more than one;
- energy that is shared by who was in flight fails the very same test; how often each joule is
  counted when each request is given all its time in flight is printed;
- the ledger sums to 0 nJ and 0 ng, its chain is sound, nothing stays in progress;
- what the receipts of a tenant and deployment, or of a job, add up to is what it was charged, to
  the nanojoule and nanogram;
- no overhead was negative in any window; rate-variance is at most 2 % of the dynamic energy.

It prints a table and exits 0 only if all holds.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import msgspec
import numpy as np
from known.asking import Address, Answers, Asked, Turn, ask, body_of, request
from known.books import MOST_VARIANCE, WindowWatch, of_ledger, of_receipts, variance_share
from known.judging import Charged, by_wall_overlap, errors, errors_one_by_one, over_count
from known.models import BATCH_ROWS, UNITS, arithmetic
from known.records import charged
from soak import TRAINING, Platform

from lichen.client.connection import Lichen, connect
from lichen.core.clock import SystemClock
from lichen.core.errors import LichenError
from lichen.core.ids import TenantId
from lichen.data.samples import VICTORIA_2014
from lichen.energy.closing import IN_PROGRESS
from lichen.protocol.admin import Job, JobKind
from lichen.security.identity import Principal, Role
from lichen.security.tokens import Keys
from lichen.server.home import Home
from lichen.store.documents import SqliteDocuments

TENANTS = ("water", "air", "buildings")
ROWS = (2, 4, 6)
FORECASTER = "demand"
FORECASTS = 0.05
"""Of the mix."""
CONNECTIONS = 100
WARMING, ALONE_ROUNDS = 10, 100
BOOKED_SECONDS = 120.0
KINDS = tuple(
    Asked(model, rows, is_binary) for model in UNITS for rows in ROWS for is_binary in (False, True)
)


ALONE = tuple(Asked(model, BATCH_ROWS) for model in UNITS)
"""Full batches, of which a row costs what it costs in any other full batch."""
Requests = Mapping[tuple[str, Asked], bytes]
"""By tenant and kind, as they go over the wire."""


@dataclass
class Run:
    """What was seen."""

    nj_per_row: Mapping[str, float] = field(default_factory=dict)
    """Known cost of a model's row: the median of full batches that were asked alone."""
    before: Answers = field(default_factory=Answers)
    """What was asked alone."""
    tries: list[Answers] = field(default_factory=list)
    """What was asked under load, each time."""
    jobs: list[Job] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Verdict:
    """One line of the table."""

    what: str
    figure: str
    holds: bool

    def line(self) -> str:
        """As it is printed."""
        return f"{'holds' if self.holds else 'WRONG':6} {self.what:58} {self.figure}"


def served(client: Lichen, folder: Path) -> None:
    """Import and deploy the three models, and train and deploy the forecaster."""
    for name, units in UNITS.items():
        path = folder / f"{name}.onnx"
        path.write_bytes(arithmetic(units))
        client.models.import_file(path, name)
        client.deployments.deploy(f"{name}@1", name)
    client.data.add(VICTORIA_2014.name, VICTORIA_2014.path)
    client.train(TRAINING)
    client.deployments.deploy(f"{TRAINING.name}@1", FORECASTER)


def keys_of(home: Path) -> dict[str, str]:
    """A key for each tenant; an admin's, who may ask what another tenant deployed."""
    documents = SqliteDocuments(Home(home).documents)
    keys = Keys(documents, SystemClock())
    made = {
        name: keys.create(Principal(f"{name}-app", TenantId(name), Role.ADMIN)).token
        for name in TENANTS
    }
    documents.close()
    return made


def wired(client: Lichen, keys: Mapping[str, str]) -> Requests:
    """Every request as it goes over the wire, by tenant and kind."""
    newest = msgspec.json.encode(client.deployments.newest_input(FORECASTER).request)
    forecast = Asked(FORECASTER, 0)
    return {
        (tenant, kind): request(kind.deployment, *body, key)
        for tenant, key in keys.items()
        for kind, body in [
            *((kind, body_of(kind)) for kind in (*KINDS, *ALONE)),
            (forecast, (newest, None)),
        ]
    }


def mixed(requests: Requests, connection: int) -> Iterator[Turn]:
    """What one connection asks, without end: one model, so that each always has a third of them."""
    chance = random.Random(connection)  # noqa: S311 - a mix that can be drawn again, no secret
    model = tuple(UNITS)[connection % len(UNITS)]
    kinds = [kind for kind in KINDS if kind.deployment == model]
    while True:
        is_forecast = chance.random() < FORECASTS
        kind = Asked(FORECASTER, 0) if is_forecast else chance.choice(kinds)
        tenant = chance.choice(TENANTS)
        yield tenant, kind, requests[tenant, kind]


def until_known(address: Address, requests: Requests, found: Answers) -> None:
    """Ask for each tenant until the data plane has read its key, a moment after it was made."""
    give_up = time.monotonic() + BOOKED_SECONDS
    for tenant in TENANTS:
        turn = tenant, KINDS[0], requests[tenant, KINDS[0]]
        while True:
            try:
                ask(address, [iter([turn])], found)
                break
            except SystemExit:
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.1)


def known_costs(address: Address, requests: Requests, found: Answers) -> Mapping[str, float]:
    """What a row of each model costs: full batches asked alone and in turns, their median."""
    turns = [(TENANTS[0], kind, requests[TENANTS[0], kind]) for kind in ALONE]
    ask(address, [iter(turns * WARMING)], found)
    first = len(found)
    ask(address, [iter(turns * ALONE_ROUNDS)], found)
    charged: dict[str, list[float]] = defaultdict(list)
    for kind, nj in zip(found.kind[first:], found.nj[first:], strict=True):
        asked = found.kinds[kind][1]
        charged[asked.deployment].append(nj / asked.rows)
    return {model: statistics.median(nj) for model, nj in charged.items()}


class Trainer(threading.Thread):
    """Trains one job after another until told to stop."""

    def __init__(self, client: Lichen, run: Run) -> None:
        super().__init__(daemon=True)
        self._client = client
        self._run = run
        self._is_over = threading.Event()

    def run(self) -> None:
        """Submit, wait, and again."""
        try:
            while not self._is_over.is_set():
                job = self._client.jobs.submit(JobKind.TRAIN, TRAINING)
                self._run.jobs.append(self._client.jobs.wait(job.id))
        except LichenError as error:
            self._run.wrong.append(f"training: {error}")

    def stop(self) -> None:
        """Let the job that runs end."""
        self._is_over.set()
        self.join()


@contextmanager
def burning() -> Iterator[None]:
    """A foreign process that uses all of a core."""
    burner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        burner.kill()
        burner.wait()


def loaded(
    client: Lichen,
    address: Address,
    requests: Requests,
    seconds: float,
    run: Run,
) -> list[Verdict]:
    """All at once: the mix over all connections, and the jobs; the burner burns already."""
    run.tries.append(Answers())
    trainer = Trainer(client, run)
    turns = [mixed(requests, connection) for connection in range(CONNECTIONS)]
    trainer.start()
    give_up = time.monotonic() + seconds
    ask(address, turns, run.tries[-1], lambda: time.monotonic() > give_up)
    trainer.stop()
    return correctness(run)


def correctness(run: Run) -> list[Verdict]:
    """Receipts against known costs, and what others do against the same."""
    judged = charged(run.tries[-1], run.nj_per_row)
    ours, others = errors(judged), errors(by_wall_overlap(judged))
    counted = over_count(judged)
    return [
        Verdict("receipts are in proportion to known costs", f"{ours}", ours.passes),
        Verdict("shares of who was in flight fail the same test", f"{others}", not others.passes),
        Verdict("... one by one, with what a busy machine adds (not judged)",
                f"{errors_one_by_one(judged)}", holds=True),
        Verdict("... charged for a unit of known cost, by model, beside the others",
                _by_model(judged), holds=True),
        Verdict("times a joule is counted when all time in flight is charged",
                f"{counted:.1f}", counted > 1),
    ]  # fmt: skip


def _by_model(judged: Charged) -> str:
    ratio = judged.charged / judged.known
    each = [float(np.median(ratio[judged.model == model])) for model in range(len(UNITS))]
    middle = statistics.fmean(each)
    return ", ".join(f"{name} {one / middle:.3f}" for name, one in zip(UNITS, each, strict=True))


def closing(client: Lichen, watch: WindowWatch, run: Run) -> list[Verdict]:
    """The books against the receipts, and the windows against their laws."""
    wanted = of_receipts(run.before, *run.tries)
    for job in run.jobs:
        if job.receipt is not None and job.receipt.carbon is not None:
            wanted[0][job.tenant, job.id] += job.receipt.energy.nj
            wanted[1][job.tenant, job.id] += job.receipt.carbon.ng
    booked = _once_booked(client, wanted)
    accounts = client.ledger().accounts
    held = {one.account: one for one in accounts}
    still = held[IN_PROGRESS].nj if IN_PROGRESS in held else 0
    unlike = [
        f"{'/'.join(account)}: {sums[account]} on receipts, {kept[account]} charged"
        for sums, kept in zip(wanted, booked, strict=True)
        for account in sums
        if sums[account] != kept[account]
    ]
    worst_nj, whose = watch.worst_overhead()
    findings = client.verify_ledger().findings
    nj, ng = sum(one.nj for one in accounts), sum(one.ng or 0 for one in accounts)
    share, worst_share = variance_share(accounts), watch.worst_variance()
    return [
        Verdict("the ledger sums to zero", f"{nj} nJ, {ng} ng", nj == ng == 0),
        Verdict("its chain is sound", "; ".join(findings) or "no finding", not findings),
        Verdict(
            "receipts are what each account was charged",
            "; ".join(unlike[:3]) or f"{len(wanted[0])} accounts equal",
            not unlike,
        ),
        Verdict(
            "no overhead is negative in any window",
            f"least {worst_nj} nJ ({whose}) in {len(watch.windows)} windows",
            worst_nj >= 0,
        ),
        Verdict("rate-variance of the dynamic energy", f"{share:.4%}", share <= MOST_VARIANCE),
        Verdict("... in the worst window", f"{worst_share:.4%}", worst_share <= MOST_VARIANCE),
        Verdict("nothing stays in progress", f"{still} nJ", still == 0),
    ]


def _once_booked(
    client: Lichen, wanted: tuple[Mapping[tuple[str, str], int], ...]
) -> tuple[Mapping[tuple[str, str], int], ...]:
    """What was charged, once it is what the receipts say, or after a while."""
    give_up = time.monotonic() + BOOKED_SECONDS
    while True:
        booked = of_ledger(client)
        equal = all(
            kept.get(account) == nj
            for sums, kept in zip(wanted, booked, strict=True)
            for account, nj in sums.items()
        )
        quiet = all(one.nj == 0 for one in client.ledger().accounts if one.account == IN_PROGRESS)
        if (equal and quiet) or time.monotonic() > give_up:
            return booked
        time.sleep(0.5)


def measured(folder: Path, options: argparse.Namespace, run: Run) -> list[Verdict]:
    """The whole run on a platform of its own; the lines of the table."""
    home = folder / "home"
    platform = Platform(home, folder / "runtime")
    platform.up()
    watch = WindowWatch(home / "ledger.db")
    found: list[Verdict] = []
    try:
        with connect(home=home) as client:
            served(client, folder)
            requests = wired(client, keys_of(home))
            address = httpx.URL(client.platform().addresses.http)
            where = address.host, address.port or 80
            watch.start()
            until_known(where, requests, run.before)
            with burning():
                run.nj_per_row = known_costs(where, requests, run.before)
                for _ in range(options.tries):
                    found = loaded(client, where, requests, options.seconds, run)
                    if all(one.holds for one in found):
                        break
            found += closing(client, watch, run)
            watch.stop()
    finally:
        code = platform.down()
    found.append(Verdict("`lichen up` ends", f"with {code}", code == 0))
    return [*found, *(Verdict(one, "", holds=False) for one in run.wrong)]


def main() -> int:
    """Run it; 0 when all holds."""
    told = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    told.add_argument("--seconds", type=float, default=600.0, help="how long it is loaded")
    told.add_argument("--tries", type=int, default=1, help="loads until one is right: noise adds")
    options = told.parse_args()
    run = Run()
    with tempfile.TemporaryDirectory(prefix="lichen-closing-") as scratch:
        verdicts = measured(Path(scratch), options, run)
    count = sum(len(one) for one in run.tries)
    rate = count / options.seconds / len(run.tries)
    print(f"loaded {options.seconds:g} s, {count} answers, {rate:.0f} a second, "
          f"{len(run.jobs)} jobs trained beside them, {os.cpu_count()} cores")  # fmt: skip
    for one in verdicts:
        print(one.line())
    holds = all(one.holds for one in verdicts)
    print("all holds" if holds else f"{sum(not one.holds for one in verdicts)} do not hold")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
