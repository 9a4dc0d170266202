"""From a graph of TensorFlow to a conversion: its ONNX, and what TensorFlow itself answers."""

from collections.abc import Mapping, Sequence

import numpy as np

from lichen.core.batch import Array
from lichen.frameworks.importing.conversion import Conversion, Trial
from lichen.frameworks.importing.tensorflow.graphs import OPSET, Graph, onnx_of
from lichen.frameworks.importing.tensorflow.runtime import library, tensorflow
from lichen.frameworks.importing.tensorflow.trials import Answers, Asked, made_up_rows

TOLERANCE = 1e-4
"""Of float32 networks: a share of the largest answer, or of 1 if that is more."""
_CHUNK = 64


def converted(
    graph: Graph,
    asked: Sequence[Asked],
    name: str,
    *,
    algorithm: str,
    task: str = "inference",
    parameters: Mapping[str, object],
) -> Conversion:
    """The conversion of a graph, with what TensorFlow answers to made-up rows.

    Raises:
        InvalidInput: ONNX lacks an operator for it, or it answers nothing.
    """
    fixed = next((one.shape[0] for one in asked if one.shape and one.shape[0] is not None), None)
    answers = _asking(graph, fixed or _CHUNK)
    made = onnx_of(graph, name)
    rows = made_up_rows(asked, answers, made.words)
    is_one = fixed not in (None, 1) or not all(one.shape for one in asked)
    return Conversion(
        files={"model.onnx": made.content},
        trial=Trial(inputs=rows, outputs=answers(rows), tolerance=TOLERANCE, is_one=is_one),
        algorithm=algorithm,
        library=library(),
        task=task,
        opset=OPSET,
        parameters=parameters,
    )


def _asking(graph: Graph, chunk: int) -> Answers:
    """What TensorFlow answers by the model's own names, a few rows at a time."""
    tf = tensorflow()

    def asked(fed: Mapping[str, Array]) -> list[Array]:
        given = {name: tf.constant(fed[name]) for name in graph.inputs}
        said = graph.function(**given) if graph.by_name else graph.function(*given.values())
        return [np.asarray(one) for one in tf.nest.flatten(said)]

    def answers(rows: Mapping[str, Array]) -> Mapping[str, Array]:
        if not all(one.ndim for one in rows.values()):
            return dict(zip(graph.outputs, asked(rows), strict=True))
        count = max(len(one) for one in rows.values())
        parts = [
            asked({name: one[begin : begin + chunk] for name, one in rows.items()})
            for begin in range(0, count, chunk)
        ]
        together = (_joined(these) for these in zip(*parts, strict=True))
        return dict(zip(graph.outputs, together, strict=True))

    return answers


def _joined(parts: Sequence[Array]) -> Array:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)
