"""Bring a deployment into service: its model loaded and warm, a queue before it."""

from asyncio import AbstractEventLoop
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from time import thread_time_ns
from typing import Protocol

from lichen.core.events import NoObserver, Observer
from lichen.energy.attribution import Stopwatch
from lichen.frameworks.base import Predictor
from lichen.serving.batcher import Batcher
from lichen.serving.charging import Metering
from lichen.serving.deployment import Deployment
from lichen.serving.guests.guest import Guest
from lichen.serving.guests.metering import GuestMetering
from lichen.serving.inquiries import inquiry_variant
from lichen.serving.replica import Replica
from lichen.serving.residency.dormant import Dormant, Unloaded
from lichen.serving.residency.memory import Memory
from lichen.serving.selector import Served, subject_of


class Loads(Protocol):
    """Makes a predictor for a deployment."""

    def load(self, deployment: Deployment) -> Predictor:
        """Load it, or raise an error of ours that says why not."""
        ...


@dataclass(frozen=True, slots=True)
class Stored:
    """The files of a version as they rest on the disk.

    `stamp` changes when a file comes, goes or is written anew; it is compared and nothing else.
    """

    size_bytes: int = 0
    stamp: tuple[object, ...] = ()


class Files(Protocol):
    """Knows the files behind a deployment, without reading them."""

    def stored(self, deployment: Deployment) -> Stored:
        """How large its files are and when they last changed; what is missing counts as none."""
        ...


class NoFiles:
    """Models that come from no files."""

    def stored(self, deployment: Deployment) -> Stored:  # noqa: ARG002 - none has any
        """Nothing."""
        return Stored()


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """Most rows of one batch, and most requests that wait for one deployment."""

    rows: int = 256
    waiting: int = 4096


@dataclass(frozen=True, slots=True)
class Workshop:
    """What it takes to bring a deployment into service.

    `patience_seconds`: a model that takes longer to load is called failed. `sizes_batches`: whether
    batches are kept as small as those who wait for answers need; otherwise `limits` alone counts.
    """

    loader: Loads
    metering: Metering
    loop: AbstractEventLoop
    limits: BatchLimits = BatchLimits()
    observer: Observer = field(default_factory=NoObserver)
    files: Files = field(default_factory=NoFiles)
    memory: Memory = field(default_factory=Memory)
    patience_seconds: float = 120.0
    sizes_batches: bool = True

    def open(self, deployment: Deployment) -> Served:
        """Load and warm a deployment.

        Raises:
            LichenError: it cannot be served; the message says why.
        """
        replica, metering = metered(self.loader.load(deployment), self.metering)
        replica.warm()
        if self.sizes_batches:
            replica.size_batches(self.limits.rows)
        batcher = Batcher(
            replica,
            metering.bill(deployment, on_card=on_card(replica.predictor)),
            metering,
            self.loop,
            (self.limits.rows, self.limits.waiting),
            (subject_of(deployment), self.observer),
        )
        apart = replace(deployment, variant=inquiry_variant(deployment.variant))
        batcher.inquiries.bill = metering.bill(apart, on_card=on_card(replica.predictor))
        return Served(deployment, replica, batcher)

    def lay_down(self, served: Served, wake: Callable[[], None]) -> Served:
        """What stands for a deployment whose model is unloaded: the first request wakes it."""
        deployment, awake = served.deployment, served.replica.predictor
        asleep = Unloaded(served.signature, joins_rows=awake.joins_rows)
        watched = (subject_of(deployment), self.observer)
        queue = Dormant(wake, self.loop, self.limits.waiting, watched)
        return Served(deployment, Replica(asleep, Stopwatch(thread_time_ns, 0)), queue)


def on_card(predictor: Predictor) -> bool:
    """Whether its batches run on an accelerator, whose energy they are charged too (A1)."""
    return getattr(predictor, "device", "cpu") != "cpu"


def metered(predictor: Predictor, metering: Metering) -> tuple[Replica, Metering]:
    """The replica of a predictor, and who charges its work: a guest has its own clock (A1)."""
    if isinstance(predictor, Guest):
        replica = Replica(predictor, predictor.stopwatch, is_apart=True)
        return replica, GuestMetering(predictor.keeper, metering)
    return Replica(predictor, Stopwatch.of_thread()), metering
