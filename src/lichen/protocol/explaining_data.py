"""Explanations over a dataset: a job of kind `explain`, and what it makes."""

from typing import Literal

import msgspec

PERMUTATION, DEPENDENCE = "permutation", "dependence"
DATA_METHODS = (PERMUTATION, DEPENDENCE)
MOST_ROWS, MOST_REPEATS, MOST_GRID, MOST_CURVES = 100_000, 100, 200, 50


class ExplainSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Of an `explain` job: what a deployment makes of the columns of a dataset.

    Attributes:
        deployment: its name; the version that it serves when the job starts is explained.
        data: the dataset.
        data_version: its version; None: the newest.
        method: `permutation`: how much worse it answers when the cells of a column change places;
            `dependence`: what it answers when a column is set, for all rows and for each.
        target: the column of the truth; `permutation` needs it.
        columns: those to look at; None: all.
        output: the output, or the class, whose dependence is shown; None: the first.
        rows: of the dataset at most, evenly spaced.
        repeats: how often the cells of each column change places.
        grid: values that a column is set to, at most.
        seed: of what is drawn at random.
        picture: `svg` or `png`: draw it as well.
        owner: the tenant whose deployment it was when the job was accepted; no other's answers.
    """

    deployment: str
    data: str
    data_version: int | None = None
    method: Literal["permutation", "dependence"] = "permutation"
    target: str | None = None
    columns: list[str] | None = None
    output: str | None = None
    rows: int = 1000
    repeats: int = 10
    grid: int = 20
    seed: int = 0
    picture: str | None = None
    owner: str | None = None


class Importance(msgspec.Struct, frozen=True):
    """How much worse the score gets without a column: the mean of its repeats, and their interval.

    `low` and `high` are the 90 % interval of the mean, by Student's t over the repeats.
    """

    column: str
    mean: float
    low: float
    high: float


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered when a column is set to each of some values.

    Attributes:
        column: which.
        unit: of its values.
        values: numbers, or texts.
        mean: the mean answer of all rows at each value (partial dependence; Friedman, 2001).
        low, high: between which 80 % of the rows' answers lie.
        rows: the answers of a few rows alone (Goldstein et al., 2015), a list for each of them.
    """

    column: str
    values: list[float | str]
    mean: list[float]
    low: list[float]
    high: list[float]
    rows: list[list[float]]
    unit: str | None = None


class DataExplanation(msgspec.Struct, frozen=True, kw_only=True):
    """What a deployment makes of the columns of a dataset.

    Attributes:
        method: `permutation` or `dependence`.
        model: `NAME@V`.
        data: `NAME@V` of the dataset.
        rows: how many were looked at.
        output: whose dependence is shown, or what was scored.
        unit: of what is shown.
        metric: what got worse, lower is better; None of dependence.
        score: of the rows as they are; None of dependence.
        importances: of each column, the largest first.
        curves: of each column.
        notes: what has to be known to read it.
        pictures: where they were asked for: SVG as its text, PNG in base64.
    """

    method: str
    model: str
    data: str
    rows: int
    output: str
    unit: str | None = None
    metric: str | None = None
    score: float | None = None
    importances: list[Importance] = []
    curves: list[Curve] = []
    notes: list[str] = []
    pictures: list[str] = []


class ExplainResult(msgspec.Struct, frozen=True, kw_only=True):
    """What an `explain` job made: a `DataExplanation` in JSON under its SHA-256."""

    deployment: str
    model: str
    version: int
    method: str
    rows: int
    output: str
    output_bytes: int
    filename: str
    media_type: str = "application/json"
