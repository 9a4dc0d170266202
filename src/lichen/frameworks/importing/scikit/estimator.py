"""From a fitted estimator of scikit-learn to a version of ours, and the trial that proves it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from msgspec.structs import replace as changed
from numpy.typing import NDArray

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.core.tensors import ColumnKind, ColumnSpec, Datatype, Signature, TensorSpec
from lichen.frameworks.importing.conversion import CHECKED_ROWS, Conversion, Trial, Wishes
from lichen.frameworks.importing.scikit.answers import (
    PREDICTION,
    Answer,
    asked,
    called,
    labels_of,
    written,
)
from lichen.frameworks.importing.scikit.columns import width_of
from lichen.frameworks.importing.scikit.composing import WRITERS, innermost, task_of
from lichen.frameworks.importing.scikit.forests import Forest, forest_of
from lichen.frameworks.importing.scikit.graph import Port
from lichen.frameworks.importing.scikit.inputs import FeatureInputs, TensorInputs
from lichen.frameworks.importing.scikit.rows import Drawing, Drawn, as_fitted, takes_texts
from lichen.frameworks.importing.scikit.tokens import TermsWanted
from lichen.frameworks.importing.scikit.writing import Fitted, Flow, Raw, Writing, kind_of
from lichen.frameworks.onnx import MODEL_FILE
from lichen.frameworks.onnx_writer import OPSET
from lichen.pipeline.declaration import Classes, Number, Pipeline
from lichen.pipeline.files import pipeline_files
from lichen.pipeline.signature import NUMBERS, TEXTS, pipeline_signature

INPUT = "x"
TOLERANCE = 1e-6
"""Of graphs of doubles; ONNX Runtime adds in another order, and approximates exponentials."""
TOLERANCE_SINGLE = 1e-5
"""Of cores that compute in float32."""
_DRAWN = 2 * CHECKED_ROWS
_FEWEST = 20
_MOST_ASKED = 64
"""Columns that are asked one by one whether they may lack values."""


@dataclass(frozen=True, slots=True)
class _Form:
    """A version before its trial.

    Attributes:
        files: of the version.
        numbers, texts: the raw columns that it takes, in the order of its tensors.
        outputs: what it answers.
        tensors: the names of the tensors of numbers and of texts.
    """

    files: dict[str, bytes]
    signature: Signature
    numbers: tuple[int, ...]
    texts: tuple[int, ...]
    outputs: tuple[TensorSpec, ...]
    tolerance: float
    is_rounded: bool


@dataclass(frozen=True, slots=True)
class _Model:
    """What is converted: an estimator, the names of its raw columns, and those of its classes."""

    fitted: Fitted
    names: tuple[str, ...]
    is_named: bool
    labels: tuple[str, ...]

    @property
    def is_given_names(self) -> bool:
        """Whether a row has its values by name."""
        return self.is_named or bool(self.names and self.names[0] != "x0")


def conversion_of(fitted: Fitted, wishes: Wishes, library: str) -> Conversion:
    """An estimator as a version, with what scikit-learn answers on made-up rows.

    Raises:
        InvalidInput: a part of it cannot be converted, or it is not fitted.
    """
    kind_of(fitted)
    model = _model(fitted, wishes)
    forest = forest_of(fitted)
    writing, make = _plan(model, forest)
    lacking = _lacking(model, writing, make)
    form = make(lacking)
    inputs, outputs, rows = _trial(model, writing, form, lacking)
    inner = innermost(fitted)
    return Conversion(
        files=form.files,
        trial=Trial(inputs=inputs, outputs=outputs, tolerance=form.tolerance),
        algorithm=type(inner).__name__,
        library=library,
        task=task_of(fitted),
        signature=form.signature,
        opset=OPSET,
        parameters={"steps": _steps(fitted)} if inner is not fitted else {},
        notes=_notes(model, writing, form, rows),
    )


def _model(fitted: Fitted, wishes: Wishes) -> _Model:
    known = getattr(fitted, "feature_names_in_", None)
    width = width_of(fitted)
    if known is not None:
        names = tuple(str(one) for one in known)
    else:
        names = ("text",) if takes_texts(fitted) else tuple(f"x{number}" for number in range(width))
    if wishes.columns:
        if len(wishes.columns) != len(names):
            raise InvalidInput(
                f"{len(wishes.columns)} columns were named, and a row has {len(names)}: name each"
            )
        if len(set(wishes.columns)) < len(names) or not all(wishes.columns):
            raise InvalidInput("a column's name is empty or stands twice: give each its own")
        names = wishes.columns
    return _Model(fitted, names, known is not None, wishes.labels)


Makes = Callable[[frozenset[int]], _Form]


def _plan(model: _Model, forest: Forest | None) -> tuple[Writing, Makes]:
    """What is written, and what makes the version once it is known which columns may lack."""
    if forest is not None:
        return _of_forest(model, forest)
    try:
        return _of_tensors(model)
    except TermsWanted:
        return _of_features(model)


def _of_forest(model: _Model, forest: Forest) -> tuple[Writing, Makes]:
    width = len(model.names)
    forest = _called_forest(forest, model.labels)
    writing = Writing(TensorInputs(), WRITERS, model.names)
    flow = Flow(INPUT, width, tuple(Raw(at) for at in range(width)))
    for tree in forest.grown:
        for feature in np.unique(tree.feature[tree.feature >= 0]).tolist():
            split = tree.threshold[tree.feature == feature]
            writing.anchor(flow, feature, split[np.isfinite(split)].tolist())

    def make(lacking: frozenset[int]) -> _Form:
        pipeline = _forest_pipeline(model, forest, lacking)
        tensor = None
        if not pipeline.encoders:
            tensor = TensorSpec(INPUT, Datatype.FP32, (-1, width), missing=bool(lacking))
        signature = pipeline_signature(pipeline, tensor)
        files = {MODEL_FILE: forest.core, **pipeline_files(pipeline)}
        columns = tuple(range(width))
        specs = tuple(replace(one, datatype=_double(one)) for one in signature.outputs)
        return _Form(files, signature, columns, (), specs, TOLERANCE_SINGLE, is_rounded=True)

    return writing, make


def _called_forest(forest: Forest, labels: tuple[str, ...]) -> Forest:
    if not isinstance(forest.head, Classes):
        return forest
    names = called(tuple(forest.head.labels), labels)
    return replace(forest, head=changed(forest.head, labels=list(names)))


def _double(spec: TensorSpec) -> Datatype:
    return Datatype.FP64 if spec.datatype is Datatype.FP32 else spec.datatype


def _forest_pipeline(model: _Model, forest: Forest, lacking: frozenset[int]) -> Pipeline:
    if not model.is_given_names:
        return Pipeline(head=forest.head, tensor=INPUT)
    encoders = [Number(column=name, may_lack=at in lacking) for at, name in enumerate(model.names)]
    return Pipeline(encoders=list(encoders), head=forest.head)


def _of_tensors(model: _Model) -> tuple[Writing, Makes]:
    is_plain = not model.is_given_names
    inputs = TensorInputs(INPUT if is_plain else NUMBERS)
    writing = Writing(inputs, WRITERS, model.names, model.labels)
    answers = written(writing, model.fitted)
    numbers, texts = inputs.finish(writing.graph)
    ports = inputs.ports(numbers, texts)
    content = writing.graph.model(ports, _ports(answers))

    def make(lacking: frozenset[int]) -> _Form:
        columns = {INPUT: numbers, NUMBERS: numbers, TEXTS: texts}
        specs = [_input(model, port, columns[port.name], lacking) for port in ports]
        outputs = tuple(one.spec for one in answers)
        signature = Signature(tuple(specs), outputs)
        tolerance = TOLERANCE_SINGLE if b"SVMClassifier" in content else TOLERANCE
        files = {MODEL_FILE: content}
        return _Form(files, signature, numbers, texts, outputs, tolerance, is_rounded=False)

    return writing, make


def _ports(answers: Sequence[Answer]) -> dict[str, Port]:
    return {one.tensor: Port(one.spec.name, one.spec.datatype, one.spec.shape) for one in answers}


def _input(
    model: _Model, port: Port, columns: Sequence[int], lacking: frozenset[int]
) -> TensorSpec:
    spec = TensorSpec(port.name, port.datatype, port.shape)
    if port.name == TEXTS:
        spec = replace(spec, description="an empty text is a value that is missing")
    elif lacking & set(columns):
        spec = replace(spec, missing=True, description="a NaN is a value that is missing")
    if port.name == INPUT:
        return spec
    kind = ColumnKind.TEXT if port.name == TEXTS else ColumnKind.NUMBER
    details = tuple(ColumnSpec(kind, None, one in lacking) for one in columns)
    return replace(spec, columns=tuple(model.names[one] for one in columns), details=details)


def _of_features(model: _Model) -> tuple[Writing, Makes]:
    """Texts are parted into terms by an encoder; the graph takes its float32 features."""
    inputs = FeatureInputs(model.names)
    writing = Writing(inputs, WRITERS, model.names, model.labels)
    answers = written(writing, model.fitted)
    content = writing.graph.model(inputs.ports(), _ports(answers))

    def make(lacking: frozenset[int]) -> _Form:
        place = {name: at for at, name in enumerate(model.names)}
        encoders = [
            one if place[one.column] in writing.prose else _may_lack(one, place, lacking)
            for one in inputs.encoders
        ]
        pipeline = Pipeline(encoders=encoders)
        outputs = tuple(one.spec for one in answers)
        signature = Signature(pipeline_signature(pipeline).inputs, outputs)
        files = {MODEL_FILE: content, **pipeline_files(pipeline)}
        numbers, texts = (
            tuple(
                place[name]
                for spec in signature.inputs
                if spec.name == kind
                for name in spec.columns
            )
            for kind in (NUMBERS, TEXTS)
        )
        return _Form(files, signature, numbers, texts, outputs, TOLERANCE_SINGLE, is_rounded=True)

    return writing, make


def _may_lack(one: Any, place: dict[str, int], lacking: frozenset[int]) -> Any:  # noqa: ANN401 - an encoder
    return changed(one, may_lack=place[one.column] in lacking)


def _drawing(writing: Writing, form: _Form, **more: Any) -> Drawing:  # noqa: ANN401 - fields of a drawing
    return Drawing(
        writing=writing,
        numbers=form.numbers,
        texts=form.texts,
        is_rounded=form.is_rounded,
        **more,
    )


def _lacking(model: _Model, writing: Writing, make: Makes) -> frozenset[int]:
    """The columns of which scikit-learn takes rows without a value, found by asking it."""
    form = make(frozenset())
    found = []
    columns = [one for one in (*form.numbers, *form.texts) if one not in writing.prose]
    groups = [(one,) for one in columns] if len(columns) <= _MOST_ASKED else [tuple(columns)]
    for group in groups:
        drawn = _drawing(writing, form, has_far=False, is_positive=True).drawn(_FEWEST)
        cells = dict(drawn.cells)
        for column in group:
            missing = "" if column in form.texts else np.nan
            cells[column] = cells[column].copy()
            cells[column][:2] = missing
        answers = _answers(model, writing, form, Drawn(cells))
        if answers is not None and all(_is_said(one[:2]) for one in answers.values()):
            found += list(group)
    return frozenset([*found, *writing.prose])


def _is_said(values: Array) -> bool:
    return values.dtype.kind == "O" or bool(np.isfinite(values).all())


def _answers(model: _Model, writing: Writing, form: _Form, drawn: Drawn) -> dict[str, Array] | None:
    """What scikit-learn answers; None where it refuses the rows."""
    try:
        found = asked(model.fitted, as_fitted(model.fitted, writing, drawn), form.outputs)
    except (ValueError, FloatingPointError, OverflowError, IndexError, TypeError):
        return None
    return _called_answers(model, found)


def _called_answers(model: _Model, found: dict[str, Array]) -> dict[str, Array]:
    """The answers, their classes called as was wished."""
    chosen = found.get(PREDICTION)
    if not model.labels or chosen is None or chosen.dtype.kind != "O" or chosen.ndim > 1:
        return found
    own = labels_of(model.fitted.classes_)
    names = dict(zip((one.encode() for one in own), model.labels, strict=True))
    chosen[:] = [names[one].encode() for one in chosen]
    return found


def _trial(
    model: _Model, writing: Writing, form: _Form, lacking: frozenset[int]
) -> tuple[dict[str, Array], dict[str, Array], int]:
    """Inputs of ours and the framework's answers; rows between two classes are left out."""
    for far, positive in ((True, False), (True, True), (False, False), (False, True)):
        drawing = _drawing(writing, form, lacking=lacking, is_positive=positive, has_far=far)
        drawn = drawing.drawn(_DRAWN)
        outputs = _answers(model, writing, form, drawn)
        if outputs is not None:
            break
    else:
        raise InvalidInput(
            f"scikit-learn's {type(innermost(model.fitted)).__name__} refuses every made-up row: "
            "export the model as ONNX yourself"
        )
    kept = np.flatnonzero(_is_clear(outputs, form.tolerance))[:CHECKED_ROWS]
    if not len(kept):
        raise InvalidInput("all made-up rows lie between two classes: nothing can be compared")
    inputs = {name: values[kept] for name, values in _tensors(form, drawn).items()}
    return inputs, {name: values[kept] for name, values in outputs.items()}, len(kept)


