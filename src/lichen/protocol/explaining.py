"""Explanations on the wire: what is asked of `POST /explain/{deployment}`, and what is answered."""

import msgspec

AUTO = "auto"
MOST_SAMPLES = 100_000


class Part(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """What a contribution is of: a raw column of the row, or a part of one.

    Attributes:
        column: the raw column, as a person knows it.
        value: what the row has there; of a part of a text its characters.
        unit: of the value.
        place: of a part of a column, where it stands: the first character and the one after the
            last of a text; left, top, right and bottom of an image in pixels; the step of a series.
    """

    column: str
    value: str | float | bool | None = None
    unit: str | None = None
    place: list[int] = []


class Inner(msgspec.Struct, frozen=True, gc=False):
    """The same attribution in the space that the model itself computes in, as `logarithm`."""

    space: str
    base: float
    prediction: float
    contributions: list[float]


class Attribution(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Why one output of one row is what it is: `base` and the contributions sum to `prediction`.

    Attributes:
        output: its name, or the class; of a forecast the target and its step.
        base: what is answered where nothing is known of the row.
        prediction: what is answered for the row.
        contributions: one for each part of the row, in their order.
        inner: where the model computes in another space than it answers in.
    """

    output: str
    base: float
    prediction: float
    contributions: list[float]
    inner: Inner | None = None


class ExplainedRow(msgspec.Struct, frozen=True, gc=False):
    """One row: its parts, and an attribution for each output that was asked for."""

    parts: list[Part]
    attributions: list[Attribution]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """Why a deployment answers as it does.

    Attributes:
        method: how it was found, such as `tree-shap`.
        space: what base, contributions and prediction are: `value` (the unit of the answer),
            `log-odds`, `margin` (of each of several classes, before the link), `logarithm`,
            `probability`, `score`.
        sums_to: one sentence: what base and contributions sum to.
        largest_error: the largest distance of a sum from its prediction, over all rows.
        unit: of the prediction, where it has one.
        model: `NAME@V` of what was explained.
        notes: what has to be known to read it.
        model_runs: rows that the model was asked about, or differentiated at; 0: not counted.
        pictures: where they were asked for, one a row: SVG as its text, PNG in base64.
    """

    method: str
    space: str
    sums_to: str
    largest_error: float
    rows: list[ExplainedRow]
    unit: str | None = None
    model: str = ""
    notes: list[str] = []
    model_runs: int = 0
    pictures: list[str] = []


class ExplainOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an explanation is wanted.

    Attributes:
        method: `auto`, or the name of one that fits the model.
        output: the name of the output, or the class, to explain; None: all.
        samples: model answers a row at most, of methods that sample; None: the method's own.
        seed: of methods that sample: the same seed gives the same explanation.
        baseline: what the row is held against. Of pictures `mean`, `blur` or `zero`; of forecasts
            `trailing-mean`, `day-before` or `week-before`; None: the first.
        patch: pixels a side of what is covered of a picture, or numbers of another tensor.
        step: of a forecast, the only step ahead to explain, from 1.
        picture: `svg` or `png`: draw each row as well.
    """

    method: str = AUTO
    output: str | None = None
    samples: int | None = None
    seed: int = 0
    baseline: str | None = None
    patch: int | None = None
    step: int | None = None
    picture: str | None = None
