"""An NLTK classifier as JSON: what it knows, and no code. The standard library is all it takes.

NLTK saves its classifiers by pickle alone. Where you made one, and trust it, write it so:

    import pickle
    from lichen.frameworks.importing.language.nltk_document import as_json
    open("model.json", "w").write(as_json(pickle.load(open("model.pickle", "rb"))))

A document is `linear` (scores of labels, natural logarithms, that add up) or a `tree`.
"""

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

from lichen.core.errors import InvalidInput

FORMAT = "lichen.nltk/1"
LEAST = -10_000.0
"""Of a score: as good as impossible, and small enough to be added up."""
_LN2 = math.log(2.0)
_LINEAR_OF_SKLEARN = "MultinomialNB, BernoulliNB, LogisticRegression, LinearSVC, SGDClassifier"


def as_json(classifier: Any) -> str:  # noqa: ANN401 - of any class of NLTK
    """The document of a fitted classifier.

    Raises:
        InvalidInput: it is of a kind that is not taken; the message says which are.
    """
    kind = type(classifier).__name__
    write = {
        "NaiveBayesClassifier": _naive_bayes,
        "MaxentClassifier": _maxent,
        "ConditionalExponentialClassifier": _maxent,
        "DecisionTreeClassifier": _tree,
        "SklearnClassifier": _sklearn,
    }.get(kind)
    if write is None:
        raise InvalidInput(
            f"a {kind} is no classifier of NLTK that is taken: NaiveBayesClassifier, "
            "MaxentClassifier, DecisionTreeClassifier or SklearnClassifier"
        )
    said = {"format": FORMAT, "algorithm": kind, **write(classifier)}
    return json.dumps(said, ensure_ascii=False, sort_keys=True)


def _scores(values: Iterable[float]) -> list[float]:
    return [max(LEAST, min(-LEAST, float(value))) for value in values]


def _naive_bayes(classifier: Any) -> dict[str, object]:  # noqa: ANN401 - of NLTK
    """Logarithms of probabilities, which add up (labels are independent of each other's)."""
    labels = list(classifier._labels)  # noqa: SLF001 - it has no other door
    tables = classifier._feature_probdist  # noqa: SLF001
    prior = classifier._label_probdist  # noqa: SLF001
    names = sorted({name for _, name in tables}, key=str)
    return {
        "labels": [str(label) for label in labels],
        "bias": _scores(_LN2 * prior.logprob(label) for label in labels),
        "features": [
            _bayes_feature(name, [tables.get((one, name)) for one in labels]) for name in names
        ],
    }


def _bayes_feature(name: object, tables: list[Any]) -> dict[str, object]:
    values = {value for table in tables if table is not None for value in table.samples()}
    values.discard(None)
    ordered = sorted(values, key=repr)

    def scores(value: object) -> list[float]:
        return _scores(LEAST if table is None else _LN2 * table.logprob(value) for table in tables)

    return {
        "name": str(name),
        "values": ordered,
        "scores": [scores(value) for value in ordered],
        "unseen": scores(object()),
    }


def _maxent(classifier: Any) -> dict[str, object]:  # noqa: ANN401 - of NLTK
    encoding = classifier._encoding  # noqa: SLF001 - it has no other door
    kind = type(encoding).__name__
    if kind not in ("BinaryMaxentFeatureEncoding", "GISEncoding", "TypedMaxentFeatureEncoding"):
        raise InvalidInput(
            f"its features are encoded by {kind}, which is code: train it with the encoding of NLTK"
        )
    weights = [float(one) for one in classifier._weights]  # noqa: SLF001
    if classifier._logarithmic:  # noqa: SLF001
        logs = [_LN2 * one for one in weights]
    else:
        logs = [math.log(one) if one > 0 else LEAST for one in weights]
    labels = list(encoding.labels())
    always, unseen = (getattr(encoding, name) or {} for name in ("_alwayson", "_unseen"))
    bias = [logs[always[label]] if label in always else 0.0 for label in labels]
    spent = 0.0
    if kind == "GISEncoding":  # what has fired is taken from the correction feature
        spent = logs[encoding.length() - 1]
        bias = [
            one + spent * (encoding.C - (label in always))
            for one, label in zip(bias, labels, strict=True)
        ]
    tables = _Mapping(encoding._mapping, labels, logs, spent)  # noqa: SLF001
    features = []
    for name in sorted({name for name, _, _ in encoding._mapping}, key=str):  # noqa: SLF001
        other = logs[unseen[name]] - spent if name in unseen else 0.0
        features.append(tables.feature(name, other))
    slopes = tables.slopes() if kind == "TypedMaxentFeatureEncoding" else []
    kept = [one for one in features if one["values"]] if slopes else features
    return {
        "labels": [str(label) for label in labels],
        "bias": _scores(bias),
        "features": kept,
        "slopes": slopes,
    }


