"""TFLite to ONNX: read, checked, written, and answered by LiteRT."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput, LichenError
from lichen.frameworks.importing.conversion import Conversion, Trial, Wishes
from lichen.frameworks.importing.litert import elementwise, layers, shapes
from lichen.frameworks.importing.litert.network import Network
from lichen.frameworks.importing.litert.reading import read_network
from lichen.frameworks.importing.litert.writer import OPSET, Handler, Writer
from lichen.frameworks.importing.source import Source
from lichen.frameworks.importing.tensorflow.trials import Asked, made_up_rows
from lichen.frameworks.onnx import OnnxPredictor

TOLERANCE = 1e-4
"""Of networks that compute in float32: a share of the largest answer, or of 1 if that is more."""
HYBRID_TOLERANCE = 0.05
"""Of networks whose weights alone are whole numbers: LiteRT rounds what it multiplies them by, to
256 steps of each row's range, and ONNX Runtime does not."""
_LARGEST_BYTES = 2**31 - 1
_OPERATORS: Mapping[str, Handler] = {
    **elementwise.OPERATORS,
    **layers.OPERATORS,
    **shapes.OPERATORS,
}
_WITH_WEIGHTS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED", "BATCH_MATMUL")
_APPROXIMATE = frozenset(
    {
        *("BATCH_MATMUL", "GELU", "HARD_SWISH", "MEAN", "RESIZE_BILINEAR", "RSQRT", "SUM"),
        *("SQUARED_DIFFERENCE", "TRANSPOSE_CONV"),
    }
)
"""What LiteRT computes in whole numbers in ways of its own: the differences add up on the way."""
_MORE_STEPS = 8
_MOST_NAMED = 5


def convert_tflite(source: Source, wishes: Wishes) -> Conversion:
    """A `.tflite` file as ONNX, open in its rows where its operators are.

    Raises:
        InvalidInput: it is damaged, keeps values between calls, or uses operators that are not
            taken; the sentence names them.
    """
    content = source.read(source.names[0], _LARGEST_BYTES)
    network = read_network(content, source.name, wishes.entry)
    check_operators(network, source.name)
    written, is_open = _written(network, source.name)
    ask = _Interpreter(content, network, source.name)
    rows = made_up_rows(_asked(network, is_open=is_open), ask.answers)
    tolerance, notes = _stated(network, ask.answers(rows))
    is_one = not is_open and not all(_is_single(network, one) for one in network.inputs.values())
    return Conversion(
        files={"model.onnx": written},
        trial=Trial(inputs=rows, outputs=ask.answers(rows), tolerance=tolerance, is_one=is_one),
        algorithm="TFLite",
        library=ask.library,
        opset=OPSET,
        parameters={"operators": len(network.operators)},
        notes=notes,
    )


def check_operators(network: Network, name: str) -> None:
    """Refuse operators that are not taken, by name.

    Raises:
        InvalidInput: there is one.
    """
    lacking = sorted({one.kind for one in network.operators} - set(_OPERATORS))
    foreign = [one.removeprefix("CUSTOM ") for one in lacking if one.startswith("CUSTOM ")]
    if foreign:
        raise InvalidInput(
            f"{name} uses operators of its author's own or of TensorFlow beside TFLite "
            f"({', '.join(foreign[:_MOST_NAMED])}): convert it with TFLITE_BUILTINS alone, or "
            "import the SavedModel that it was made from"
        )
    if lacking:
        raise InvalidInput(
            f"{name} uses {', '.join(lacking[:_MOST_NAMED])}, which is not taken from TFLite: "
            "import the Keras model or SavedModel that it was made from"
        )
    if any(one.is_variable and number in network.inputs.values() for number, one in _all(network)):
        raise InvalidInput(f"{name} keeps values from one call to the next, which is not taken")


def _all(network: Network) -> Sequence[tuple[int, Any]]:
    return list(enumerate(network.tensors))


def written(network: Network, name: str, *, is_open: bool) -> bytes:
    """The network as ONNX.

    Raises:
        InvalidInput: an operator has a form that is not taken.
    """
    writer = Writer(network, is_open=is_open)
    for operator in network.operators:
        try:
            _OPERATORS[operator.kind](writer, operator)
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise InvalidInput(
                f"{operator.kind} in {name} has a form that is not taken: {error}"
            ) from error
    return writer.model(name)


