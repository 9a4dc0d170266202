"""PyTorch modules as ONNX: plain chains of layers by hand, others by its own exporter."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np

from lichen.core.errors import InvalidInput, Unavailable
from lichen.frameworks.converting.converted import INPUT, OUTPUT, Converted, same_answers
from lichen.frameworks.converting.dense import DenseLayer, dense_layer, dense_model
from lichen.frameworks.onnx_writer import OPSET

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


def convert_module(module: Any, example: Any = None) -> Converted:  # noqa: ANN401 - torch's own types
    """A trained module.

    Args:
        module: the `torch.nn.Module`.
        example: a batch of its only input, for what is no plain chain of layers.

    Raises:
        InvalidInput: an example is needed, or PyTorch cannot export it.
        Unavailable: PyTorch's exporter lacks a package.
    """
    import torch

    module.eval()
    parameters = {
        "library": f"PyTorch {torch.__version__}",
        "weights": sum(one.numel() for one in module.parameters()),
    }
    layers = _chain(module)
    if layers is None:
        content = _exported(module, example)
        return Converted(content=content, algorithm=type(module).__name__, parameters=parameters)
    content = dense_model(layers)

    def answers(rows: Any) -> Any:  # noqa: ANN401 - NumPy's own types
        with torch.no_grad():
            kind = next(module.parameters()).dtype
            return module(torch.as_tensor(rows).to(kind)).numpy()

    difference = same_answers(content, layers[0].weights.shape[0], answers, "PyTorch")
    told = {**parameters, "onnx_largest_difference": difference}
    return Converted(content=content, algorithm=type(module).__name__, parameters=told)


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


def _exported(module: Any, example: Any) -> bytes:  # noqa: ANN401 - torch's own types
    import torch

    if example is None:
        raise InvalidInput(
            f"{type(module).__name__} is more than a chain of layers: give "
            "run.register(model, example=...) a batch of its input, such as rows[:2]"
        )
    given = example if isinstance(example, Sequence) else (example,)
    batches = tuple(torch.as_tensor(one) for one in given)
    names = [INPUT] if len(batches) == 1 else [f"{INPUT}{n}" for n in range(1, len(batches) + 1)]
    dynamic = {name: {0: "rows"} for name in (*names, OUTPUT)}
    file = io.BytesIO()
    from warnings import catch_warnings, simplefilter

    try:
        with catch_warnings(), torch.no_grad():
            simplefilter("ignore")  # that there is a newer exporter, which needs onnxscript
            torch.onnx.export(
                module,
                batches,
                file,
                input_names=names,
                output_names=[OUTPUT],
                dynamic_axes=dynamic,
                opset_version=OPSET,
                dynamo=False,
            )
    except ImportError as missing:
        raise Unavailable(f"PyTorch's exporter needs a package: {missing}") from missing
    except (RuntimeError, ValueError, TypeError) as error:
        first = str(error).partition("\n")[0]
        raise InvalidInput(
            f"PyTorch cannot export {type(module).__name__} ({first}): export it as ONNX yourself, "
            "and register that"
        ) from error
    return file.getvalue()
