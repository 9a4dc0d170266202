"""What a model of PyTorch answers to made-up inputs: the trial that its conversion is proven by."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype
from lichen.frameworks.importing.conversion import Conversion, Trial
from lichen.frameworks.importing.pytorch.tensors import (
    Taken,
    has_rows,
    in_parts,
    made_up,
    rows_tried,
)
from lichen.frameworks.onnx_writer import OPSET

TOLERANCE, HALF_TOLERANCE = 1e-4, 2e-2
"""Of numbers of 32 bits, whose sums two runtimes add in another order; and of 16."""
_DATATYPES = {
    "bool": Datatype.BOOL,
    "uint8": Datatype.UINT8,
    "int8": Datatype.INT8,
    "int16": Datatype.INT16,
    "int32": Datatype.INT32,
    "int64": Datatype.INT64,
    "float16": Datatype.FP16,
    "float32": Datatype.FP32,
    "float64": Datatype.FP64,
}
_AT_ONCE, _ALONE = 20, 8


@contextmanager
def settled() -> Iterator[Any]:
    """PyTorch on one thread, without gradients and without its warnings."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of exporters, about themselves
            yield torch
    finally:
        torch.set_num_threads(before)


def datatype_of(dtype: object, name: str) -> Datatype:
    """The datatype of a tensor.

    Raises:
        InvalidInput: it is none that is served, such as bfloat16.
    """
    said = str(dtype).removeprefix("torch.")
    if said not in _DATATYPES:
        raise InvalidInput(
            f"{name!r} is of {said}, which is not served: export the model in float32 "
            "(model.float()) or float16"
        )
    return _DATATYPES[said]


def conversion_of(
    torch: Any,  # noqa: ANN401 - torch's own types
    write: Callable[[], bytes],
    module: Any,  # noqa: ANN401 - torch's own types
    taken: Sequence[Taken],
    outputs: Sequence[str],
    algorithm: str,
) -> Conversion:
    """A conversion, with what the module answers to its trial; that comes first, then `write`.

    Raises:
        InvalidInput: the module fails on what it says it takes.
    """
    step = min([_AT_ONCE, *(one.tried[0] for one in taken if one.tried[:1] > (0,))])
    inputs = made_up(taken, max(1, rows_tried(taken) // step) * step)
    is_one = not has_rows(taken)
    parts = [inputs] if is_one else in_parts(inputs, step)
    order = [one.name for one in taken]
    answers = [_answered(torch, module, [part[name] for name in order]) for part in parts]
    _check_repeatable(answers[0], _answered(torch, module, [parts[0][name] for name in order]))
    if not is_one:
        _check_independent(torch, module, [parts[0][name] for name in order], answers[0])
    is_half = any(one.datatype is Datatype.FP16 for one in taken)
    found = {
        name: np.concatenate([one[place] for one in answers]) if not is_one else answers[0][place]
        for place, name in enumerate(outputs)
    }
    is_half = is_half or any(one.dtype == np.float16 for one in found.values())
    return Conversion(
        files={"model.onnx": write()},
        trial=Trial(
            inputs=inputs,
            outputs=found,
            tolerance=HALF_TOLERANCE if is_half else TOLERANCE,
            is_one=is_one,
        ),
        algorithm=algorithm,
        library=f"PyTorch {torch.__version__.partition('+')[0]}",
        opset=OPSET,
        parameters={"weights": sum(one.numel() for one in module.parameters())},
    )


def _check_repeatable(first: Sequence[Array], again: Sequence[Array]) -> None:
    """Does it answer the same inputs alike? A state or chance would show."""
    if all(
        np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
        for one, other in zip(first, again, strict=True)
    ):
        return
    raise InvalidInput(
        "the model answers the same inputs in two ways: it keeps a state between calls or draws "
        "random numbers, and a version answers each request alone; let forward take the state and "
        "return it, call model.eval(), and save it again"
    )


def _check_independent(
    torch: Any,  # noqa: ANN401 - torch's own types
    module: Any,  # noqa: ANN401 - torch's own types
    arguments: Sequence[Array],
    together: Sequence[Array],
) -> None:
    """Does each row get alone what it gets beside others?

    A program that takes no single row cannot be asked.
    """
    for row in range(min(_ALONE, len(arguments[0]))):
        try:
            alone = _answered(torch, module, [one[row : row + 1] for one in arguments])
        except InvalidInput:
            return
        for one, whole in zip(alone, together, strict=True):
            if len(whole) != len(arguments[0]) or not _is_close(one[0], whole[row]):
                raise InvalidInput(
                    "the model's answer to a row depends on the rows beside it (by batch "
                    "normalisation while training, or by branches on all values): a version "
                    "answers each row for itself; call model.eval(), branch by torch.where, and "
                    "save it again"
                )


def _is_close(one: Array, other: Array) -> bool:
    if one.dtype.kind != "f":
        return one.shape == other.shape
    loose = 0.05 if one.dtype == np.float16 else 1e-3
    return one.shape == other.shape and np.allclose(
        one, other, rtol=loose, atol=loose, equal_nan=True
    )


def _answered(torch: Any, module: Any, arguments: Sequence[Array]) -> list[Array]:  # noqa: ANN401
    try:
        given = module(*(torch.from_numpy(np.ascontiguousarray(one)) for one in arguments))
    except Exception as error:  # of all kinds: whatever a stranger's model leads to
        said = str(error).strip().splitlines()
        shapes = ", ".join(f"{one.dtype}{list(one.shape)}" for one in arguments)
        raise InvalidInput(
            f"PyTorch fails on made-up inputs {shapes} ({(said or ['?'])[-1][:200]}): say by "
            "--input NAME:DATATYPE:SHAPE what it takes"
        ) from error
    return [_array(one) for one in flattened(torch, given)]


def flattened(torch: Any, given: Any) -> list[Any]:  # noqa: ANN401 - torch's own types
    """The tensors of what a model returns, in their order."""
    leaves = torch.utils._pytree.tree_leaves(given)  # noqa: SLF001 - the one that exporters use
    if not leaves or not all(isinstance(one, torch.Tensor) for one in leaves):
        raise InvalidInput("the model returns something beside tensors: let it return them alone")
    return list(leaves)


def _array(tensor: Any) -> Array:  # noqa: ANN401 - torch's own types
    values: Array = tensor.detach().cpu().numpy()
    return values
