"""What of an ONNX model can be looked at before it is loaded: operators, versions, other files."""

from collections.abc import Iterator
from typing import Any

from lichen.core.errors import InvalidInput, Unavailable

_KNOWN_DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft"}
_STANDARD = {"", "ai.onnx", "ai.onnx.ml"}
_LONGEST_REASON = 300


def check_graph(content: bytes) -> None:
    """Look a model's graph through.

    Raises:
        InvalidInput: it is none, is not sound, or holds what cannot be loaded safely.
        Unavailable: onnx is not installed.
    """
    onnx = _onnx()
    model = _whole(onnx, content)
    _check_versions(onnx, model)
    _check_operators(onnx, model)
    for one in (*model.graph.input, *model.graph.output):
        if _lacks_shape(one):  # which the rules ask for, and ONNX Runtime does not
            one.type.tensor_type.shape.SetInParent()
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        said = " ".join(str(error).split())[:_LONGEST_REASON]
        raise InvalidInput(
            f"the model breaks the ONNX rules ({said}): export it again as ONNX"
        ) from error


def check_whole(content: bytes) -> None:
    """Is it a model that takes no weights from other files?

    Raises:
        InvalidInput: it is not.
        Unavailable: onnx is not installed.
    """
    _whole(_onnx(), content)


def _whole(onnx: Any, content: bytes) -> Any:  # noqa: ANN401 - onnx's own types
    model = read_model(content)
    for tensor in parts_of(model, onnx.TensorProto):
        if onnx.external_data_helper.uses_external_data(tensor):
            raise InvalidInput(
                f"weight {tensor.name!r} stands in another file: give the folder that has it, or "
                "save the model as one file (onnx.save with save_as_external_data=False)"
            )
    return model


def unshaped_inputs(content: bytes) -> tuple[str, ...]:
    """The inputs of which a graph does not say how many dimensions they have."""
    return tuple(one.name for one in read_model(content).graph.input if _lacks_shape(one))


def _lacks_shape(value: Any) -> bool:  # noqa: ANN401 - onnx's own type
    kind = value.type
    return bool(kind.HasField("tensor_type")) and not kind.tensor_type.HasField("shape")


def read_model(content: bytes) -> Any:  # noqa: ANN401 - onnx's own type
    """The model in some bytes.

    Raises:
        InvalidInput: there is none.
        Unavailable: onnx is not installed.
    """
    onnx = _onnx()
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        model = onnx.load_model_from_string(content)
    except DecodeError as error:
        raise InvalidInput("the file is no ONNX model: export it again as ONNX") from error
    _check_texts(model)
    return model


def opset_of(content: bytes) -> int | None:
    """The version of the domain ai.onnx that a model uses."""
    used = read_model(content).opset_import
    return next((int(one.version) for one in used if one.domain in ("", "ai.onnx")), None)


def parts_of(message: Any, kind: type) -> Iterator[Any]:  # noqa: ANN401 - onnx's own type
    """Every tensor, node, ... of a model, in constants, subgraphs and functions too.

    ONNX Runtime reads a file that any tensor names, and the platform's files are there to read.
    """
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for one in [value] if hasattr(value, "ListFields") else value:
            if isinstance(one, kind):
                yield one
            yield from parts_of(one, kind)


def _check_texts(message: Any) -> None:  # noqa: ANN401 - onnx's own type
    """Names that are no UTF-8 come as bytes, which nothing after this expects."""
    for field, value in message.ListFields():
        many = [value] if isinstance(value, str | bytes) or hasattr(value, "ListFields") else value
        if field.type == field.TYPE_STRING and any(isinstance(one, bytes) for one in many):
            raise InvalidInput(
                f"the model holds a {field.name} that is no text: export it again as ONNX"
            )
        if field.message_type is not None:
            for one in many:
                _check_texts(one)


def _onnx() -> Any:  # noqa: ANN401 - the module
    try:
        import onnx
    except ImportError as missing:
        raise Unavailable("checking a model needs onnx: install lichen[all]") from missing
    return onnx


def _check_versions(onnx: Any, model: Any) -> None:  # noqa: ANN401
    newest = onnx.IR_VERSION
    if model.ir_version > newest:
        raise InvalidInput(
            f"the model is of ONNX's IR version {model.ir_version}, and {newest} is the newest "
            f"known here: export it with an older onnx, or set its ir_version to {newest}"
        )
    for used in model.opset_import:
        if used.domain in ("", "ai.onnx") and used.version > onnx.defs.onnx_opset_version():
            raise InvalidInput(
                f"the model is of ONNX opset {used.version}, and "
                f"{onnx.defs.onnx_opset_version()} is the newest known here: export it again with "
                "opset_version=18"
            )


def _check_operators(onnx: Any, model: Any) -> None:  # noqa: ANN401
    """Every operator must be one of ONNX, of ONNX Runtime, or a function within the model."""
    local = {(one.domain, one.name) for one in model.functions}
    versions = {one.domain or "ai.onnx": one.version for one in model.opset_import}
    for node in parts_of(model, onnx.NodeProto):
        domain, operator = node.domain, node.op_type
        if (domain, operator) in local:
            continue
        if domain not in _KNOWN_DOMAINS:
            raise InvalidInput(
                f"the model uses the operator {operator} of the domain {domain!r}, which is code "
                "of its own and cannot be loaded safely: export it with standard ONNX operators"
            )
        if domain in _STANDARD and not _is_known(onnx, operator, domain, versions):
            raise InvalidInput(
                f"the model uses the operator {operator} of {domain or 'ai.onnx'}, which ONNX does "
                "not have in the opset that the model states: export it again"
            )


def _is_known(onnx: Any, operator: str, domain: str, versions: dict[str, int]) -> bool:  # noqa: ANN401
    defined = "" if domain == "ai.onnx" else domain
    version = versions.get(domain or "ai.onnx")
    if version is None:
        return False
    return bool(onnx.defs.has(operator, int(version), defined))
