"""Weights beside a declared architecture: the module is put together here, and written as ONNX."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.conversion import Conversion, TensorWish, Wishes
from lichen.frameworks.importing.pytorch.answers import settled
from lichen.frameworks.importing.pytorch.architecture_file import (
    ARCHITECTURE,
    LayerSaid,
    read_architecture,
    weights_name,
)
from lichen.frameworks.importing.pytorch.exported import IT, converted_program, exported_anew
from lichen.frameworks.importing.pytorch.tensors import wished
from lichen.frameworks.importing.source import Source
from lichen.frameworks.weights_files import read_header

_MOST_SHOWN = 3


def convert(source: Source, wishes: Wishes) -> Conversion:
    """A declared network as ONNX, and what PyTorch answers.

    Raises:
        InvalidInput: the architecture and the weights do not fit each other.
    """
    said = read_architecture(source)
    with settled() as torch:
        module = _weighted(torch, _module(torch, said.layers), source)
        shape = (-1, *said.input.shape)
        tensor = TensorWish(name=said.input.name, datatype=said.input.datatype, shape=shape)
        named = _named(torch, module, said.input.name)
        program = exported_anew(torch, named, wished(wishes.inputs or (tensor,)))
        made = converted_program(torch, program, IT, "declared layers")
    return replace(made, labels=wishes.labels or said.labels)


def _module(torch: Any, layers: Sequence[LayerSaid]) -> Any:  # noqa: ANN401 - torch's own types
    """The layers one after the other, on no device: nothing is allocated by the file's word."""
    with torch.device("meta"):
        return _sequence(torch, layers)


def _sequence(torch: Any, layers: Sequence[LayerSaid]) -> Any:  # noqa: ANN401 - torch's own types
    made = torch.nn.Sequential()
    for number, one in enumerate(layers):
        made.add_module(one.name or str(number), _built(torch, one))
    return made


def _built(torch: Any, said: LayerSaid) -> Any:  # noqa: ANN401 - torch's own types
    if said.type == "Residual":
        return _residual(torch, said.layers)
    if said.type == "Sequential":
        return _sequence(torch, said.layers)
    try:
        return getattr(torch.nn, said.type)(**said.options)
    except (TypeError, ValueError, RuntimeError, AssertionError) as error:
        first = str(error).partition("\n")[0][:200]
        raise InvalidInput(
            f"{ARCHITECTURE} gives {said.type} options that it does not take ({first})"
        ) from error


def _residual(torch: Any, layers: Sequence[LayerSaid]) -> Any:  # noqa: ANN401 - torch's own types
    class Residual(torch.nn.Sequential):  # type: ignore[misc]
        """What goes in, added to what comes out."""

        def forward(self, x: Any) -> Any:  # noqa: ANN401 - torch's own types
            return x + super().forward(x)

    made = Residual()
    for number, one in enumerate(layers):
        made.add_module(one.name or str(number), _built(torch, one))
    return made


def _weighted(torch: Any, module: Any, source: Source) -> Any:  # noqa: ANN401 - torch's own types
    """The module with its weights, in float32.

    Raises:
        InvalidInput: a weight is missing, too many, or of another shape; the message names some.
    """
    from safetensors.torch import load_file

    path = source.path(weights_name(source))
    stored = {name: one.shape for name, one in read_header(path).tensors.items()}
    needed = {name: tuple(one.shape) for name, one in module.state_dict().items()}
    counters = {name for name in needed if name.endswith("num_batches_tracked")}
    wrong = [
        f"{name} is {_shown(stored, name)} and should be {_shown(needed, name)}"
        for name in sorted(needed.keys() | stored.keys())
        if needed.get(name) != stored.get(name) and name not in counters
    ]
    if wrong:
        raise InvalidInput(
            f"{ARCHITECTURE} and the weights do not fit each other in {len(wrong)} places: "
            f"{'; '.join(wrong[:_MOST_SHOWN])}"
        )
    weights = load_file(path)
    for name in counters - weights.keys():
        weights[name] = torch.zeros((), dtype=torch.int64)
    module.load_state_dict(weights, assign=True)
    return module.float().eval()


def _shown(shapes: Mapping[str, tuple[int, ...]], name: str) -> str:
    return str(list(shapes[name])) if name in shapes else "missing"


def _named(torch: Any, module: Any, name: str) -> Any:  # noqa: ANN401 - torch's own types
    """The module with its input under another name than `input`."""
    graph = torch.fx.Graph()
    taken = graph.placeholder(name)
    graph.output(graph.call_module("whole", (taken,)))
    root = torch.nn.Module()
    root.whole = module
    return torch.fx.GraphModule(root, graph)