class _Mapping:
    """The mapping of a maximum-entropy encoding: which weight counts for name, value and label."""

    def __init__(
        self, mapping: Mapping[Any, int], labels: list[Any], logs: list[float], spent: float
    ) -> None:
        self._mapping, self._labels, self._logs, self._spent = mapping, labels, logs, spent
        self._values: dict[object, set[object]] = {}
        for name, value, _ in mapping:
            self._values.setdefault(name, set()).add(value)

    def feature(self, name: object, other: float) -> dict[str, object]:
        """The scores of its values."""
        values = [
            one for one in self._values[name] if one is not None and not isinstance(one, type)
        ]
        ordered = sorted(values, key=repr)
        return {
            "name": str(name),
            "values": ordered,
            "scores": [self._of(name, value) for value in ordered],
            "unseen": _scores([other] * len(self._labels)),
        }

    def slopes(self) -> list[dict[str, object]]:
        """Features that are numbers: their own value times a weight."""
        found: list[dict[str, object]] = []
        for name in sorted(self._values, key=str):
            types = [one for one in self._values[name] if isinstance(one, type)]
            if len(types) > 1:
                raise InvalidInput(
                    f"the feature {str(name)!r} was trained with numbers of several types, which "
                    "JSON does not tell apart: give it as one type and train again"
                )
            found += [
                {"name": str(name), "type": one.__name__, "scores": self._of(name, one)}
                for one in types
            ]
        return found

    def _of(self, name: object, value: object) -> list[float]:
        places = [self._mapping.get((name, value, label)) for label in self._labels]
        return _scores(0.0 if at is None else self._logs[at] - self._spent for at in places)


def _tree(classifier: Any) -> dict[str, object]:  # noqa: ANN401 - of NLTK
    labels = sorted({str(label) for label in classifier.labels()})
    return {"labels": labels, "root": _node(classifier)}


def _node(node: Any) -> dict[str, object]:  # noqa: ANN401 - of NLTK
    if node._fname is None:  # noqa: SLF001 - it has no other door
        return {"label": str(node._label)}  # noqa: SLF001
    branches = sorted((node._decisions or {}).items(), key=lambda one: repr(one[0]))  # noqa: SLF001
    default = node._default  # noqa: SLF001
    otherwise = {"label": str(node._label)} if default is None else _node(default)  # noqa: SLF001
    return {
        "feature": str(node._fname),  # noqa: SLF001
        "branches": [[value, _node(below)] for value, below in branches],
        "otherwise": otherwise,
    }


def _sklearn(classifier: Any) -> dict[str, object]:  # noqa: ANN401 - of NLTK
    """A linear estimator of scikit-learn behind a `DictVectorizer`."""
    core = classifier._clf  # noqa: SLF001 - it has no other door
    labels = [str(one) for one in classifier.labels()]
    weights, bias, threshold = _linear(core)
    vectorizer = classifier._vectorizer  # noqa: SLF001
    tables: dict[str, list[tuple[str, list[float]]]] = {}
    slopes = []
    for at, name in enumerate(vectorizer.feature_names_):
        column, is_value, value = str(name).partition(vectorizer.separator)
        scores = _scores(row[at] for row in weights)
        if is_value:
            tables.setdefault(column, []).append((value, scores))
        else:
            slopes.append({"name": column, "type": "", "scores": scores})
    features = [
        {
            "name": name,
            "values": [value for value, _ in rows],
            "scores": [scores for _, scores in rows],
            "unseen": [0.0] * len(labels),
        }
        for name, rows in tables.items()
    ]
    said: dict[str, object] = {"labels": labels, "bias": _scores(bias), "features": features}
    has_chances = hasattr(core, "predict_proba")
    return {**said, "slopes": slopes, "threshold": threshold, "has_chances": has_chances}


def _linear(core: Any) -> tuple[list[list[float]], list[float], float | None]:  # noqa: ANN401 - of scikit-learn
    """Weights of each label, its bias, and from where a number counts as there."""
    kind = type(core).__name__
    if kind == "MultinomialNB":
        return core.feature_log_prob_.tolist(), core.class_log_prior_.tolist(), None
    if kind == "BernoulliNB" and core.binarize is not None:
        there = core.feature_log_prob_
        absent = [[math.log1p(-math.exp(one)) for one in row] for row in there.tolist()]
        weights = [
            [yes - no for yes, no in zip(row, other, strict=True)]
            for row, other in zip(there.tolist(), absent, strict=True)
        ]
        bias = [
            one + sum(row) for one, row in zip(core.class_log_prior_.tolist(), absent, strict=True)
        ]
        return weights, bias, float(core.binarize)
    is_logistic = kind == "LogisticRegression" or getattr(core, "loss", "") == "log_loss"
    if kind in ("LogisticRegression", "LinearSVC", "SGDClassifier"):
        weights, bias = core.coef_.tolist(), [float(one) for one in core.intercept_]
        if len(weights) == 1:
            return [[0.0] * len(weights[0]), weights[0]], [0.0, bias[0]], None
        if kind != "SGDClassifier" or not is_logistic:
            return weights, bias, None
    raise InvalidInput(
        f"its estimator is a {kind} of scikit-learn, and those that are taken are "
        f"{_LINEAR_OF_SKLEARN} (log_loss for two labels): import the estimator by itself (skops)"
    )
