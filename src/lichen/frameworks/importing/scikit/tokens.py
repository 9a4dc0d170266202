"""Vectorizers of texts, as an encoder of ours that counts as they do."""

from collections.abc import Mapping

import numpy as np

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.scikit.writing import (
    Fitted,
    Flow,
    Given,
    Table,
    Transforms,
    Writing,
)
from lichen.pipeline.declaration import Tokens


class TermsWanted(Exception):
    """A text is parted into terms, which is done before a graph."""


def _vectorized(writing: Writing, fitted: Fitted, given: Given) -> Flow:
    if not isinstance(given, Table) or len(given.columns) != 1:
        raise InvalidInput(
            f"the {type(fitted).__name__} reads no raw column of texts: give it one column alone"
        )
    _check(fitted)
    weighting = getattr(fitted, "_tfidf", None)
    terms = sorted(fitted.vocabulary_, key=fitted.vocabulary_.__getitem__)
    idf = np.asarray(weighting.idf_).tolist() if weighting is not None and weighting.use_idf else []
    column = given.columns[0]
    said = Tokens(
        column=writing.name_of(column),
        may_lack=True,
        analyzer=fitted.analyzer,
        pattern=fitted.token_pattern,
        ngrams=(int(fitted.ngram_range[0]), int(fitted.ngram_range[1])),
        is_lowered=bool(fitted.lowercase),
        accents=fitted.strip_accents or "",
        left_out=sorted(fitted.get_stop_words() or ()) if fitted.ngram_range[1] > 1 else [],
        terms=terms,
        weights=idf,
        is_binary=bool(fitted.binary),
        is_sublinear=bool(weighting is not None and weighting.sublinear_tf),
        norm=(weighting.norm if weighting is not None else None) or "",
    )
    writing.texts.setdefault(column, []).extend(terms)
    writing.prose.add(column)
    return Flow(writing.inputs.terms(writing.graph, said), len(terms))


def _check(fitted: Fitted) -> None:
    """Does it part texts in a way of its own?"""
    own = [name for name in ("preprocessor", "tokenizer") if getattr(fitted, name) is not None]
    if own or callable(fitted.analyzer) or callable(fitted.strip_accents):
        raise InvalidInput(
            f"the {type(fitted).__name__} parts texts by a function of its own: leave "
            f"{', '.join(own) or 'analyzer'} out, or export the model as ONNX yourself"
        )


def _weighted(writing: Writing, fitted: Fitted, given: Given) -> Flow:
    """`TfidfTransformer`, over counts."""
    flow, graph = writing.flow(given), writing.graph
    name = flow.name
    if fitted.sublinear_tf:
        is_there = graph.op("Greater", name, 0.0)
        grown = graph.op("Add", graph.op("Log", graph.chosen(is_there, name, 1.0)), 1.0)
        name = graph.chosen(is_there, grown, name)
    if fitted.use_idf:
        name = graph.op("Mul", name, np.asarray(fitted.idf_, dtype=np.float64))
    if fitted.norm is None:
        return Flow(name, flow.width)
    if fitted.norm == "l2":
        size = graph.op("Sqrt", graph.op("ReduceSumSquare", name, [1], keepdims=1))
    else:
        size = graph.op("ReduceSum", graph.op("Abs", name), [1], keepdims=1)
    whole = graph.chosen(graph.op("Equal", size, 0.0), 1.0, size)
    return Flow(graph.op("Div", name, whole), flow.width)


TRANSFORMERS: Mapping[str, Transforms] = {
    "CountVectorizer": _vectorized,
    "TfidfVectorizer": _vectorized,
    "TfidfTransformer": _weighted,
}
