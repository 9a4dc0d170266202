"""One call over gRPC: who makes it, and the status that an error becomes. For every method."""

import logging
from asyncio import Event, get_running_loop
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, NoReturn

import grpc  # type: ignore[import-untyped]
from grpc import aio

from lichen.api.callers import Caller, Callers
from lichen.api.limits import refusal_metadata
from lichen.api.statuses import grpc_code, sentence
from lichen.core.errors import LichenError, OverBudget
from lichen.protocol.grpc_status import DETAILS_KEY, retry_details
from lichen.security.identity import Principal

RECEIPT_KEY = "lichen-receipt"
"""The trailing metadata, or the parameter of a streamed answer, that carries a receipt."""
_STATUS: Mapping[int, grpc.StatusCode] = {code.value[0]: code for code in grpc.StatusCode}
_log = logging.getLogger(__name__)

Context = Any
"""A call in the hands of `grpc.aio`, which has no types."""
Handler = Any
"""What `grpc` calls a method's handler; it has no types."""


class Call:
    """A call whose caller is known."""

    __slots__ = ("_callers", "authorization", "context", "principal")

    def __init__(self, callers: Callers, context: Context) -> None:
        """Find out who calls.

        Raises:
            Unauthenticated: nobody we know.
        """
        self._callers = callers
        self.context = context
        self.authorization = _authorization(context)
        self.principal: Principal = callers.identify(self.authorization, _now())

    def check_again(self) -> None:
        """Is the key still one? For calls that last.

        Raises:
            Unauthenticated: it is not.
        """
        self.principal = self._callers.identify(self.authorization, _now())

    def admitted(self, name: str, version: str | None) -> Caller:
        """Who pays for a prediction.

        Raises:
            Unauthenticated, Forbidden, NotFound, Unavailable: see `Door.caller`.
        """
        return self._callers.admit_named(name, version, self.authorization, _now())

    def microseconds_left(self) -> int | None:
        """Until the caller's deadline; None where it set none."""
        seconds = self.context.time_remaining()
        return None if seconds is None else max(1, int(seconds * 1e6))


class Traffic:
    """How many requests are being answered now."""

    __slots__ = ("_idle", "_number")

    def __init__(self) -> None:
        self._number = 0
        self._idle = Event()
        self._idle.set()

    def begin(self) -> None:
        """One more is."""
        self._number += 1
        self._idle.clear()

    def end(self) -> None:
        """One is answered, or its caller is gone."""
        self._number -= 1
        if not self._number:
            self._idle.set()

    async def until_none(self) -> None:
        """Wait until none is."""
        await self._idle.wait()


class Reception(NamedTuple):
    """Who was let in, and what is being answered."""

    callers: Callers
    traffic: Traffic


Unary = Callable[[bytes, Call], Awaitable[bytes]]
Stream = Callable[[Call], Awaitable[None]]


def unary(reception: Reception, act: Unary) -> Handler:
    """The handler of a method with one request and one answer, for callers with a key."""
    callers, traffic = reception

    async def handle(body: bytes, context: Context) -> bytes:
        traffic.begin()
        try:
            return await act(body, Call(callers, context))
        except aio.AbortError:
            raise
        except Exception as error:  # noqa: BLE001 - the call is answered whatever happens
            await refuse(context, error)
        finally:
            traffic.end()

    return grpc.unary_unary_rpc_method_handler(handle)


def streaming(reception: Reception, act: Stream) -> Handler:
    """The handler of a method with streams both ways, for callers with a key; it counts itself."""

    async def handle(_: object, context: Context) -> None:
        try:
            await act(Call(reception.callers, context))
        except aio.AbortError:
            raise
        except Exception as error:  # noqa: BLE001 - the call is answered whatever happens
            await refuse(context, error)

    return grpc.stream_stream_rpc_method_handler(handle)


async def refuse(context: Context, error: Exception) -> NoReturn:
    """End a call with the status of an error.

    Raises:
        AbortError: always; `grpc` wants to see it.
    """
    if not isinstance(error, LichenError):
        _log.error("a call failed unexpectedly", exc_info=error)
    code, says = grpc_code(error), sentence(error)
    await context.abort(_STATUS[code], says, _told(error, code, says))
    raise error


def _told(error: Exception, code: int, says: str) -> tuple[tuple[str, str | bytes], ...]:
    """Trailing metadata of a refusal: when to come back, and how its budgets stand."""
    if not isinstance(error, OverBudget):
        return ()
    told: tuple[tuple[str, str | bytes], ...] = refusal_metadata(error)
    if error.retry_after_s is not None:
        told = (*told, (DETAILS_KEY, retry_details(code, says, error.retry_after_s)))
    return told


def _authorization(context: Context) -> str | None:
    for key, value in context.invocation_metadata():
        if key == "authorization":
            return str(value)
    return None


def _now() -> float:
    return get_running_loop().time()
