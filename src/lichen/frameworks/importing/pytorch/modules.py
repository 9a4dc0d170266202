"""Modules of PyTorch in memory: plain chains of layers by hand, others by its own exporter."""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype
from lichen.frameworks.dense_writer import (
    INPUT,
    OUTPUT,
    DenseLayer,
    dense_layer,
    dense_model,
)
from lichen.frameworks.importing.conversion import Conversion
from lichen.frameworks.importing.pytorch.answers import (
    conversion_of,
    datatype_of,
    flattened,
    settled,
)
from lichen.frameworks.importing.pytorch.tensors import Taken
from lichen.frameworks.importing.pytorch.writing import scripted_model

TOLERANCE = 1e-3
"""Of what is no chain: made-up rows may lie where a norm divides by next to nothing."""
_ACTIVATIONS = {
    "ReLU": "relu",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "Softmax": "softmax",
    "Softplus": "softplus",
    "ELU": "elu",
    "LeakyReLU": "leaky-relu",
}
_IDLE = ("Dropout", "Identity", "Flatten")
"""What does nothing to rows of numbers once a network is trained."""


def convert_module(module: Any, example: Any = None) -> Conversion:  # noqa: ANN401 - torch's own types
    """A trained module as a version, with what PyTorch answers.

    Args:
        module: the `torch.nn.Module`.
        example: a batch of its input, for what is no plain chain of layers.

    Raises:
        InvalidInput: an example is needed, PyTorch cannot export it, or it does not answer rows for
            themselves.
    """
    module.eval()
    with settled() as torch:
        layers = _chain(module)
        if layers is None:
            return _exported(torch, module, example)
        width = layers[0].weights.shape[0]
        taken = Taken(name=INPUT, datatype=Datatype.FP32, shape=(-1, width), tried=(-1, width))
        is_single = all(one.dtype is torch.float32 for one in module.parameters())
        asked = module if is_single else deepcopy(module).float()

        def write() -> bytes:
            return dense_model(layers)

        return conversion_of(torch, write, asked, [taken], [OUTPUT], type(module).__name__)


def _chain(module: Any) -> list[DenseLayer] | None:  # noqa: ANN401 - torch's own types
    """The layers of a `Sequential` of linear layers and activations; None when it is more."""
    if type(module).__name__ == "Linear":
        return [_linear(module)]
    if type(module).__name__ != "Sequential":
        return None
    layers: list[DenseLayer] = []
    for part in _flattened(module):
        kind = type(part).__name__
        if kind == "Linear":
            layers.append(_linear(part))
        elif kind in _ACTIVATIONS and layers and layers[-1].activation == "linear":
            if not _is_usual(part):
                return None
            layers[-1] = DenseLayer(layers[-1].weights, layers[-1].bias, _ACTIVATIONS[kind])
        elif kind not in _IDLE:
            return None
    return layers or None


def _flattened(module: Any) -> list[Any]:  # noqa: ANN401 - torch's own types
    if type(module).__name__ != "Sequential":
        return [module]
    return [part for child in module for part in _flattened(child)]


def _is_usual(part: Any) -> bool:  # noqa: ANN401 - torch's own types
    """Whether an activation has the parameters that ours has."""
    usual = {"alpha": 1.0, "negative_slope": 0.01, "beta": 1.0}
    has_usual = all(getattr(part, name, value) == value for name, value in usual.items())
    return has_usual and getattr(part, "dim", -1) in (-1, 1)


def _linear(part: Any) -> DenseLayer:  # noqa: ANN401 - torch's own types
    weights = part.weight.detach().cpu().float().numpy().T
    bias = np.zeros(weights.shape[1]) if part.bias is None else part.bias.detach().cpu().numpy()
    return dense_layer(weights, bias)


def _exported(torch: Any, module: Any, example: Any) -> Conversion:  # noqa: ANN401 - torch's own types
    if example is None:
        raise InvalidInput(
            f"{type(module).__name__} is more than a chain of layers: give "
            "run.register(model, example=...) a batch of its input, such as rows[:2]"
        )
    given = example if isinstance(example, Sequence) else (example,)
    batches = tuple(torch.as_tensor(one) for one in given)
    names = [INPUT] if len(batches) == 1 else [f"{INPUT}{n}" for n in range(1, len(batches) + 1)]
    taken = [_taken(name, one) for name, one in zip(names, batches, strict=True)]
    count = len(flattened(torch, _answered(module, batches)))
    outputs = [OUTPUT, *(f"{OUTPUT}{number}" for number in range(2, count + 1))]
    dynamic = {name: {0: "rows"} for name in (*names, *outputs)}

    def write() -> bytes:
        return scripted_model(torch, module, batches, (names, outputs), dynamic)

    made = conversion_of(torch, write, module, taken, outputs, type(module).__name__)
    loose = max(made.trial.tolerance, TOLERANCE)
    return replace(made, trial=replace(made.trial, tolerance=loose))


def _taken(name: str, batch: Any) -> Taken:  # noqa: ANN401 - a tensor of torch
    """As the example has it; its first side is the rows, and whole numbers are like its own."""
    if not batch.dim() or not len(batch):
        raise InvalidInput(f"the example has no rows in {name!r}: give two rows or more")
    datatype = datatype_of(batch.dtype, name)
    is_whole = not batch.dtype.is_floating_point and datatype is not Datatype.BOOL
    shape = (-1, *batch.shape[1:])
    below = max(2, int(batch.max()) + 1) if is_whole and batch.numel() else 2
    return Taken(name=name, datatype=datatype, shape=shape, tried=shape, below=below)


def _answered(module: Any, batches: Sequence[Any]) -> Any:  # noqa: ANN401 - torch's own types
    try:
        return module(*batches)
    except Exception as error:  # of all kinds: it is the script's own code
        said = str(error).strip().partition("\n")[0][:200]
        raise InvalidInput(
            f"{type(module).__name__} fails on its example ({said}): give run.register(model, "
            "example=...) a batch of its input, such as rows[:2]"
        ) from error
