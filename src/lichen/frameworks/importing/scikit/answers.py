"""What a written estimator answers, and what scikit-learn itself does: the same tensors."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np
from numpy.typing import NDArray

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, TensorSpec
from lichen.frameworks.importing.scikit.choosing import over
from lichen.frameworks.importing.scikit.columns import table_of
from lichen.frameworks.importing.scikit.composing import DETECTORS, GROUPERS, innermost, task_of
from lichen.frameworks.importing.scikit.rows import as_fitted, drawn_for
from lichen.frameworks.importing.scikit.several import several_of
from lichen.frameworks.importing.scikit.writing import Classified, Fitted, Given, Writing, kind_of

_ROWS = 3
_MOST_SHOWN = 10
PREDICTION, PROBABILITY, SCORE = "prediction", "probability", "score"


@dataclass(frozen=True, slots=True)
class Answer:
    """One output: its tensor in the graph, and what it is."""

    tensor: str
    spec: TensorSpec


def written(writing: Writing, fitted: Fitted) -> tuple[Answer, ...]:
    """Write an estimator into a graph; its outputs in their order.

    Raises:
        InvalidInput: a part of it cannot be written; the message names it.
    """
    given = table_of(fitted)
    write = _WRITTEN[task_of(fitted)]
    return write(writing, fitted, given)


def asked(fitted: Fitted, rows: object, answers: tuple[TensorSpec, ...]) -> dict[str, Array]:
    """What scikit-learn answers for rows, by the names of the outputs.

    Raises:
        ValueError: scikit-learn refuses the rows.
    """
    with catch_warnings(), np.errstate(all="ignore"):
        simplefilter("ignore")
        return {spec.name: _asked(fitted, rows, spec) for spec in answers}


def _asked(fitted: Fitted, rows: object, spec: TensorSpec) -> Array:
    if spec.name.startswith(f"{PROBABILITY}_"):
        found = _of_target(fitted.predict_proba(rows), int(spec.name.rpartition("_")[2]) - 1)
    else:
        found = getattr(fitted, _METHODS.get(spec.name, "transform"))(rows)
    found = np.asarray(found.toarray() if hasattr(found, "toarray") else found)
    if spec.datatype is Datatype.BYTES:
        return texts(found)
    shaped = found.reshape(len(found), *([-1] if len(spec.shape) > 1 else []))
    return shaped.astype(np.int64 if spec.datatype is Datatype.INT64 else np.float64)


def _of_target(found: Any, target: int) -> NDArray[Any]:  # noqa: ANN401 - a list, or an array
    """A chain answers the second of two classes of each target; others a list of all."""
    if isinstance(found, list):
        return np.asarray(found[target])
    second = np.asarray(found)[:, target]
    return np.column_stack([1 - second, second])


_METHODS = {
    PREDICTION: "predict",
    PROBABILITY: "predict_proba",
    SCORE: "decision_function",
    "distance": "transform",
}


def texts(labels: NDArray[Any]) -> Array:
    """Labels as BYTES travel: a label that is no text as Python writes it."""
    found = np.empty(labels.size, dtype=np.object_)
    found[:] = [label_of(one).encode() for one in labels.ravel().tolist()]
    return found.reshape(labels.shape)


def label_of(value: object) -> str:
    """A label in words; a whole number without its point."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def labels_of(classes: NDArray[Any]) -> tuple[str, ...]:
    """The labels of classes, in their order."""
    return tuple(label_of(one) for one in np.asarray(classes).tolist())


def _classes(writing: Writing, fitted: Fitted, given: Given) -> tuple[Answer, ...]:
    several = several_of(writing, fitted, given)
    if several is not None:
        return _several(writing, several, has_probability=hasattr(fitted, "predict_proba"))
    said = writing.classified(fitted, given)
    labels = called(labels_of(said.classes), writing.labels)
    prediction = TensorSpec(PREDICTION, Datatype.BYTES, (-1,))
    answers = [Answer(_labelled(writing, said, labels), prediction)]
    shape = (-1, len(labels))
    if said.probability is not None and hasattr(fitted, "predict_proba"):
        spec = TensorSpec(PROBABILITY, Datatype.FP64, shape, columns=labels)
        answers.append(Answer(said.probability, spec))
    elif said.score is not None and hasattr(fitted, "decision_function"):
        is_binary = len(labels) == 2
        width = 1 if is_binary else _score_width(innermost(fitted), len(labels))
        named = () if width != len(labels) else labels
        answers.append(
            Answer(said.score, TensorSpec(SCORE, Datatype.FP64, (-1, width), columns=named))
        )
    return tuple(answers)


def _score_width(fitted: Fitted, classes: int) -> int:
    is_in_pairs = getattr(fitted, "decision_function_shape", "ovr") == "ovo"
    return classes * (classes - 1) // 2 if is_in_pairs else classes


