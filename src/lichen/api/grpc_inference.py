"""Inferences over gRPC: one call, or a stream of requests that is answered in order."""

import asyncio
import logging
from collections.abc import Mapping

import msgspec
from grpc import aio  # type: ignore[import-untyped]

from lichen.api.forms import with_classes
from lichen.api.grpc_calls import RECEIPT_KEY, Call, Traffic
from lichen.api.limits import limit_metadata, refusal_metadata
from lichen.api.oip_http import Door
from lichen.api.statuses import sentence
from lichen.core.errors import LichenError
from lichen.protocol.classification import Ranking
from lichen.protocol.codec import Decoded
from lichen.protocol.demands import Demands
from lichen.protocol.grpc_codec import decode_infer, encode_infer, names_of, read_message
from lichen.protocol.grpc_messages import InferRequest, InferResponse, Message, StreamResponse
from lichen.serving.ticket import Answer, Outcome, Query, Ticket

IN_FLIGHT = 32
"""Most requests of one stream that wait for their answers; the next is read after that."""
_log = logging.getLogger(__name__)
_FINAL = "triton_final_response"
"""The parameter by which Triton's clients know that no more answers to a request follow."""


class Asked:
    """One request on its way: what it asked, and the answer that will come."""

    __slots__ = ("id", "outcome", "rankings", "ticket")

    def __init__(self, request_id: str, rankings: Mapping[str, Ranking] | None = None) -> None:
        self.id = request_id
        self.rankings = rankings
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.ticket: Ticket | None = None

    def reply(self, outcome: Outcome) -> None:
        """The answer has come."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)

    def abandon(self) -> None:
        """The caller is gone: what has not started is dropped."""
        if self.outcome.done():
            self.outcome.exception()  # seen: nobody else will ask
        elif self.ticket is not None:
            self.ticket.abandoned = True

    async def answer(self) -> Answer:
        """The answer.

        Raises:
            LichenError: there is none, and why.
        """
        try:
            outcome = await self.outcome
        except asyncio.CancelledError:
            if self.ticket is not None:
                self.ticket.abandoned = True
            raise
        if isinstance(outcome, LichenError):
            raise outcome
        return outcome


class _Ended(Exception):
    """The stream cannot be read on, and why."""

    def __init__(self, reason: Exception) -> None:
        super().__init__(reason)
        self.reason = reason


class _Line:
    """The requests of one stream that wait for their answers; at the end of it, None."""

    def __init__(self) -> None:
        self.room = asyncio.Semaphore(IN_FLIGHT)
        self.waiting: asyncio.Queue[Asked | None] = asyncio.Queue()
        self.number = 0

    def abandon(self) -> None:
        """The caller is gone."""
        while not self.waiting.empty():
            asked = self.waiting.get_nowait()
            if asked is not None:
                asked.abandon()


class Inference:
    """The two methods that predict."""

    def __init__(self, door: Door, traffic: Traffic) -> None:
        self._door = door
        self._traffic = traffic

    async def infer(self, body: bytes, call: Call) -> bytes:
        """`ModelInfer`; its receipt is trailing metadata."""
        request = read_message(body, InferRequest)
        asked = self._ask(request, call)
        answer = await asked.answer()
        metadata = limit_metadata(answer)
        if answer.charge is not None:
            metadata = ((RECEIPT_KEY, answer.charge.receipt), *metadata)
        if metadata:
            call.context.set_trailing_metadata(metadata)
        return _encoded(answer, asked)

    async def stream(self, call: Call) -> None:
        """`ModelStreamInfer`; a request that fails is answered so, and the stream goes on."""
        line = _Line()
        reading = asyncio.create_task(self._read(call, line))
        try:
            while (asked := await line.waiting.get()) is not None:
                await call.context.write((await _streamed(asked)).SerializeToString())
                line.room.release()
                line.number -= 1
                self._traffic.end()
        finally:
            reading.cancel()
            line.abandon()
            for _ in range(line.number):
                self._traffic.end()

    async def _read(self, call: Call, line: "_Line") -> None:
        try:
            while True:
                await line.room.acquire()
                body = await call.context.read()
                if body is aio.EOF:
                    break
                call.check_again()
                line.number += 1
                self._traffic.begin()
                line.waiting.put_nowait(self._begin(body, call))
        except Exception as error:  # noqa: BLE001 - whoever writes ends the stream with it
            last = Asked("")
            last.outcome.set_exception(_Ended(error))
            line.waiting.put_nowait(last)
        finally:
            line.waiting.put_nowait(None)

    def _begin(self, body: bytes, call: Call) -> Asked:
        """The same as `_ask`, with an error as the outcome."""
        request_id = ""
        try:
            request = read_message(body, InferRequest)
            request_id = request.id
            return self._ask(request, call)
        except Exception as error:  # noqa: BLE001 - one request must not end the others
            failed = Asked(request_id)
            failed.outcome.set_exception(error)
            return failed

    def _ask(self, request: Message, call: Call) -> Asked:
        plane, name, version = self._door.plane, request.model_name, request.model_version or None
        caller = call.admitted(name, version)
        try:
            decoded = decode_infer(request)
            classes = decoded.classes
            ranked = None if classes is None else self._door.rankings(name, version, classes)
        except LichenError as error:
            plane.note_refusal(name, version, caller.tenant, error)
            raise
        asked = Asked(request.id, ranked)
        demands = _demands(decoded, call)
        query = Query(
            name, decoded.tensors, version, decoded.outputs, caller.tenant, caller.caller, demands
        )
        asked.ticket = plane.infer(query, asked.reply)
        return asked


def _demands(decoded: Decoded, call: Call) -> Demands:
    """What was asked, within the time that the caller's deadline leaves."""
    left, demands = call.microseconds_left(), decoded.demands
    if left is None or (demands.timeout_us is not None and demands.timeout_us <= left):
        return demands
    return msgspec.structs.replace(demands, timeout_us=left)


def _encoded(answer: Answer, asked: Asked) -> bytes:
    if asked.rankings is not None:
        answer = with_classes(answer, asked.rankings)
    return encode_infer(names_of(answer.head), answer.outputs, asked.id)


async def _streamed(asked: Asked) -> Message:
    """What a stream says to one request."""
    try:
        answer = await asked.answer()
        said = StreamResponse(infer_response=InferResponse.FromString(_encoded(answer, asked)))
    except _Ended as ended:
        raise ended.reason from ended
    except Exception as error:  # noqa: BLE001 - one request must not end the others
        if not isinstance(error, LichenError):
            _log.error("a streamed request failed unexpectedly", exc_info=error)
        said = StreamResponse(error_message=sentence(error))
        said.infer_response.id = asked.id
        for key, value in refusal_metadata(error):
            said.infer_response.parameters[key].string_param = value
        return said
    parameters = said.infer_response.parameters
    parameters[_FINAL].bool_param = True
    if answer.charge is not None:
        parameters[RECEIPT_KEY].string_param = answer.charge.receipt
    for key, value in limit_metadata(answer):
        parameters[key].string_param = value
    return said
