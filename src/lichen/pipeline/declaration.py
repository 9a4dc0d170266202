"""What stands around a model's core: plain values, so it travels as JSON and runs no code.

A pipeline has three parts. Its encoders turn the raw columns of a row into one row of float32
features; its core, an ONNX model, turns features into raw outputs; its head turns those into what
is answered. A version keeps them as `pipeline.json`, `model.onnx`, and, where an encoder has large
tables, `pipeline.npz`.
"""

from typing import Literal

import msgspec


class Encoder(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Turns one raw column into features.

    Attributes:
        column: its name in a raw row.
        may_lack: whether a row may leave it out, or have nothing in it.
    """

    column: str
    may_lack: bool = False


class Number(Encoder, frozen=True, kw_only=True, tag="number"):
    """A number or boolean: `(clip(x or fill) - centre) / scale`, one feature.

    Attributes:
        fill: stands in for what is missing; None: it stays NaN, for cores that split on it.
        flags_missing: whether a second feature says that it was missing.
        low, high: values beyond are taken as these; None: none.
        scale: never 0.
        is_boolean: whether it came as true and false.
        unit: of the raw values.
    """

    fill: float | None = None
    flags_missing: bool = False
    low: float | None = None
    high: float | None = None
    centre: float = 0.0
    scale: float = 1.0
    is_boolean: bool = False
    unit: str | None = None


class OneHot(Encoder, frozen=True, kw_only=True, tag="one-hot"):
    """A text of few values: a feature for each value, and one for all others where `flags_other`.

    What is missing is the value "".
    """

    values: list[str]
    flags_other: bool = True


class Codes(Encoder, frozen=True, kw_only=True, tag="codes"):
    """A text of many values, one feature: a number for each value.

    Attributes:
        values: in the order of `numbers`.
        numbers: such as the mean of the target for each value, shrunk to that of all.
        other: of every value that is not listed; NaN is written as None.
    """

    values: list[str]
    numbers: list[float]
    other: float | None = None


class Moment(Encoder, frozen=True, kw_only=True, tag="moment"):
    """A date or time in a text: the parts of it, one or two features each.

    Attributes:
        parts: `year`, `month`, `day`, `weekday`, `hour`, `elapsed` (days since `origin`);
            month, weekday and hour are sine and cosine of their cycle where `is_cyclic`.
        origin: RFC 3339.
        is_cyclic: whether parts of a cycle are given as sine and cosine.
        fill: stands in for every feature of what is missing; None: NaN.
        scales: by which parts are centred and divided: `(centre, scale)` for each feature.
    """

    parts: list[str]
    origin: str = "2000-01-01T00:00:00Z"
    is_cyclic: bool = True
    fill: float | None = 0.0
    scales: list[tuple[float, float]] = []


class Words(Encoder, frozen=True, kw_only=True, tag="words"):
    """A text as TF-IDF of its words or characters, L2-normalised; one feature a term.

    Attributes:
        analyzer: `word`, or `char` within words padded by a space.
        language: `en`: runs of letters and digits; `zh`: words as jieba parts them.
        ngrams: the fewest and the most words or characters that are one term.
        terms: the vocabulary, in the order of the features.
        weights: inverse document frequency of each term.
        is_sublinear: whether a count counts as 1 + its logarithm.
        projection: key in `pipeline.npz` of a matrix `(terms, components)` that the row is
            multiplied by; None: none. Of LSA its rows are directions in space; of a linear model
            they are its weights, so that only the terms that a text has are ever looked at.
        is_directed: whether the result of the projection is L2-normalised, as for LSA.
    """

    analyzer: Literal["word", "char"] = "word"
    language: str = "en"
    ngrams: tuple[int, int] = (1, 1)
    terms: list[str]
    weights: list[float]
    is_sublinear: bool = True
    projection: str | None = None
    is_directed: bool = True


class Tokens(Encoder, frozen=True, kw_only=True, tag="tokens"):
    """A text as scikit-learn's vectorizers count and weigh its terms; one feature a term.

    Attributes:
        analyzer: `word`, `char`, or `char_wb`, characters within words padded by a space.
        pattern: a regular expression of what a word is.
        ngrams: the fewest and the most words or characters that are one term.
        is_lowered: whether it is read in lower case.
        accents: `unicode` or `ascii`: how accents are taken off; empty: they are not.
        left_out: words that are passed over.
        terms: the vocabulary, in the order of the features.
        weights: inverse document frequency of each term; empty: none.
        is_binary: whether a term counts once, however often it stands there.
        is_sublinear: whether a count counts as 1 + its logarithm.
        norm: `l2` or `l1`: what makes a row of length 1; empty: nothing.
    """

    analyzer: Literal["word", "char", "char_wb"] = "word"
    pattern: str = r"(?u)\b\w\w+\b"
    ngrams: tuple[int, int] = (1, 1)
    is_lowered: bool = True
    accents: Literal["", "unicode", "ascii"] = ""
    left_out: list[str] = []
    terms: list[str]
    weights: list[float] = []
    is_binary: bool = False
    is_sublinear: bool = False
    norm: Literal["", "l1", "l2"] = ""


class Embedding(Encoder, frozen=True, kw_only=True, tag="embedding"):
    """A text as a vector of unit length, by the sentence encoder that the version keeps.

    That is `encoder.onnx`, from tokens to a vector, and its `tokenizer.json`.

    Attributes:
        width: how many features.
        encoder: what it was taken from: a package or a model.
    """

    width: int
    encoder: str = ""


class Subwords(Encoder, frozen=True, kw_only=True, tag="subwords"):
    """A text as tokens of the version's `tokenizer.json`; it stands alone.

    The core takes them as they come, `ids` and `mask` INT64 `(1, tokens)`, one text at a time.

    Attributes:
        longest: tokens of a text; what a longer one is about is said by then.
    """

    longest: int = 512


Encoders = Number | OneHot | Codes | Moment | Words | Tokens | Embedding | Subwords


class Head(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """Turns a core's raw outputs `(rows, k)` into what is answered."""


class Value(Head, frozen=True, kw_only=True, tag="value"):
    """A number: `raw * scale + centre`, and an interval about it.

    Answers `prediction` FP64 `(rows,)`, and `low` and `high` where `half_width` is given.

    Attributes:
        half_width: of the interval, in the unit of the answer: the conformal quantile of absolute
            residuals of rows that were not fitted on (Vovk et al., 2005).
        confidence: share of truths in the interval.
    """

    centre: float = 0.0
    scale: float = 1.0
    is_logarithm: bool = False
    half_width: float | None = None
    confidence: float = 0.9
    unit: str | None = None


class Classes(Head, frozen=True, kw_only=True, tag="classes"):
    """One of several classes.

    Answers `prediction` BYTES `(rows,)`, `probability` FP32 `(rows, classes)`, and where
    `set_threshold` is given `in_set` BOOL `(rows, classes)`: the classes of the conformal set.

    A core says one column for two classes, else one a class. `link` says what: `logit`: scores
    whose softmax (of one column: the logistic function) are probabilities; `probability`:
    probabilities.

    Attributes:
        labels: in the order of the core's columns; of two, the column is of the second.
        link: `logit` or `probability`.
        slopes, offsets: calibration of each class: `softmax(slope * score + offset)`, the score of
            a probability its logarithm; empty: none. For one column, of the second class alone.
        cuts: a class is answered where its probability divided by its cut is the largest; empty:
            all alike.
        set_threshold: classes at least so probable are in the set, the first always.
    """

    labels: list[str]
    link: Literal["logit", "probability"] = "logit"
    slopes: list[float] = []
    offsets: list[float] = []
    cuts: list[float] = []
    set_threshold: float | None = None
    confidence: float = 0.9


class Alarm(Head, frozen=True, kw_only=True, tag="alarm"):
    """How unlike the usual: larger is more so.

    Answers `score` FP64 `(rows, statistics)`, each divided by its threshold, and `anomaly` BOOL
    `(rows,)`: some score is over 1. Where there are columns, also `contribution` FP64 `(rows,
    columns)`: what each raw column contributed to the scores.

    Attributes:
        statistics: names of the core's first columns.
        thresholds: of each, calibrated on rows that the detector was not fitted on.
        false_alarms: the share of usual rows over some threshold.
        columns: the raw columns that the rest of the core's columns are the contributions of.
    """

    statistics: list[str]
    thresholds: list[float]
    false_alarms: float = 0.01
    columns: list[str] = []


class Groups(Head, frozen=True, kw_only=True, tag="groups"):
    """Which cluster: the largest of the core's columns.

    Answers `prediction` INT64 `(rows,)`, -1 where no membership reaches `least`, `membership` FP32
    `(rows, clusters)`, and where there are topics `topic` BYTES `(rows,)`.

    Attributes:
        clusters: how many.
        topics: what each is about.
        least: memberships under this are of none.
    """

    clusters: int
    topics: list[str] = []
    least: float = 0.0


class Ranking(Head, frozen=True, kw_only=True, tag="ranking"):
    """The items with the largest raw outputs.

    Answers `items` BYTES `(rows, top)` and `score` FP32 `(rows, top)`. What has the least float32
    as its raw output is not offered: where nothing else is left, an empty text of score 0 stands.

    Attributes:
        item: what an item is called: the column that it came from.
    """

    labels: list[str]
    top: int = 10
    item: str = "item"


class Vector(Head, frozen=True, kw_only=True, tag="vector"):
    """The core's outputs themselves, FP32 `(rows, width)`, under a name.

    Attributes:
        name: such as `embedding`.
        width: how many.
        columns: what each is, where they have names: the labels that may hold side by side.
    """

    name: str = "embedding"
    width: int
    columns: list[str] = []


class Entities(Head, frozen=True, kw_only=True, tag="entities"):
    """Stretches of a text of one kind, of what the core says of each token `(tokens, labels)`.

    Answers `entities` BYTES `(rows,)`: JSON, a list of `start`, `end` (characters), `text` and
    `label`. Labels that begin with `B-` and `I-` begin and go on (Ramshaw and Marcus, 1995).

    Attributes:
        labels: in the order of the core's columns; `O` is of no kind.
    """

    labels: list[str]


Heads = Value | Classes | Alarm | Groups | Ranking | Vector | Entities


class Pipeline(msgspec.Struct, frozen=True, kw_only=True):
    """What stands around a core.

    Attributes:
        encoders: in the order of their features; empty: the core takes its tensor as it comes.
        head: what becomes of the core's output; None: it is answered as it is.
        tensor: of a core without encoders: the name of its only input, such as `image`.
    """

    encoders: list[Encoders] = []
    head: Heads | None = None
    tensor: str | None = None
