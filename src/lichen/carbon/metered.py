"""Meter any block of code, with no server at all: a context manager and a decorator.

    with lichen.metered("my-notebook", zone="DE") as m:
        work()
    print(m.receipt)

The block is charged the CPU time of the whole process, all threads, at the rate of the meters (A1):
two blocks that overlap in one process both count it. Energy is what the work added; the host's idle
share is in no receipt.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from inspect import iscoroutinefunction
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, cast

from lichen.carbon.footprint import HostEmbodied
from lichen.carbon.intensity import WORLD, IntensitySource, checked_zone
from lichen.carbon.meter_session import MeterSession, session_of
from lichen.carbon.prices import Prices, Spent, prices_of, receipt_of
from lichen.core.clock import Clock, SystemClock
from lichen.core.errors import Unavailable
from lichen.core.figures import Receipt
from lichen.core.units import grams, joules
from lichen.energy.runtime import host_runtime_folder

P = ParamSpec("P")
R = TypeVar("R")


class Metered:
    """One metered block; made by `metered`. It may be entered again once it has ended."""

    def __init__(self, name: str, prices: Prices, folder: Path) -> None:
        self.name = name
        self._prices = prices
        self._folder = folder
        self._spent: list[Spent] = []
        self._ended_at: int | None = None
        self._receipt: Receipt | None = None
        self._session: MeterSession | None = None
        self._lock = Lock()

    @property
    def zone(self) -> str:
        """Whose grid feeds the machine."""
        return self._prices.zone

    def __enter__(self) -> Self:
        session = session_of(self._folder)
        self._receipt = self._ended_at = None
        self._spent = [Spent(self._prices.rate())]
        self._session = session
        self._charged_to_ns = session.cpu_ns()
        session.watch(self._each_window)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        session = self._session
        assert session is not None  # noqa: S101 - `with` entered before it leaves
        self._charge(session, session.cpu_ns())
        session.unwatch(self._each_window)
        self._session = None
        self._ended_at = int(self._prices.clock.now().timestamp())

    @property
    def receipt(self) -> Receipt:
        """What the block cost: final, and there once the block ended (A3).

        Raises:
            Unavailable: the block still runs, or never ran.
        """
        if self._ended_at is None:
            raise Unavailable(f"the receipt of {self.name!r} is issued when its block ends")
        if self._receipt is None:
            self._receipt = receipt_of(self._spent, self._ended_at)
        return self._receipt

    @property
    def joules(self) -> float:
        """The receipt's energy in joules."""
        return joules(self.receipt.energy.nj)

    @property
    def grams(self) -> float:
        """The receipt's carbon in grams of CO2e."""
        assert self.receipt.carbon is not None  # noqa: S101 - the world average always answers
        return grams(self.receipt.carbon.ng)

    def __call__(self, function: Callable[P, R]) -> Callable[P, R]:
        """Meter each call of the function; `function.metered.receipt` is that of the last call."""
        wrapper: Callable[P, R]
        if iscoroutinefunction(function):
            wrapper = cast(Callable[P, R], self._wrap_coroutine(function))
        else:

            @wraps(function)
            def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
                with self._again() as block:
                    answer = function(*args, **kwargs)
                self._take(block)
                return answer

            wrapper = wrapped
        wrapper.metered = self  # type: ignore[attr-defined] # functions take attributes
        return wrapper

    def _wrap_coroutine(self, function: Callable[P, Awaitable[Any]]) -> Callable[P, Awaitable[Any]]:
        @wraps(function)
        async def wrapped(*args: P.args, **kwargs: P.kwargs) -> object:
            with self._again() as block:
                answer = await function(*args, **kwargs)
            self._take(block)
            return answer

        return wrapped

    def _again(self) -> "Metered":
        return Metered(self.name, self._prices, self._folder)

    def _take(self, block: "Metered") -> None:
        self._receipt = block.receipt
        self._ended_at = self._receipt.at

    # -- charging -----------------------------------------------------------------------------

    def _each_window(self) -> None:
        session = self._session
        if session is not None:
            self._charge(session, session.cpu_ns())

    def _charge(self, session: MeterSession, now_ns: int) -> None:
        """Charge the CPU time since the last charge at the rate now published (A4)."""
        with self._lock:
            if now_ns > self._charged_to_ns:
                cpu_ns, self._charged_to_ns = now_ns - self._charged_to_ns, now_ns
                self._spent[-1].add(cpu_ns, session.rate().figure(cpu_ns))
            if self._prices.rate() is not self._spent[-1].rate:
                self._spent.append(Spent(self._prices.rate()))


def metered(
    name: str,
    *,
    zone: str | None = None,
    intensity: IntensitySource | None = None,
    embodied: HostEmbodied | None = None,
    runtime: Path | None = None,
    clock: Clock | None = None,
) -> Metered:
    """Meter a block of code, or as a decorator every call of a function.

    Args:
        name: what the block is called.
        zone: Electricity Maps or ISO 3166 code of the grid that feeds this machine. Without one
            the world average is taken, with its wide interval, and the receipt says so.
        intensity: who knows the intensity; yearly averages per country without.
        embodied: what making this host cost; a default server with its interval without.
        runtime: the host-wide folder of the meter lock and page, if not the default one.
        clock: where the time comes from.

    Raises:
        InvalidInput: the zone is no zone code.
        StorageFailed: on entering, when the runtime folder cannot be written.
    """
    prices = prices_of(
        WORLD if zone is None else checked_zone(zone), intensity, embodied, clock or SystemClock()
    )
    return Metered(name, prices, runtime or host_runtime_folder())
