"""Ask a deployment for predictions: lists or arrays in, lists and a receipt out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from struct import error as StructError  # noqa: N812 - the only name it has is lower case
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from lichen.client.explanations import AS_USUAL as EXPLAINED_AS_USUAL
from lichen.client.explanations import Explained, explain
from lichen.client.raw_rows import Row, tensors_of
from lichen.client.tensors import Body, array_of, request_body, sizes, values_of
from lichen.client.transport import Transport
from lichen.core.errors import InvalidInput, WorkFailed
from lichen.core.figures import Receipt
from lichen.protocol.explaining import ExplainOptions
from lichen.protocol.footprint import RECEIPT_HEADER, parse_receipt
from lichen.protocol.oip import InferResponse, ModelMetadata, TensorMetadata

T = TypeVar("T")
_HEADER_LENGTH = "Inference-Header-Content-Length"
_MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Wish:
    """How a prediction is wanted.

    Attributes:
        timeout_seconds: give up after so long; work that has not begun by then is dropped.
        priority: from 1, first, to 9, last, among the caller's own requests.
        outputs: names of those to answer; none for all.
        parameters: others of the request, as the protocol has them.
    """

    timeout_seconds: float | None = None
    priority: int | None = None
    outputs: Sequence[str] = ()
    parameters: Mapping[str, str | int | float | bool] = field(default_factory=dict)

    def told(self) -> dict[str, object]:
        """The parameters of the request."""
        told: dict[str, object] = dict(self.parameters)
        if self.timeout_seconds is not None:
            told["timeout"] = max(1, round(self.timeout_seconds * _MICROSECONDS))
        if self.priority is not None:
            told["priority"] = self.priority
        return told


AS_USUAL = Wish()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a deployment answered.

    Attributes:
        outputs: nested lists by output name.
        receipt: what the answer cost; None when the platform could not meter it.
        model_name, model_version: what answered.
        arrays: the outputs that came as bytes, by name: `numpy.asarray(answer.arrays["y"])` copies
            nothing. They come so when an input was an array; FP16 and texts are lists alone.
    """

    outputs: Mapping[str, list[Any]]
    receipt: Receipt | None
    model_name: str
    model_version: str | None
    arrays: Mapping[str, memoryview] = field(default_factory=dict)


class Inference:
    """Predictions by the deployments of one data plane."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._inputs: dict[str, dict[str, TensorMetadata]] = {}

    def predict(
        self,
        deployment: str,
        inputs: Mapping[str, object] | Sequence[Row],
        wish: Wish = AS_USUAL,
    ) -> Answer:
        """A prediction.

        Args:
            deployment: its name, or `NAME@V`.
            inputs: by input name, nested lists, or arrays (NumPy's, `array.array`, memoryviews),
                which go as bytes, or the bytes themselves, little-endian; times may be `datetime`,
                and one text or time stands for a list of one. Or a list of raw rows, each a
                mapping of columns, where the model was trained on such.
            wish: how it is wanted.

        Raises:
            NotFound: there is no such deployment.
            InvalidInput: the inputs do not fit it.
            DeadlinePassed: there was no answer within the wish's timeout.
            Unavailable: nobody answers, or not in time.
        """
        known = self._inputs.get(deployment)
        if known is None:
            return self._ask(deployment, inputs, self._learn(deployment), wish)
        try:
            return self._ask(deployment, inputs, known, wish)
        except InvalidInput:
            if self._learn(deployment) == known:
                raise
        return self._ask(deployment, inputs, self._inputs[deployment], wish)  # it was redeployed

    def infer(self, deployment: str, request: bytes) -> Answer:
        """The answer to an Open Inference Protocol request that is written already."""
        return self._send(deployment, Body(request, None), AS_USUAL)

    def metadata(self, deployment: str) -> ModelMetadata:
        """What the deployment takes and gives."""
        answer = self._transport.send("GET", _path(deployment))
        return _decoded(answer, ModelMetadata)

    def explain(
        self,
        deployment: str,
        rows: object,
        options: ExplainOptions = EXPLAINED_AS_USUAL,
        background: object = None,
    ) -> Explained:
        """Why it answers these rows as it does; see `Lichen.explain`."""
        return explain(self._transport, deployment, rows, options, background)

    def close(self) -> None:
        """Give the connections back."""
        self._transport.close()

    def _ask(
        self,
        deployment: str,
        inputs: Mapping[str, object] | Sequence[Row],
        known: Mapping[str, TensorMetadata],
        wish: Wish,
    ) -> Answer:
        named = inputs if isinstance(inputs, Mapping) else tensors_of(known, inputs)
        body = request_body(named, known, wish.outputs, wish.told())
        return self._send(deployment, body, wish)

    def _send(self, deployment: str, body: Body, wish: Wish) -> Answer:
        headers = {"content-type": "application/json"}
        if body.header_length is not None:
            headers = {
                "content-type": "application/octet-stream",
                _HEADER_LENGTH: str(body.header_length),
            }
        path = f"{_path(deployment)}/infer"
        return _read(
            self._transport.send("POST", path, body.content, headers, wish.timeout_seconds)
        )

    def _learn(self, deployment: str) -> dict[str, TensorMetadata]:
        described = self.metadata(deployment).inputs
        known = self._inputs[deployment] = {one.name: one for one in described}
        return known


def _path(deployment: str) -> str:
    return f"/v2/models/{quote(deployment, safe='@')}"


def _read(answer: httpx.Response) -> Answer:
    length = answer.headers.get(_HEADER_LENGTH, "")
    end = int(length) if length.isdigit() else len(answer.content)
    said = _decoded(answer, InferResponse, end)
    outputs, arrays = {}, {}
    for output, size in zip(said.outputs, sizes(said.outputs), strict=True):
        content = answer.content[end : end + size]
        end += size
        if len(content) != size:
            raise WorkFailed(f"output {output.name!r} of the answer is cut off: ask again")
        try:
            outputs[output.name] = _nested(values_of(output, content), output.shape)
            array = array_of(output, content)
        except (ValueError, TypeError, StructError) as error:
            raise WorkFailed(
                f"output {output.name!r} of the answer is no such tensor: {error}"
            ) from error
        if array is not None:
            arrays[output.name] = array
    receipt = answer.headers.get(RECEIPT_HEADER)
    paid = parse_receipt(receipt) if receipt else None
    return Answer(outputs, paid, said.model_name, said.model_version, arrays)


def _decoded(answer: httpx.Response, kind: type[T], end: int | None = None) -> T:
    try:
        return msgspec.json.decode(answer.content[:end], type=kind)
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
