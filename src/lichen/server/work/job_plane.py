"""The data plane in a job's own process: one deployment, the same way to a prediction as any door.

The event loop has a thread of its own, so that a signal ends the job while a batch runs. Nobody
is billed by the batch: the job is charged all that its processes do (A1, A4).
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread
from time import process_time_ns
from typing import Self

from lichen.core.errors import LichenError
from lichen.core.events import Answered, Ran
from lichen.core.tensors import Signature
from lichen.frameworks.alternatives import choices_of
from lichen.frameworks.base import Predictor
from lichen.frameworks.runtimes import Choice
from lichen.registry.catalog import Catalog
from lichen.server.guests import open_guests
from lichen.server.home import Home
from lichen.server.sections import Settings
from lichen.serving.charging import HostMetering, NoMetering
from lichen.serving.deployment import Deployment
from lichen.serving.loader import Loader
from lichen.serving.plane import DataPlane
from lichen.serving.residency.workshop import BatchLimits, Workshop
from lichen.serving.selector import Selector, Served
from lichen.serving.ticket import Answer, Outcome, Query

MOST_QUERIES = 4096
"""So many may be asked at a time."""


class _CpuOfBatches:
    """Adds up what batches took of the CPU, by the clock of whichever process ran them."""

    def __init__(self) -> None:
        self.cpu_ns = 0

    def answered(self, event: Answered) -> None:
        """Passed over."""

    def ran(self, event: Ran) -> None:
        """Count it."""
        self.cpu_ns += event.cpu_ns


@dataclass(frozen=True, slots=True)
class PlaneOfJob:
    """What the plane is built of: where models are kept, and who meters their processes."""

    settings: Settings
    catalog: Catalog
    metering: HostMetering
    most_rows: int


class JobPlane:
    """Answers queries of one deployment; for one thread, and to be closed."""

    def __init__(
        self, parts: PlaneOfJob, deployment: Deployment, chosen: Sequence[Choice] = ()
    ) -> None:
        """Load the deployment's model.

        Args:
            parts: what it is built of.
            deployment: what answers; nobody waits for its latency here.
            chosen: the forms of the model that an earlier attempt ran; empty: measured.

        Raises:
            LichenError: it cannot be served; the message says why.
        """
        self._batches = _CpuOfBatches()
        self._loop = asyncio.new_event_loop()
        self._guests = open_guests(parts.settings, parts.metering)
        loader = Loader(parts.catalog, Home(parts.settings.home).compiled, self._guests, chosen)
        workshop = Workshop(
            loader,
            NoMetering(),
            self._loop,
            BatchLimits(parts.most_rows, MOST_QUERIES),
            self._batches,
            files=loader,
            sizes_batches=False,
        )
        self._served = workshop.open(deployment)
        self._plane = _plane_of(self._served, self._batches)
        self._thread = Thread(target=self._loop.run_forever, name="plane", daemon=True)
        self._thread.start()

    @property
    def signature(self) -> Signature:
        """What the model takes and gives."""
        return self._served.signature

    @property
    def predictor(self) -> Predictor:
        """The loaded model."""
        return self._served.replica.predictor

    @property
    def chosen(self) -> tuple[Choice, ...]:
        """The forms of the model that answer, for an attempt after this one."""
        return choices_of(self.predictor)

    @property
    def cpu_ns(self) -> int:
        """CPU time of this process, and of the model's where it has one of its own."""
        apart = self._batches.cpu_ns if self._served.replica.is_apart else 0
        return process_time_ns() + apart

    def ask(self, query: Query) -> Answer:
        """The answer to one query.

        Raises:
            LichenError: what the plane refused, or the model failed at.
        """
        outcome = self.ask_all([query])[0]
        if isinstance(outcome, LichenError):
            raise outcome
        return outcome

    def ask_all(self, queries: Sequence[Query]) -> list[Outcome]:
        """What each of the queries gets, asked in one turn of the loop."""
        waiting: list[Future[Outcome]] = [Future() for _ in queries]

        def submit() -> None:
            for query, one in zip(queries, waiting, strict=True):
                try:
                    self._plane.infer(query, one.set_result)
                except LichenError as error:
                    one.set_result(error)
                except Exception as error:  # noqa: BLE001 - whoever waits must hear of it
                    one.set_exception(error)

        self._loop.call_soon_threadsafe(submit)
        return [one.result() for one in waiting]

    def close(self) -> None:
        """End the model's process, if it has one, and the loop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._served.batcher.close()
        self._served.replica.close()
        self._guests.close()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _plane_of(served: Served, observer: _CpuOfBatches) -> DataPlane:
    selector = Selector()
    selector.replace({served.deployment.name: served}, {})
    selector.end_first_look()
    return DataPlane(selector, observer)
