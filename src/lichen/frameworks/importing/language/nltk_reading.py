"""The document of an NLTK classifier, read with suspicion, and what it says of one row."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.language.nltk_document import FORMAT

Value = str | float | bool
MOST_FEATURES = 100_000
MOST_DEPTH = 500


@dataclass(frozen=True, slots=True)
class Feature:
    """What each value of a feature says of each label, and what any other value says."""

    name: str
    values: tuple[Value, ...]
    scores: tuple[tuple[float, ...], ...]
    unseen: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Slope:
    """A feature that is a number: what it says of each label, times that number.

    `type` is `int`, `float` or `bool` where only that counts; empty: any.
    """

    name: str
    type: str
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a tree: a label, or a feature, the nodes of its values, and of all others.

    None among the values stands for a feature that a row lacks.
    """

    label: str | None = None
    feature: str = ""
    branches: tuple[tuple[Value | None, "Node"], ...] = ()
    otherwise: "Node | None" = None


@dataclass(frozen=True, slots=True)
class Document:
    """A classifier.

    Attributes:
        algorithm: its class in NLTK.
        labels: at least two.
        bias, features, slopes: of a linear one.
        threshold: a slope's number counts as 1 above, else 0; None: as it is.
        has_chances: whether its scores are logarithms of chances.
        root: of a tree.
    """

    algorithm: str
    labels: tuple[str, ...]
    bias: tuple[float, ...] = ()
    features: tuple[Feature, ...] = ()
    slopes: tuple[Slope, ...] = ()
    threshold: float | None = None
    has_chances: bool = True
    root: Node | None = None
    names: tuple[str, ...] = field(default=())


def read_document(content: bytes) -> Document:
    """The document in a file.

    Raises:
        InvalidInput: it is none, or contradicts itself; the message says where.
    """
    try:
        said = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"the file is no JSON: {error}") from error
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise InvalidInput(f"the file is no classifier of the format {FORMAT}")
    try:
        found = _tree(said) if "root" in said else _linear(said)
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidInput(
            f"the classifier lacks a part, or it has another form ({error!r}): write it by as_json"
        ) from error
    _check(found)
    return found


def _linear(said: Mapping[str, object]) -> Document:
    labels = _labels(said)
    features: tuple[Feature, ...] = tuple(
        Feature(
            str(one["name"]),
            tuple(_value(value) for value in one["values"]),
            tuple(_numbers(row, len(labels)) for row in one["scores"]),
            _numbers(one["unseen"], len(labels)),
        )
        for one in _objects(said, "features")
    )
    slopes = tuple(
        Slope(str(one["name"]), str(one["type"]), _numbers(one["scores"], len(labels)))
        for one in _objects(said, "slopes")
    )
    threshold = said.get("threshold")
    return Document(
        str(said["algorithm"]),
        labels,
        _numbers(said["bias"], len(labels)),
        features,
        slopes,
        None if threshold is None else float(str(threshold)),
        bool(said.get("has_chances", True)),
        names=tuple(
            dict.fromkeys([*(one.name for one in features), *(one.name for one in slopes)])
        ),
    )


def _tree(said: Mapping[str, object]) -> Document:
    names: dict[str, None] = {}
    root = _node(said["root"], names, 0)
    return Document(str(said["algorithm"]), _labels(said), root=root, names=tuple(sorted(names)))


def _node(said: object, names: dict[str, None], depth: int) -> Node:
    if not isinstance(said, dict) or depth > MOST_DEPTH:
        raise ValueError("a node is no object, or the tree is too deep")
    if "label" in said:
        return Node(str(said["label"]))
    name = str(said["feature"])
    names[name] = None
    branches = tuple(
        (None if value is None else _value(value), _node(below, names, depth + 1))
        for value, below in said["branches"]
    )
    return Node(None, name, branches, _node(said["otherwise"], names, depth + 1))


def _labels(said: Mapping[str, object]) -> tuple[str, ...]:
    labels = said["labels"]
    if not isinstance(labels, list) or len(set(labels)) < len(labels) or len(labels) < 2:
        raise InvalidInput("the classifier has not two different labels: train it on more")
    return tuple(str(one) for one in labels)


def _objects(said: Mapping[str, object], key: str) -> list[dict[str, list[object]]]:
    found = said.get(key, [])
    if not isinstance(found, list):
        raise TypeError(key)
    return found


def _value(value: object) -> Value:
    if not isinstance(value, str | float | int):
        raise TypeError(f"the value {value!r} is neither a text, a number nor a truth value")
    return value


def _numbers(row: object, count: int) -> tuple[float, ...]:
    if not isinstance(row, list) or len(row) != count:
        raise ValueError(f"there are not {count} scores")
    found = tuple(float(one) for one in row)
    if not all(map(math.isfinite, found)):
        raise ValueError("a score is not finite")
    return found


def _check(found: Document) -> None:
    if len(found.names) > MOST_FEATURES:
        raise InvalidInput(
            f"the classifier has {len(found.names):,} features, and {MOST_FEATURES:,} are the "
            "most that a row may have: train it on the most informative ones"
        )
    if not found.names:
        raise InvalidInput("the classifier knows no feature: train it on rows that have some")
    for one in found.features:
        if len(one.values) != len(one.scores) or len(set(one.values)) < len(one.values):
            raise InvalidInput(f"the feature {one.name!r} has not one score a value: train it anew")


Row = Mapping[str, Value]


def judged(said: Document, row: Row) -> list[float]:
    """The chance of each label, by the document's own words."""
    if said.root is not None:
        chosen = _walked(said.root, row)
        return [float(label == chosen) for label in said.labels]
    scores = list(said.bias)
    for feature in said.features:
        if feature.name in row:
            scores = _added(scores, _said_of(feature, row[feature.name]))
    for slope in said.slopes:
        value = row.get(slope.name)
        if value is None or isinstance(value, str):
            continue
        if slope.type in ("", type(value).__name__):
            number = float(value) if said.threshold is None else float(value > said.threshold)
            scores = _added(scores, [number * one for one in slope.scores])
    most = max(scores)
    parts = [math.exp(one - most) for one in scores]
    return [one / sum(parts) for one in parts]


def _said_of(feature: Feature, value: Value) -> Sequence[float]:
    at = feature.values.index(value) if value in feature.values else None
    return feature.unseen if at is None else feature.scores[at]


def _added(scores: Sequence[float], more: Sequence[float]) -> list[float]:
    return [one + other for one, other in zip(scores, more, strict=True)]


def _walked(node: Node, row: Row) -> str:
    while node.label is None:
        value = row.get(node.feature)
        below = next((one for key, one in node.branches if key == value), node.otherwise)
        if below is None:
            raise InvalidInput("the tree ends without a label")
        node = below
    return node.label
