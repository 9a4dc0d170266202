"""Classifiers of several targets at once: a classifier for each."""

import numpy as np

from lichen.core.tensors import Datatype
from lichen.frameworks.importing.scikit.choosing import largest
from lichen.frameworks.importing.scikit.trees import as_trees_read, grown_in, of_tree, summed
from lichen.frameworks.importing.scikit.writing import (
    Classified,
    Fitted,
    Flow,
    Given,
    Writing,
)

_FORESTS = frozenset(
    f"{kind}Classifier" for kind in ("DecisionTree", "ExtraTree", "RandomForest", "ExtraTrees")
)


def several_of(writing: Writing, fitted: Fitted, given: Given) -> list[Classified] | None:
    """What is said of each target; None where there is one."""
    while getattr(fitted, "steps", None):
        for _, step in fitted.steps[:-1]:
            if step is not None and not isinstance(step, str):
                if not _is_several(fitted.steps[-1][1]):
                    return None
                given = writing.transformed(step, given)
        fitted = fitted.steps[-1][1]
    kind = type(fitted).__name__
    if not _is_several(fitted):
        return None
    if kind == "MultiOutputClassifier":
        return [writing.classified(one, given) for one in fitted.estimators_]
    if kind == "ClassifierChain":
        return _chained(writing, fitted, given)
    return _grown(writing, fitted, given)


def _is_several(fitted: Fitted) -> bool:
    kind = type(fitted).__name__
    if kind in ("MultiOutputClassifier", "ClassifierChain"):
        return True
    return kind in _FORESTS and getattr(fitted, "n_outputs_", 1) > 1


def _grown(writing: Writing, fitted: Fitted, given: Given) -> list[Classified]:
    flow, graph, trees = as_trees_read(writing, given), writing.graph, grown_in(fitted)
    said = []
    for target, classes in enumerate(fitted.classes_):
        grown = []
        for tree in trees:
            value = np.asarray(tree.value[:, target, : len(classes)], dtype=np.float64)
            grown.append(of_tree(tree, value / value.sum(axis=1, keepdims=True)))
        votes = graph.op("Div", summed(graph, flow.name, grown), float(len(grown)))
        said.append(Classified(np.asarray(classes), largest(graph, votes), votes))
    return said


def _chained(writing: Writing, fitted: Fitted, given: Given) -> list[Classified]:
    """Each knows what those before it answered."""
    flow, graph = writing.flow(given), writing.graph
    said: list[Classified] = []
    before: list[str] = []
    for estimator in fitted.estimators_:
        raw = flow.raw and flow.raw + (None,) * len(before)
        rows = Flow(graph.joined([flow.name, *before]), flow.width + len(before), raw)
        one = writing.classified(estimator, rows)
        said.append(one)
        answer = graph.op("Gather", np.asarray(one.classes, dtype=np.float64), one.choice)
        before.append(graph.cast(graph.op("Unsqueeze", answer, [1]), Datatype.FP64))
    order = np.argsort(np.asarray(fitted.order_)).tolist()
    # its labels are numbers: a chain gives each to the next
    return [said[place] for place in order]
