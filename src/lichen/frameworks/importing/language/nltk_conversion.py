"""Classifiers of NLTK into pipelines: from a document in JSON, or from a pickle by leave."""

from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from lichen.core.batch import Array
from lichen.frameworks.importing.conversion import CHECKED_ROWS, Conversion, Trial, Wishes
from lichen.frameworks.importing.language.nltk_document import as_json
from lichen.frameworks.importing.language.nltk_files import LARGEST_DOCUMENT
from lichen.frameworks.importing.language.nltk_pipeline import (
    PIPELINE_FILE,
    Column,
    columns_of,
    core_of,
    pipeline_of,
    tensors_of,
)
from lichen.frameworks.importing.language.nltk_reading import (
    Document,
    Row,
    Value,
    judged,
    read_document,
)
from lichen.frameworks.importing.source import Source
from lichen.frameworks.importing.unpickling import unpickled
from lichen.frameworks.language.drawing import OPSET
from lichen.frameworks.onnx import MODEL_FILE

TOLERANCE = 1e-6
NEAREST_TIE = 1e-5
"""Labels whose chances differ by less are in no order that two libraries could agree on."""
_SEED = 20261126
_OTHERS: dict[str, list[Value]] = {"truth": [], "text": ["never seen"], "number": [77]}
"""By what a column holds: what is not among its values."""
_NUMBERS: dict[str, tuple[Value, ...]] = {"int": (2, 5), "float": (0.25, 3.5), "bool": ()}
_Answers = Callable[[Row], Sequence[float]]


def convert_document(source: Source, wishes: Wishes) -> Conversion:  # noqa: ARG001 - of every converter
    """The version of a document.

    Raises:
        InvalidInput: it contradicts itself, or a feature cannot be a column.
    """
    said = read_document(source.read(source.only or source.names[0], LARGEST_DOCUMENT))
    return _converted(said, lambda row: judged(said, row), "NLTK's document")


def convert_pickle(source: Source, wishes: Wishes) -> Conversion:
    """The version of a pickled classifier, compared with NLTK itself.

    Raises:
        Forbidden: nobody allowed it to be unpickled.
        InvalidInput: it cannot be read here, or is of a kind that is not taken.
    """
    classifier = unpickled(source, wishes)
    said = read_document(as_json(classifier).encode())
    names = {str(label): label for label in classifier.labels()}

    def answers(row: Row) -> Sequence[float]:
        if said.root is not None:
            chosen = str(classifier.classify(dict(row)))
            return [float(label == chosen) for label in said.labels]
        if not said.has_chances:
            return judged(said, row)
        chances = classifier.prob_classify(dict(row))
        return [chances.prob(names[label]) for label in said.labels]

    return _converted(said, answers, f"NLTK {_version('nltk')}")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "of an unknown version"


def _converted(said: Document, answers: _Answers, library: str) -> Conversion:
    columns = columns_of(said)
    notes = ["A feature that a row lacks, or has as null, is left out, as NLTK does."]
    if not said.has_chances:
        notes.append("Its estimator has no probabilities: those shown only order its labels.")
    return Conversion(
        files={MODEL_FILE: core_of(said, columns), PIPELINE_FILE: pipeline_of(said, columns)},
        trial=_trial(said, columns, answers),
        algorithm=said.algorithm,
        library=library,
        task="classification",
        opset=OPSET,
        parameters={"features": len(said.names), "labels": list(said.labels)},
        notes=tuple(notes),
    )


def _trial(said: Document, columns: Sequence[Column], answers: _Answers) -> Trial:
    """Rows of values that it knows, of others, and with features left out."""
    drawing = np.random.default_rng(_SEED)
    values = _values(said, columns)
    rows: list[Row] = []
    chances: list[Sequence[float]] = []
    for _ in range(4 * CHECKED_ROWS):
        row = _drawn(columns, values, drawing)
        found = answers(row)
        first, second = sorted(found, reverse=True)[:2]
        if first - second > NEAREST_TIE:
            rows.append(row)
            chances.append(found)
        if len(rows) == CHECKED_ROWS:
            break
    best = np.argmax(np.array(chances), axis=1)
    outputs: dict[str, Array] = {"prediction": _texts([said.labels[at] for at in best])}
    if said.has_chances:
        outputs["probability"] = np.array(chances, dtype=np.float32)
    return Trial(inputs=tensors_of(columns, rows), outputs=outputs, tolerance=TOLERANCE)


def _values(said: Document, columns: Sequence[Column]) -> dict[str, list[Value]]:
    known: dict[str, list[Value]] = {
        one.name: [text for text in one.values if text] for one in columns
    }
    for feature in said.features:
        known[feature.name] += [one for one in feature.values if not isinstance(one, str)]
    for column in columns:
        if column.kind == "truth":
            known[column.name] = [True, False]
        known[column.name] += _OTHERS[column.kind]
    for slope in said.slopes:
        own = known[slope.name] if slope.type != "float" else []
        known[slope.name] = [*own, *_NUMBERS.get(slope.type, (4,))]
    return known


def _drawn(
    columns: Sequence[Column], values: dict[str, list[Value]], drawing: np.random.Generator
) -> Row:
    share = drawing.choice([0.2, 0.7, 1.0])
    return {
        one.name: values[one.name][int(drawing.integers(len(values[one.name])))]
        for one in columns
        if drawing.random() < share
    }


def _texts(values: Sequence[str]) -> Array:
    found = np.empty(len(values), dtype=np.object_)
    found[:] = [one.encode() for one in values]
    return found
