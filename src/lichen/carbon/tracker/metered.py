"""Meter any block of code, with no server at all: a context manager and a decorator.

    with lichen.metered("my-notebook", zone="DE") as m:
        work()
    print(m.receipt)

What is counted:

- A block, or a call of a plain function: the CPU time of the whole process, all threads, and of its
  children. Two blocks that overlap in one process both count it, and an outer block holds what its
  inner ones hold.
- With `this_thread=True`: the CPU time of the calling thread alone, so that what runs side by side
  in a pool of threads adds up.
- A call of a coroutine or generator function: the CPU time of its own steps, on whichever thread
  each runs, so that a hundred at once add up too; not that of other tasks, threads or processes
  that it starts.

Energy is what the work added, charged as it ran (A3, A4); the host's idle share is in no receipt.
"""

import os
import time
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from threading import Lock, get_ident
from types import TracebackType
from typing import ParamSpec, Self, TypedDict, TypeVar, Unpack

from lichen.carbon.footprint import HostEmbodied
from lichen.carbon.intensity import IntensitySource
from lichen.carbon.tracker.emissions_csv import EmissionsFile
from lichen.carbon.tracker.prices import prices_of
from lichen.carbon.tracker.span import Span, Terms
from lichen.carbon.tracker.steps import StepMeter, stepwise
from lichen.core.clock import Clock
from lichen.core.errors import InvalidInput, Unavailable
from lichen.core.figures import Receipt
from lichen.core.units import grams, joules
from lichen.energy.runtime import host_runtime_folder

P = ParamSpec("P")
R = TypeVar("R")


