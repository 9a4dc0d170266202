"""Ask a deployment for predictions: lists in, lists and a receipt out. No NumPy needed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol, TypeVar, runtime_checkable
from urllib.parse import quote

import httpx
import msgspec

from lichen.client.transport import Transport
from lichen.core.clock import rfc3339
from lichen.core.errors import InvalidInput, WorkFailed
from lichen.core.figures import Receipt
from lichen.core.tensors import Datatype
from lichen.protocol.footprint import RECEIPT_HEADER, parse_receipt
from lichen.protocol.oip import InferResponse, ModelMetadata

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode


@runtime_checkable
class ArrayLike(Protocol):
    """NumPy arrays, pandas series and their like."""

    def tolist(self) -> Any:  # noqa: ANN401 - nested lists of any depth
        """Nested lists of plain numbers."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What a deployment answered.

    Attributes:
        outputs: nested lists by output name.
        receipt: what the answer cost; None when the platform could not meter it.
        model_name, model_version: what answered.
    """

    outputs: Mapping[str, list[Any]]
    receipt: Receipt | None
    model_name: str
    model_version: str | None


class Inference:
    """Predictions by the deployments of one data plane."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._datatypes: dict[str, dict[str, Datatype]] = {}

    def predict(self, deployment: str, inputs: Mapping[str, object]) -> Answer:
        """A prediction.

        Args:
            deployment: its name, or `NAME@V`.
            inputs: nested lists, or anything with `.tolist()`, by input name; times may be
                `datetime`, and one text or time stands for a list of one.

        Raises:
            NotFound: there is no such deployment.
            InvalidInput: the inputs do not fit it.
            Unavailable: nobody answers, or not in time.
        """
        known = self._datatypes.get(deployment)
        if known is None:
            return self._ask(deployment, inputs, self._learn(deployment))
        try:
            return self._ask(deployment, inputs, known)
        except InvalidInput:
            if self._learn(deployment) == known:
                raise
        return self._ask(deployment, inputs, self._datatypes[deployment])  # it was redeployed

    def infer(self, deployment: str, request: bytes) -> Answer:
        """The answer to an Open Inference Protocol request that is written already."""
        path = f"{_path(deployment)}/infer"
        return _read(self._transport.send("POST", path, request))

    def metadata(self, deployment: str) -> ModelMetadata:
        """What the deployment takes and gives."""
        answer = self._transport.send("GET", _path(deployment))
        return _decoded(answer, ModelMetadata)

    def close(self) -> None:
        """Give the connections back."""
        self._transport.close()

    def _ask(
        self, deployment: str, inputs: Mapping[str, object], datatypes: Mapping[str, Datatype]
    ) -> Answer:
        tensors = [
            _tensor(name, values, datatypes.get(name, Datatype.FP32))
            for name, values in inputs.items()
        ]
        return self.infer(deployment, _encode({"inputs": tensors}))

    def _learn(self, deployment: str) -> dict[str, Datatype]:
        described = self.metadata(deployment).inputs
        known = self._datatypes[deployment] = {one.name: one.datatype for one in described}
        return known


def _path(deployment: str) -> str:
    return f"/v2/models/{quote(deployment, safe='@')}"


def _tensor(name: str, values: object, datatype: Datatype) -> dict[str, object]:
    if isinstance(values, str | bytes | date):
        values = [values]
    data = values.tolist() if isinstance(values, ArrayLike) else values
    if datatype is Datatype.BYTES:
        data = _texts(data)
    return {"name": name, "datatype": datatype, "shape": _shape(name, data), "data": data}


def _texts(values: Any) -> Any:  # noqa: ANN401 - nested lists of any depth
    if isinstance(values, datetime):
        if values.tzinfo is None:
            raise InvalidInput(f"time {values.isoformat()} has no time zone: add tzinfo, e.g. UTC")
        return rfc3339(values)
    if isinstance(values, bytes):
        return values.decode()
    if isinstance(values, Sequence) and not isinstance(values, str):
        return [_texts(value) for value in values]
    return values


def _shape(name: str, values: object) -> list[int]:
    shape: list[int] = []
    while isinstance(values, Sequence) and not isinstance(values, str | bytes):
        shape.append(len(values))
        if not values:
            break
        values = values[0]
    if not shape:
        raise InvalidInput(f"input {name!r} is {type(values).__name__}: give a list of rows")
    return shape


def _read(answer: httpx.Response) -> Answer:
    said = _decoded(answer, InferResponse)
    receipt = answer.headers.get(RECEIPT_HEADER)
    return Answer(
        {output.name: _nested(output.data, output.shape) for output in said.outputs},
        parse_receipt(receipt) if receipt else None,
        said.model_name,
        said.model_version,
    )


def _decoded(answer: httpx.Response, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except msgspec.MsgspecError as error:
        raise WorkFailed(
            f"{answer.url} does not answer in the Open Inference Protocol ({error}): check the "
            "address"
        ) from error


def _nested(data: list[Any], shape: Sequence[int]) -> list[Any]:
    """Row-major values as nested lists."""
    for length in reversed(shape[1:]):
        data = [data[start : start + length] for start in range(0, len(data), length)]
    return data
