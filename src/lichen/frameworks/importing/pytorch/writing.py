"""What PyTorch's exporters write, as it is kept: one file, the same bytes for the same model."""

import io
from collections.abc import Sequence
from typing import Any

from lichen.core.errors import InvalidInput, TooLarge, Unavailable
from lichen.frameworks.onnx_writer import IR_VERSION, OPSET

_LARGEST = 2**31 - 2**20
"""Bytes; what a protocol buffer cannot hold."""
_LONGEST_REASON = 200


def exported_model(
    torch: Any,  # noqa: ANN401 - torch's own types
    program: Any,  # noqa: ANN401 - torch's own types
    inputs: Sequence[str],
    outputs: Sequence[str],
) -> bytes:
    """An exported program as ONNX.

    Raises:
        InvalidInput: PyTorch's exporter does not know an operator of it.
        TooLarge: it is over 2 GB.
        Unavailable: the exporter lacks a package.
    """
    try:
        made = torch.onnx.export(
            program,
            dynamo=True,
            verbose=False,
            optimize=True,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=list(outputs),
        )
    except ImportError as missing:
        raise Unavailable(f"PyTorch's exporter lacks a package ({missing})") from missing
    except Exception as error:  # of all kinds: whatever a stranger's model leads to
        raise _refusal(torch, error) from error
    size = sum(one.const_value.nbytes for one in made.model.graph.initializers.values())
    if size > _LARGEST:
        raise TooLarge(
            f"the model's weights are {size:,} bytes, and ONNX holds 2 GB: import a smaller one"
        )
    return settled_bytes(made.model_proto)


def scripted_model(
    torch: Any,  # noqa: ANN401 - torch's own types
    module: Any,  # noqa: ANN401 - torch's own types
    arguments: Sequence[Any],
    names: tuple[Sequence[str], Sequence[str]],
    dynamic: dict[str, dict[int, str]],
) -> bytes:
    """A module of TorchScript as ONNX.

    Args:
        torch: the library.
        module: of TorchScript.
        arguments: it is traced with.
        names: of inputs and of outputs.
        dynamic: by tensor, the sides that may have any length, each with its name.

    Raises:
        InvalidInput: PyTorch's exporter does not know an operator of it.
    """
    import onnx

    file = io.BytesIO()
    try:
        torch.onnx.export(
            module,
            tuple(arguments),
            file,
            input_names=list(names[0]),
            output_names=list(names[1]),
            dynamic_axes=dynamic,
            opset_version=OPSET,
            dynamo=False,
        )
    except Exception as error:  # of all kinds: whatever a stranger's model leads to
        raise _refusal(torch, error) from error
    return settled_bytes(onnx.load_model_from_string(file.getvalue()))


def _refusal(torch: Any, error: Exception) -> InvalidInput:  # noqa: ANN401 - torch's own types
    cause = error.__cause__ or error
    said = " ".join(str(cause).split())[:_LONGEST_REASON]
    return InvalidInput(
        f"PyTorch {torch.__version__} cannot write the model as ONNX ({said}): export it as ONNX "
        "yourself, and import that"
    )


def settled_bytes(model: Any) -> bytes:  # noqa: ANN401 - onnx's own types
    """The model without where it was made: notes, traces of stacks, names of scopes."""
    model.ir_version = min(model.ir_version, IR_VERSION)
    model.producer_version = ""
    _forget(model)
    del model.graph.value_info[:]
    return bytes(model.SerializeToString(deterministic=True))


def _forget(message: Any) -> None:  # noqa: ANN401 - onnx's own types
    """Clear notes wherever they stand."""
    for one in ("metadata_props", "doc_string"):
        if one in message.DESCRIPTOR.fields_by_name:
            message.ClearField(one)
    for field, value in message.ListFields():
        if field.message_type is None or field.name in ("initializer", "tensor"):
            continue
        for inner in [value] if hasattr(value, "ListFields") else value:
            _forget(inner)