class Metered:
    """One metered block; made by `metered`. It may be entered again once it has ended."""

    def __init__(self, terms: Terms, *, this_thread: bool = False) -> None:
        self._terms = terms
        self._this_thread = this_thread
        self._runs = False
        self._clock: Callable[[], int] = time.thread_time_ns
        self._lock = Lock()
        self.span: Span | None = None
        """What was charged; None before it was entered."""

    @property
    def name(self) -> str:
        """What the block is called."""
        return self._terms.name

    @property
    def zone(self) -> str:
        """Whose grid feeds the machine."""
        return self._terms.prices.zone

    # -- the block ----------------------------------------------------------------------------

    def __enter__(self) -> Self:
        if self._runs:
            raise InvalidInput(
                f"the block {self.name!r} still runs: make another with lichen.metered(...)"
            )
        self.span = span = self._terms.begin()
        self._runs = True
        session = span.session
        if self._this_thread:
            self._clock = _clock_of_this_thread()
        else:
            self._clock = session.cpu_ns
        self._charged_card_nj = session.card_nj
        self._charged_to_ns = self._clock()
        session.watch(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        span = self.span
        assert span is not None  # noqa: S101 - `with` entered before it leaves
        session, self._runs = span.session, False
        if session.abandoned:
            return  # a fork's copy of the block: it ends in the parent, with this child in it
        cost_ns = session.thread_clock_cost_ns if self._this_thread else session.clock_cost_ns
        now_ns = self._clock() - cost_ns
        session.unwatch(self)
        with self._lock:
            if now_ns > self._charged_to_ns:
                span.tally.add(now_ns - self._charged_to_ns)
            if session.card_nj != self._charged_card_nj:
                self._charge_cards(span)
            span.end()

    def start(self) -> Self:
        """Begin, where a `with` does not fit: two cells of a notebook, say; `stop` ends it."""
        return self.__enter__()

    def stop(self) -> Receipt:
        """End what `start` began; its receipt.

        Raises:
            Unavailable: it does not run.
        """
        if not self._runs:
            raise Unavailable(f"the block {self.name!r} does not run: start it first")
        self.__exit__(None, None, None)
        return self.receipt

    # -- what it cost -------------------------------------------------------------------------

    @property
    def receipt(self) -> Receipt:
        """What the block cost: final, and there once the block ended (A3).

        Raises:
            Unavailable: the block still runs, or never ran.
        """
        if self.span is None:
            raise Unavailable(f"the receipt of {self.name!r} is issued when its block ends")
        return self.span.receipt

    @property
    def joules(self) -> float:
        """The receipt's energy in joules."""
        return joules(self.receipt.energy.nj)

    @property
    def grams(self) -> float:
        """The receipt's carbon in grams of CO2e."""
        assert self.receipt.carbon is not None  # noqa: S101 - the world average always answers
        return grams(self.receipt.carbon.ng)

    # -- functions ----------------------------------------------------------------------------

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Meter each call of the function; `function.metered.receipt` is that of the last call."""
        stepped = stepwise(function, lambda: StepMeter(self._terms, self._take))
        wrapper: Callable[P, R] = stepped or self._wrap_function(function)
        wrapper.metered = self  # type: ignore[attr-defined] # functions take attributes
        return wrapper

    def _wrap_function(self, function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
            block = Metered(self._terms, this_thread=self._this_thread)
            try:
                with block:
                    return function(*args, **kwargs)
            finally:
                self._take(block.span)

        return wrapped

    def _take(self, span: Span | None) -> None:
        """Keep the span of the call that ended last."""
        self.span = span

    # -- charging -----------------------------------------------------------------------------

    def charge_window(self) -> None:
        """Charge what was used so far, and ask again what a joule costs; once a second (A4)."""
        span = self.span
        if span is None or not self._runs:
            return
        try:
            now_ns = self._clock()
        except OSError:  # the thread that entered ended without leaving: its clock is gone
            span.session.unwatch(self)
            return
        with self._lock:
            if span.ended:
                return
            if now_ns > self._charged_to_ns:
                span.tally.add(now_ns - self._charged_to_ns)
                self._charged_to_ns = now_ns
            if span.session.card_nj != self._charged_card_nj:
                self._charge_cards(span)
            span.tally.reprice()

    def _charge_cards(self, span: Span) -> None:
        """Charge what the process used of accelerators; no thread is known to have used it."""
        card_nj = span.session.card_nj
        if not self._this_thread:
            span.tally.add_cards(card_nj - self._charged_card_nj)
        self._charged_card_nj = card_nj


def _clock_of_this_thread() -> Callable[[], int]:
    """The clock of the calling thread, which any thread may read while it lives."""
    return partial(time.clock_gettime_ns, time.pthread_getcpuclockid(get_ident()))


class MeterOptions(TypedDict, total=False):
    """What else may be said of a metered block."""

    intensity: IntensitySource
    """Who knows the intensity; yearly averages per country without."""
    embodied: HostEmbodied
    """What making this host cost; a default server with its interval without."""
    pue: float
    """The building's energy over the computers'; 1 without."""
    runtime: Path
    """The host-wide folder of the meter lock and page, if not the default one."""
    clock: Clock
    """Where the time comes from."""


def metered(
    name: str,
    *,
    zone: str | None = None,
    output: str | os.PathLike[str] | None = None,
    this_thread: bool = False,
    **options: Unpack[MeterOptions],
) -> Metered:
    """Meter a block of code, or as a decorator every call of a function.

    Args:
        name: what the block is called.
        zone: Electricity Maps or ISO 3166 code of the grid that feeds this machine. Without one
            the world average is taken, with its wide interval, and the receipt says so.
        output: a file to which each ended block adds a row with the columns of CodeCarbon's
            `emissions.csv`.
        this_thread: count the CPU time of the calling thread alone.
        options: see `MeterOptions`.

    Raises:
        InvalidInput: the zone is no zone code, or the PUE is none; on entering, when `output`
            cannot take rows.
        StorageFailed: on entering, when the runtime folder cannot be written.
        TypeError: an option that there is not; a misspelt one must not count for another grid.
    """
    unknown = sorted(set(options) - set(MeterOptions.__annotations__))
    if unknown:
        raise TypeError(f"metered() has no option {', '.join(unknown)}: see lichen.metered's help")
    prices = prices_of(
        zone,
        options.get("intensity"),
        options.get("embodied"),
        options.get("clock"),
        options.get("pue", 1.0),
    )
    file = None if output is None else EmissionsFile(Path(output))
    terms = Terms(name, prices, options.get("runtime") or host_runtime_folder(), file)
    return Metered(terms, this_thread=this_thread)