def _written(network: Network, name: str) -> tuple[bytes, bool]:
    """Open in its rows if that gives each row what it gets alone; else as the file has it."""
    tensors = (*network.inputs.values(), *network.outputs.values())
    if all(_is_single(network, one) for one in tensors):
        try:
            content = written(network, name, is_open=True)
            if _joins_rows(content):
                return content, True
        except LichenError:  # some operators are not: then one row at a time
            pass
    return written(network, name, is_open=False), False


def _joins_rows(content: bytes) -> bool:
    predictor = OnnxPredictor(content)
    joins = predictor.joins_rows
    predictor.close()
    return joins


def _is_single(network: Network, number: int) -> bool:
    """One row, or any number."""
    shape = network.tensors[number].opened
    return bool(shape) and shape[0] in (-1, 1)


def _asked(network: Network, *, is_open: bool) -> list[Asked]:
    found = []
    for name, number in network.inputs.items():
        tensor = network.tensors[number]
        shape = tuple(None if length < 0 else length for length in tensor.opened)
        if is_open:
            shape = (None, *shape[1:])
        found.append(Asked(name, tensor.dtype, shape, is_whole=tensor.steps is not None))
    return found


def _stated(network: Network, answers: Mapping[str, Array]) -> tuple[float, tuple[str, ...]]:
    """The tolerance, and what a user should know of steps."""
    steps = [
        float(_steps_of(network, number)) / max(1.0, float(np.abs(answers[name]).max()))
        for name, number in network.outputs.items()
    ]
    if max(steps):
        count = _MORE_STEPS if any(one.kind in _APPROXIMATE for one in network.operators) else 1
        how_many = "one of the steps" if count == 1 else f"{count} of the steps"
        return TOLERANCE + count * max(steps), (
            f"It computes in whole numbers: an answer may differ by {how_many} that the file "
            "rounds its answers to, and is given as the real number that it stands for.",
        )
    if _is_hybrid(network):
        return HYBRID_TOLERANCE, (
            "Its weights are whole numbers and its answers real ones: LiteRT rounds between "
            "layers, ONNX Runtime does not, so answers differ by some hundredths at most.",
        )
    return TOLERANCE, ()


def _steps_of(network: Network, number: int) -> float:
    """How far apart the values of an answer are; 0 where it is not rounded."""
    maker = next((one for one in network.operators if number in one.outputs), None)
    if maker is not None and maker.kind == "DEQUANTIZE":
        number = maker.inputs[0]
    steps = network.tensors[number].steps
    return 0.0 if steps is None else float(steps.scale.max())


def _is_hybrid(network: Network) -> bool:
    """Are there weights in whole numbers for inputs in real ones?"""
    return any(
        network.tensors[one.inputs[1]].steps is not None
        and network.tensors[one.inputs[0]].steps is None
        for one in network.operators
        if one.kind in _WITH_WEIGHTS
    )


class _Interpreter:
    """LiteRT itself, on one thread, a row at a time."""

    def __init__(self, content: bytes, network: Network, name: str) -> None:
        from importlib.metadata import version

        from ai_edge_litert.interpreter import Interpreter

        self._network = network
        try:
            self._interpreter = Interpreter(model_content=content, num_threads=1)
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            reason = " ".join(str(error).split())[:300]
            raise InvalidInput(f"LiteRT does not load {name}: {reason}") from error
        self.library = f"LiteRT {version('ai-edge-litert')}"

    def answers(self, rows: Mapping[str, Array]) -> Mapping[str, Array]:
        """What it says to each row, quantised answers as the real numbers they stand for."""
        single = all(_is_single(self._network, one) for one in self._network.inputs.values())
        count = len(next(iter(rows.values()))) if single else 1
        parts = [
            self._asked({name: one[row : row + 1] if single else one for name, one in rows.items()})
            for row in range(count)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _asked(self, row: Mapping[str, Array]) -> dict[str, Array]:
        interpreter, network = self._interpreter, self._network
        changed = False
        for name, number in network.inputs.items():
            if tuple(interpreter.get_tensor_details()[number]["shape"]) != row[name].shape:
                interpreter.resize_tensor_input(number, row[name].shape)
                changed = True
        if changed:
            interpreter.allocate_tensors()
        for name, number in network.inputs.items():
            interpreter.set_tensor(number, row[name])
        interpreter.invoke()
        return {name: self._real(number) for name, number in network.outputs.items()}

    def _real(self, number: int) -> Array:
        values = np.array(self._interpreter.get_tensor(number))
        steps = self._network.tensors[number].steps
        if steps is None:
            return values
        real = (values.astype(np.int64) - steps.zero[0]) * steps.scale[0]
        return np.asarray(real, dtype=np.float32)