def _tensors(form: _Form, drawn: Drawn) -> dict[str, Array]:
    tensors: dict[str, Array] = {}
    for spec in form.signature.inputs:
        if spec.name == TEXTS:
            found = np.empty((len(drawn.cells[form.texts[0]]), len(form.texts)), dtype=np.object_)
            for place, column in enumerate(form.texts):
                found[:, place] = [one.encode() for one in drawn.cells[column]]
            tensors[spec.name] = found
        else:
            columns = [drawn.cells[one] for one in form.numbers]
            is_single = spec.datatype is Datatype.FP32
            tensors[spec.name] = np.column_stack(columns).astype(
                np.float32 if is_single else np.float64
            )
    return tensors


def _is_clear(outputs: dict[str, Array], tolerance: float) -> NDArray[np.bool_]:
    """Rows whose answer is no toss-up: even classes stay, nearly even ones are left out."""
    count = len(next(iter(outputs.values())))
    clear = np.ones(count, dtype=np.bool_)
    for name, values in outputs.items():
        if values.dtype.kind != "f" or values.ndim != 2 or name not in _DECIDING:
            continue
        if values.shape[1] == 1:
            gap = np.abs(values[:, 0])
        else:
            ordered = np.sort(values, axis=1)
            places = (0, 1) if name == "distance" else (-2, -1)
            gap = np.abs(ordered[:, places[1]] - ordered[:, places[0]])
        with np.errstate(invalid="ignore"):
            clear &= ~(
                (gap > 0) & (gap <= 4 * tolerance * max(1.0, float(np.nanmax(np.abs(values)))))
            )
    return clear


_DECIDING = ("probability", "score", "distance")


def _steps(fitted: Fitted) -> list[str]:
    """The classes of what comes before the estimator, and of it."""
    steps = getattr(fitted, "steps", None)
    if steps is None:
        inner = getattr(fitted, "best_estimator_", None)
        return [type(fitted).__name__] if inner is None else [type(fitted).__name__, *_steps(inner)]
    return [
        name
        for _, step in steps
        for name in ([str(step)] if isinstance(step, str) or step is None else _steps(step))
    ]


def _notes(model: _Model, writing: Writing, form: _Form, rows: int) -> tuple[str, ...]:
    notes = []
    refused = [model.names[one] for one in sorted(writing.lacks_unknown)]
    if refused:
        notes.append(
            f"scikit-learn refuses values of {', '.join(refused)} that it was not fitted on; here "
            "they count as none of those known"
        )
    used = {*form.numbers, *form.texts}
    idle = [name for at, name in enumerate(model.names) if at not in used]
    if idle:
        notes.append(f"columns that it does not look at are not taken: {', '.join(idle[:20])}")
    if rows < CHECKED_ROWS:
        notes.append(f"{rows} of {_DRAWN} made-up rows were clear of a border between classes")
    return tuple(notes)
