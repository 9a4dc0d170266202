"""How many threads a model computes with: chosen by measurement, never by default (A1)."""

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter_ns

from lichen.core.errors import InvalidInput
from lichen.core.tensors import Signature
from lichen.energy.attribution import Stopwatch
from lichen.frameworks.base import Predictor
from lichen.frameworks.onnx import MODEL_FILE
from lichen.serving.deployment import Deployment, Threads
from lichen.serving.guests.starting import Guests

Model = tuple[Mapping[str, bytes], Signature | None]
"""A version's files, and the signature that was registered."""
ONE_THREAD: tuple[Threads | None, ...] = (None, 1)

_RUNS, _MOST_NS = 20, 1_000_000_000
_NS_PER_MS = 1e6


@dataclass(frozen=True, slots=True)
class Cost:
    """What one request of one row took: CPU time on average, and the 95th percentile of time."""

    cpu_ns: float
    wall_ns: float


def choose(measured: Mapping[int, Cost], p95_ms: float | None) -> int:
    """The number of threads to serve with; pure.

    The fewest CPU nanoseconds among those that keep what is promised; one where nothing is
    promised; the fastest where none keeps it.

    Args:
        measured: what a request costs, by number of threads.
        p95_ms: 95 % of requests are to be answered in so many milliseconds.
    """
    if p95_ms is None:
        return 1
    keeping = [one for one, cost in measured.items() if cost.wall_ns <= p95_ms * _NS_PER_MS]
    if keeping:
        return min(keeping, key=lambda one: (measured[one].cpu_ns, one))
    return min(measured, key=lambda one: (measured[one].wall_ns, one))


def candidates(most: int) -> list[int]:
    """Numbers of threads worth trying: powers of two, and all there are."""
    return sorted({*(2**power for power in range(most.bit_length())), most})


def measure(predictor: Predictor, stopwatch: Stopwatch) -> Cost:
    """Run one row some twenty times, for a second at most."""
    example = predictor.example(1)
    predictor.predict(example)
    took: list[int] = []
    mark = stopwatch.start()
    while len(took) < _RUNS and sum(took) < _MOST_NS:
        began = perf_counter_ns()
        predictor.predict(example)
        took.append(perf_counter_ns() - began)
    cpu_ns = stopwatch.spent(mark) / len(took)
    took.sort()
    return Cost(cpu_ns, float(took[math.ceil(0.95 * len(took)) - 1]))


def onnx_with_threads(
    guests: Guests, deployment: Deployment, model: Model, alone: Callable[[], Predictor]
) -> Predictor:
    """An ONNX model as its deployment asks: in a guest, unless one thread turns out to do.

    Args:
        guests: makes guests.
        deployment: what it asks for.
        model: what was registered.
        alone: loads it in this process, in the form that is cheapest with one thread.

    Raises:
        InvalidInput: it does not load, or more threads are asked for than this machine has.
    """
    most = os.cpu_count() or 1
    asked = deployment.threads
    if not isinstance(asked, int):
        return _measured(guests, deployment, model, alone())
    if asked > most:
        raise InvalidInput(f"{asked} threads are asked for, and this machine has {most}")
    files, signature = model
    return guests.threaded(deployment.name, files[MODEL_FILE], signature, asked)


def custom_with_threads(guests: Guests, deployment: Deployment, model: Model) -> Predictor:
    """Code of its own in a guest; the libraries that it uses are told how many threads to take.

    Raises:
        Forbidden: this platform runs no foreign code.
        InvalidInput: it does not load, or its threads are to be measured.
    """
    guests.check_allowed()
    if deployment.threads == "auto":
        raise InvalidInput("code of its own takes the threads that it is given: state how many")
    return guests.custom(deployment.name, *model, deployment.threads or 1)


def _measured(guests: Guests, deployment: Deployment, model: Model, alone: Predictor) -> Predictor:
    """More threads cost more CPU time, so the search ends with the first that keep the promise."""
    p95_ms = deployment.level.p95_ms
    files, signature = model
    if p95_ms is None:
        return alone
    measured = {1: measure(alone, Stopwatch.of_thread())}
    guest = None
    for threads in candidates(os.cpu_count() or 1)[1:]:
        if measured[max(measured)].wall_ns <= p95_ms * _NS_PER_MS:
            break
        if guest is not None:
            guest.close()
        guest = guests.threaded(deployment.name, files[MODEL_FILE], signature, threads)
        measured[threads] = measure(guest, guest.stopwatch)
    chosen = choose(measured, p95_ms)
    if guest is not None and chosen == max(measured):
        alone.close()
        return guest
    if guest is not None:
        guest.close()
    if chosen == 1:
        return alone
    alone.close()
    return guests.threaded(deployment.name, files[MODEL_FILE], signature, chosen)