def called(own: tuple[str, ...], wished: Sequence[str]) -> tuple[str, ...]:
    """What classes are called: as was wished, if it was.

    Raises:
        InvalidInput: not as many names were given.
    """
    if not wished:
        return own
    if len(wished) != len(own) or len(set(wished)) < len(wished) or not all(wished):
        raise InvalidInput(
            f"the classes {', '.join(own[:_MOST_SHOWN])} were given {len(wished)} names: give each "
            "of them one of its own"
        )
    return tuple(wished)


def _labelled(writing: Writing, said: Classified, labels: tuple[str, ...]) -> str:
    return writing.graph.op("Gather", np.array(labels, dtype=np.object_), said.choice)


def _several(
    writing: Writing, several: list[Classified], *, has_probability: bool
) -> tuple[Answer, ...]:
    chosen = [_labelled(writing, one, labels_of(one.classes)) for one in several]
    columns = [writing.graph.op("Unsqueeze", one, [1]) for one in chosen]
    spec = TensorSpec(PREDICTION, Datatype.BYTES, (-1, len(several)))
    answers = [Answer(writing.graph.joined(columns), spec)]
    for number, one in enumerate(several, 1):
        if one.probability is not None and has_probability:
            labels = labels_of(one.classes)
            name = f"{PROBABILITY}_{number}"
            made = TensorSpec(name, Datatype.FP64, (-1, len(labels)), columns=labels)
            answers.append(Answer(one.probability, made))
    return tuple(answers)


def _values(writing: Writing, fitted: Fitted, given: Given) -> tuple[Answer, ...]:
    name = writing.valued(fitted, given)
    width = _targets(writing, fitted)
    if width is None:
        flat = writing.graph.op("Reshape", name, [-1])
        return (Answer(flat, TensorSpec(PREDICTION, Datatype.FP64, (-1,))),)
    return (Answer(name, TensorSpec(PREDICTION, Datatype.FP64, (-1, width))),)


def _targets(writing: Writing, fitted: Fitted) -> int | None:
    """How many values a regressor answers a row, found by asking; None: one, and not in a list."""
    rows = as_fitted(fitted, writing, drawn_for(writing, _ROWS))
    with catch_warnings(), np.errstate(all="ignore"):
        simplefilter("ignore")
        found = np.asarray(fitted.predict(rows))
    return found.shape[1] if found.ndim > 1 else None


def _groups(writing: Writing, fitted: Fitted, given: Given) -> tuple[Answer, ...]:
    inner, flow = _before(writing, fitted, given)
    made = GROUPERS[kind_of(inner)](writing, inner, flow)
    answers = [Answer(made.choice, TensorSpec(PREDICTION, Datatype.INT64, (-1,)))]
    if made.said is not None:
        spec = TensorSpec(made.name, Datatype.FP64, (-1, made.groups))
        answers.append(Answer(made.said, spec))
    return tuple(answers)


def _outliers(writing: Writing, fitted: Fitted, given: Given) -> tuple[Answer, ...]:
    inner, flow = _before(writing, fitted, given)
    graph = writing.graph
    score = DETECTORS[kind_of(inner)](writing, inner, flow)
    if type(inner).__name__ == "OneClassSVM":
        is_usual = over(graph, score)
    else:
        reached = graph.cast(graph.op("GreaterOrEqual", score, 0.0), Datatype.INT64)
        is_usual = graph.op("Squeeze", reached, [1])
    choice = graph.op("Sub", graph.op("Mul", is_usual, 2), 1)
    return (
        Answer(choice, TensorSpec(PREDICTION, Datatype.INT64, (-1,))),
        Answer(score, TensorSpec(SCORE, Datatype.FP64, (-1, 1))),
    )


def _before(writing: Writing, fitted: Fitted, given: Given) -> tuple[Fitted, Given]:
    """The estimator at the end, and what comes to it."""
    inner = innermost(fitted)
    while fitted is not inner:
        steps = getattr(fitted, "steps", None)
        if steps is None:
            fitted = fitted.best_estimator_
            continue
        for _, step in steps[:-1]:
            if step is not None and not isinstance(step, str):
                given = writing.transformed(step, given)
        fitted = steps[-1][1]
    return inner, given


def _features(writing: Writing, fitted: Fitted, given: Given) -> tuple[Answer, ...]:
    flow = writing.flow(writing.transformed(fitted, given))
    names: tuple[str, ...] = ()
    try:
        names = tuple(str(one) for one in fitted.get_feature_names_out())
    except (AttributeError, ValueError):
        names = ()
    is_named = len(names) == flow.width and len(set(names)) == len(names)
    spec = TensorSpec(
        "transformed", Datatype.FP64, (-1, flow.width), columns=names if is_named else ()
    )
    return (Answer(flow.name, spec),)


_WRITTEN: Mapping[str, Callable[[Writing, Fitted, Given], tuple[Answer, ...]]] = {
    "classification": _classes,
    "regression": _values,
    "clustering": _groups,
    "anomaly": _outliers,
    "inference": _features,
}
