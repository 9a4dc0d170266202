"""OpenVINO's own models, `model.xml` and `model.bin`, served by OpenVINO itself."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput, WorkFailed
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.frameworks.ir_description import check_weights, read_description
from lichen.frameworks.openvino import FAILURES, ONE_THREAD, core
from lichen.frameworks.trial import found_lengths, is_row_by_row, made_up

IR_FILE, WEIGHTS_FILE = "model.xml", "model.bin"
IR_FILES = (IR_FILE, WEIGHTS_FILE)
_SETTINGS = {**ONE_THREAD, "INFERENCE_PRECISION_HINT": "f32"}
_LONGEST_REASON = 200
_DATATYPES = {
    "boolean": Datatype.BOOL,
    "u8": Datatype.UINT8,
    "u16": Datatype.UINT16,
    "u32": Datatype.UINT32,
    "u64": Datatype.UINT64,
    "i8": Datatype.INT8,
    "i16": Datatype.INT16,
    "i32": Datatype.INT32,
    "i64": Datatype.INT64,
    "f16": Datatype.FP16,
    "f32": Datatype.FP32,
    "f64": Datatype.FP64,
}


class IrPredictor:
    """A model of OpenVINO in memory; it computes in the thread that calls (A1)."""

    def __init__(self, xml: bytes, weights: bytes, signature: Signature | None = None) -> None:
        """Read and compile the model; a signature given with it says which dimensions are open.

        Raises:
            InvalidInput: OpenVINO does not take it, or takes other tensors than the signature says.
            Unavailable: OpenVINO is not installed.
        """
        runtime = core()
        try:
            model = runtime.read_model(xml, weights)
            if signature is not None:
                _check_names(_signature_of(model), signature)
                model.reshape({at: list(one.shape) for at, one in enumerate(signature.inputs)})
            self._signature = signature or _signature_of(model)
            compiled = runtime.compile_model(model, "CPU", _SETTINGS)
            self._request = compiled.create_infer_request()
        except FAILURES as error:
            raise InvalidInput(f"OpenVINO does not take the model: {_reason(error)}") from error
        self._inputs = [spec.name for spec in self._signature.inputs]
        self._outputs = [spec.name for spec in self._signature.outputs]
        self._lengths = found_lengths(self._signature.inputs, self.predict)
        specs = (*self._signature.inputs, *self._signature.outputs)
        has_rows = all(spec.shape[:1] == (-1,) for spec in specs)
        self._joins_rows = has_rows and is_row_by_row(self)

    @property
    def signature(self) -> Signature:
        """What it takes and gives."""
        return self._signature

    @property
    def joins_rows(self) -> bool:
        """Whether rows that run together get what they get alone: tried out when loaded."""
        return self._joins_rows

    def predict(self, batch: Batch) -> Batch:
        """The outputs for a batch.

        Raises:
            WorkFailed: OpenVINO could not compute them.
        """
        if self._request is None:
            raise WorkFailed("the model was unloaded: load it again")
        try:
            feed = {at: batch[name] for at, name in enumerate(self._inputs)}
            results = self._request.infer(feed, share_inputs=True)
            return Batch({name: results[at] for at, name in enumerate(self._outputs)})
        except (*FAILURES, KeyError) as error:
            raise WorkFailed(f"OpenVINO could not compute this: {_reason(error)}") from error

    def example(self, rows: int) -> Batch:
        """Random numbers and zero integers in the form that the model takes."""
        return made_up(self._signature.inputs, rows, self._lengths)

    def close(self) -> None:
        """Let go of the model."""
        self._request = None


class IrAdapter:
    """Makes predictors from a version whose model is `model.xml` and `model.bin`."""

    def load(self, files: Mapping[str, bytes], signature: Signature | None) -> IrPredictor:
        """The predictor of both files.

        Raises:
            InvalidInput: one is missing, or the model is not taken.
            Unavailable: OpenVINO is not installed.
        """
        missing = [name for name in IR_FILES if name not in files]
        if missing:
            raise InvalidInput(f"the version has no {missing[0]}: import it again")
        said = read_description(files[IR_FILE])  # an export of elsewhere was not looked through
        check_weights(said, len(files[WEIGHTS_FILE]), WEIGHTS_FILE)
        return IrPredictor(files[IR_FILE], files[WEIGHTS_FILE], signature)


def ir_signature(
    xml: bytes, weights: bytes, shapes: Mapping[str, tuple[int, ...]] | None = None
) -> Signature:
    """What a model says that it takes and gives, with other shapes of some inputs if asked.

    Raises:
        InvalidInput: OpenVINO does not read it.
        Unavailable: OpenVINO is not installed.
    """
    try:
        model = core().read_model(xml, weights)
        read = _signature_of(model)
        if not shapes:
            return read
        unknown = shapes.keys() - {spec.name for spec in read.inputs}
        if unknown:
            names = ", ".join(spec.name for spec in read.inputs)
            raise InvalidInput(f"the model has no input {min(unknown)!r}: it takes {names}")
        named = enumerate(read.inputs)
        model.reshape({at: list(shapes.get(one.name, one.shape)) for at, one in named})
        return _signature_of(model)
    except FAILURES as error:
        raise InvalidInput(f"OpenVINO does not read the model: {_reason(error)}") from error


def _signature_of(model: Any) -> Signature:  # noqa: ANN401 - OpenVINO's own type
    return Signature(_specs(model.inputs), _specs(model.outputs))


def _specs(ports: Sequence[Any]) -> tuple[TensorSpec, ...]:
    specs: list[TensorSpec] = []
    for at, port in enumerate(ports):
        kind = port.element_type.get_type_name()
        name = _name(port, at, {spec.name for spec in specs})
        if kind not in _DATATYPES:
            raise InvalidInput(
                f"{name!r} has the type {kind}, which cannot be served: convert the model with "
                "inputs and outputs of plain numbers"
            )
        shape = port.partial_shape
        if shape.rank.is_dynamic:
            raise InvalidInput(
                f"the model does not say how many dimensions {name!r} has: convert it with "
                f"--input {name}[-1,3,224,224], in the dimensions that it has"
            )
        lengths = tuple(one.get_length() if one.is_static else -1 for one in shape)
        specs.append(TensorSpec(name, _DATATYPES[kind], lengths))
    return tuple(specs)


def _name(port: Any, at: int, taken: set[str]) -> str:  # noqa: ANN401 - OpenVINO's own type
    """Its first name by the alphabet, or that of its layer; several may have one."""
    names = sorted(port.get_names()) or [str(port.get_node().get_friendly_name())]
    return names[0] if names[0] not in taken else f"{names[0]}_{at}"


def _check_names(read: Signature, given: Signature) -> None:
    for side in ("inputs", "outputs"):
        own = [(one.name, one.datatype) for one in getattr(read, side)]
        if own != [(one.name, one.datatype) for one in getattr(given, side)]:
            raise InvalidInput(
                f"the model's {side} are not those of its signature: import it again"
            )


def _reason(error: Exception) -> str:
    """The last thing that it said, without the places in its source."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    kept = [line for line in lines if not line.startswith(("Exception from", "Check '"))]
    return (kept or lines or ["it said nothing"])[-1][:_LONGEST_REASON]


def openvino_version() -> str:
    """Of the runtime: `2026.4.1`."""
    return version("openvino")
