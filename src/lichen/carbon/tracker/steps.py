"""Coroutines and generators, charged step by step: by the thread that runs each step (A1).

A coroutine waits most of its time, while others run: by its time on the wall, a hundred at once
would each be charged for all. Its steps are its own.
"""

from collections.abc import AsyncGenerator, Callable, Generator
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction
from time import thread_time_ns
from typing import Any, Self

from lichen.carbon.tracker.span import Span, Terms


class StepMeter:
    """Charges the steps of one call; `take` gets its span when there are no more."""

    __slots__ = ("_cost_ns", "_span", "_take")

    def __init__(self, terms: Terms, take: Callable[[Span], None]) -> None:
        self._span = terms.begin()
        self._cost_ns = self._span.session.thread_clock_cost_ns
        self._take = take

    def charge_since(self, mark_ns: int) -> None:
        """A step of the calling thread began at `mark_ns` of its clock and ends now."""
        spent_ns = thread_time_ns() - mark_ns - self._cost_ns
        if spent_ns > 0:
            self._span.tally.add(spent_ns)

    @property
    def ended(self) -> bool:
        """Whether there are no more steps."""
        return self._span.ended

    def end(self) -> None:
        """There are no more steps."""
        if not self._span.ended:
            self._span.end()
            self._take(self._span)


class Steps(Generator[Any, Any, Any]):
    """A coroutine, or a generator, whose every step is charged; else it does as the one inside."""

    __slots__ = ("_inner", "_meter")

    def __init__(self, inner: Any, meter: StepMeter) -> None:  # noqa: ANN401 - either kind
        self._inner = inner
        self._meter = meter

    def __await__(self) -> Self:
        return self

    def send(self, value: object) -> object:
        """Run to its next `yield` or `await`."""
        return self._step(self._inner.send, value)

    def throw(self, *error: Any) -> object:  # noqa: ANN401 - the three forms that generators take
        """Run on from an error raised where it waits."""
        return self._step(self._inner.throw, *error)

    def close(self) -> None:
        """End it where it waits."""
        if not self._meter.ended:
            self._step(self._inner.close)
            self._meter.end()

    def _step(self, run: Callable[..., object], *what: object) -> object:
        mark_ns = thread_time_ns()
        try:
            answer = run(*what)
        except BaseException as outcome:
            self._meter.charge_since(mark_ns)
            if self._is_last(outcome):
                self._meter.end()
            raise
        self._meter.charge_since(mark_ns)
        return answer

    def _is_last(self, outcome: BaseException) -> bool:  # noqa: ARG002 - others look at it
        """Whether nothing comes after a step that ended so."""
        return True


class _Item(Steps):
    """The way to the next item of an asynchronous generator; `StopIteration` brings the item."""

    __slots__ = ()

    def _is_last(self, outcome: BaseException) -> bool:
        return not isinstance(outcome, StopIteration)

    def close(self) -> None:
        """Give up waiting for the item."""
        self._inner.close()


def stepwise(
    function: Callable[..., Any], meter: Callable[[], StepMeter]
) -> Callable[..., Any] | None:
    """The coroutine or generator function, each call of it charged by a meter of its own.

    It stays a function of its kind, for those that look. None for any other function.
    """
    if iscoroutinefunction(function):
        return _coroutine(function, meter)
    if isgeneratorfunction(function):
        return _generator(function, meter)
    if isasyncgenfunction(function):
        return _async_generator(function, meter)
    return None


def _coroutine(function: Callable[..., Any], meter: Callable[[], StepMeter]) -> Callable[..., Any]:
    @wraps(function)
    async def wrapped(*args: object, **kwargs: object) -> object:
        return await Steps(function(*args, **kwargs), meter())

    return wrapped


def _generator(function: Callable[..., Any], meter: Callable[[], StepMeter]) -> Callable[..., Any]:
    @wraps(function)
    def wrapped(*args: object, **kwargs: object) -> Generator[Any, Any, Any]:
        return (yield from Steps(function(*args, **kwargs), meter()))

    return wrapped


def _async_generator(
    function: Callable[..., Any], meter: Callable[[], StepMeter]
) -> Callable[..., Any]:
    """What `yield from` would do, which has no asynchronous form (PEP 380, PEP 525)."""

    @wraps(function)
    async def wrapped(*args: object, **kwargs: object) -> AsyncGenerator[Any, Any]:
        inner, of_call = function(*args, **kwargs), meter()
        step = inner.__anext__()
        while True:
            try:
                item = await _Item(step, of_call)
            except StopAsyncIteration:
                return
            try:
                sent = yield item
            except GeneratorExit:
                await Steps(inner.aclose(), of_call)
                raise
            except BaseException as error:  # noqa: BLE001 - the one inside may know what to do
                step = inner.athrow(error)
            else:
                step = inner.asend(sent)

    return wrapped
