"""What `lichen train` asks for: one message a task, told apart by the field `task`.

Fields that several tasks share stand in their base; a field that a task does not know is refused.
Energies are integer nanojoules, carbon integer nanograms.
"""

from datetime import datetime
from typing import Literal, get_args

import msgspec

AUTO = "auto"


class NetworkOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Structure and training of a neural network; what is left out the task chooses.

    Attributes:
        layers: units of each hidden layer, in order.
        activation: `relu`, `tanh`, `gelu`, `sigmoid`, `elu` or `leaky-relu`.
        dropout: share of units left out at random while training, 0 to 1.
        l1: weight of the sum of absolute weights in the loss.
        l2: weight of the sum of squared weights in the loss.
        optimizer: `sgd`, `momentum`, `adam` or `adamw`.
        epochs: the most passes over the rows.
        batch_size: rows a step.
        learning_rate: of the first step.
        schedule: how the learning rate goes on: `constant`, `step`, `cosine` or `one-cycle`.
        patience: passes without a better validation score before training stops early; 0: never.
        precision: `float32`, `bfloat16`, or `auto`: bfloat16 where the processor has it, as images
            are trained unless said.
    """

    layers: list[int] | None = None
    activation: str | None = None
    dropout: float | None = None
    l1: float | None = None
    l2: float | None = None
    optimizer: str | None = None
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    schedule: str | None = None
    patience: int | None = None
    precision: str | None = None


class Training(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="task"
):
    """What every training says.

    Attributes:
        data: the dataset.
        data_version: its version; None: the newest.
        name: of the model; None: the dataset's.
        algorithm: one of the task's portfolio, or `auto` to choose among them.
        budget_nj: nanojoules the search may spend; None: no limit.
        budget_ng: nanograms of CO2e the search may spend; None: no limit.
        seed: seeds whatever draws at random: the same seed gives the same model.
        network: of algorithms that are neural networks.
    """

    data: str
    data_version: int | None = None
    name: str | None = None
    algorithm: str = AUTO
    budget_nj: int | None = None
    budget_ng: int | None = None
    seed: int = 0
    network: NetworkOptions | None = None

    @property
    def task(self) -> str:
        """The word of `lichen train` that it stands for."""
        return str(self.__struct_config__.tag)


class ForecastTraining(Training, frozen=True, kw_only=True, tag="forecast"):
    """A forecaster; `lichen.training.forecasts.spec.ForecastSpec` says what the fields mean."""

    targets: list[str]
    horizon: int
    known: list[str] = []
    series: str | None = None
    context: int | None = None
    train_until: datetime | None = None
    validate_until: datetime | None = None
    test_until: datetime | None = None
    refit: str = "never"
    start_at: str | None = None
    timezone: str | None = None
    pretrained: str | None = None


class SearchedTraining(Training, frozen=True, kw_only=True):
    """One whose hyperparameters are searched, each trial metered.

    Attributes:
        search: trials of hyperparameters at most, over the whole portfolio; None: the task chooses.
        cv: folds of the cross-validation; None: the task chooses.
        tenth_nj: nanojoules that a further tenth of a per cent of the score may be expected to
            cost; the search stops when it would cost more. None: the task's own price.
    """

    search: int | None = None
    cv: int | None = None
    tenth_nj: int | None = None


class TableTraining(SearchedTraining, frozen=True, kw_only=True):
    """A model of one column of a table by others; raw rows can be sent to it.

    Attributes:
        target: the column to predict.
        features: columns to predict it by; None: all but those named otherwise.
        exclude: columns never to be used (feature bans).
        monotone: of columns of numbers, +1 where the prediction (of two classes the probability
            of the second) may only rise with them, -1 where it may only fall.
        background: whether the version keeps a few of the rows, for explanations to compare with.
        weight: column of the weight of each row.
        group: column of the group of each row: no group stands on both sides of a split.
        split: `random`, `stratified`, `grouped`, `time`; None: what the data call for.
        nested: whether the score is estimated by nested cross-validation.
        test_share: share of the rows held out and scored once; 0: none, scores are of
            cross-validation.
        metric: what is chosen by; None: the task's own.
        confidence: of prediction intervals and sets, 0 to 1.
        allow_leakage: train in spite of what looks like a leak.
    """

    target: str
    features: list[str] | None = None
    exclude: list[str] = []
    monotone: dict[str, Literal[-1, 1]] = {}
    background: bool = True
    weight: str | None = None
    group: str | None = None
    split: Literal["random", "stratified", "grouped", "time"] | None = None
    nested: bool = False
    test_share: float = 0.2
    metric: str | None = None
    confidence: float = 0.9
    allow_leakage: bool = False


class RegressionTraining(TableTraining, frozen=True, kw_only=True, tag="regression"):
    """Predict a number."""


class ClassificationTraining(TableTraining, frozen=True, kw_only=True, tag="classification"):
    """Predict one of several classes.

    Attributes:
        class_weight: `balanced` weighs each class alike; None: each row alike.
        calibrate: whether probabilities are calibrated on rows that were not fitted on.
    """

    class_weight: Literal["balanced"] | None = None
    calibrate: bool = True


class TextClassificationTraining(
    ClassificationTraining, frozen=True, kw_only=True, tag="text-classification"
):
    """Predict one of several classes of a text.

    Attributes:
        text: the column of the text.
        class_weight: here `balanced` unless said: the cut and the calibration, on rows held back,
            put the shares of the classes back.
        language: `en`, `zh`, or `auto`.
        encoder: a sentence encoder to embed the texts with: the name of an installed package that
            carries one, or of a registered model; None: none is tried.
    """

    text: str
    class_weight: Literal["balanced"] | None = "balanced"
    language: str = AUTO
    encoder: str | None = None


class ClusteringTraining(SearchedTraining, frozen=True, kw_only=True, tag="clustering"):
    """Groups of rows that are alike.

    Attributes:
        columns: to compare rows by; None: all.
        exclude: columns never to be used.
        text: a column of texts to compare instead; clusters then get topic labels.
        clusters: how many; None: searched.
        language: of the texts: `en`, `zh`, or `auto`.
        encoder: as of text classification.
    """

    columns: list[str] | None = None
    exclude: list[str] = []
    text: str | None = None
    clusters: int | None = None
    language: str = AUTO
    encoder: str | None = None


class AnomalyTraining(SearchedTraining, frozen=True, kw_only=True, tag="anomaly"):
    """How unlike the usual a row is.

    Attributes:
        columns: to look at; None: every number.
        exclude: columns never to be used.
        label: column that says which rows are anomalous (1) and are left out of the fit; the
            detectors are scored on it. None: every row is taken as usual.
        group: column of the run that a row belongs to: dynamic detectors look back within it.
        lags: how many rows before it a dynamic detector looks at; None: searched.
        false_alarms: share of usual rows that may be called anomalous, 0 to 1.
        train_until: rows at or after this moment are not fitted on.
    """

    columns: list[str] | None = None
    exclude: list[str] = []
    label: str | None = None
    group: str | None = None
    lags: int | None = None
    false_alarms: float = 0.01
    train_until: datetime | None = None


class ImageClassificationTraining(
    SearchedTraining, frozen=True, kw_only=True, tag="image-classification"
):
    """Predict one of several classes of an image.

    Attributes:
        target: the column of the class.
        image: the column of the images.
        augment: which of `flip`, `crop`, `noise` to train with; None: the task chooses.
        test_share: share of the rows held out and scored once.
        test_split: column that is true, or says `test`, for the rows to score on instead.
        calibrate: whether probabilities are calibrated.
        confidence: of prediction sets, 0 to 1.
    """

    target: str = "label"
    image: str = "image"
    augment: list[str] | None = None
    test_share: float = 0.2
    test_split: str | None = None
    calibrate: bool = True
    confidence: float = 0.9


class RecommendationTraining(SearchedTraining, frozen=True, kw_only=True, tag="recommendation"):
    """Which items a user would take next, from what users took before.

    Attributes:
        user: the column of the user.
        item: the column of the item.
        strength: column of how much a user took of an item; None: each row counts as one.
        factors: numbers that stand for a user or an item; None: searched.
        top: how many items an answer has.
    """

    user: str
    item: str
    strength: str | None = None
    factors: int | None = None
    top: int = 10


class ScriptTraining(Training, frozen=True, kw_only=True, tag="script"):
    """Your own training code, in a process and an environment of its own.

    Attributes:
        source: the program, Python.
        filename: what the program was called.
        arguments: of its command line.
        environment: requirements it needs beyond the platform's, pinned; empty: the platform's.
        time_limit_s: wall seconds it may take.
        memory_limit_bytes: memory it may take.
        disk_limit_bytes: what it may write into its folder.
    """

    source: str
    filename: str
    arguments: list[str] = []
    environment: list[str] = []
    time_limit_s: float = 3600.0
    memory_limit_bytes: int = 4 * 2**30
    disk_limit_bytes: int = 2 * 2**30


TrainSpec = (
    ForecastTraining
    | RegressionTraining
    | ClassificationTraining
    | TextClassificationTraining
    | ClusteringTraining
    | AnomalyTraining
    | ImageClassificationTraining
    | RecommendationTraining
    | ScriptTraining
)
"""Of a `train` job: fit the task on a dataset and register the result as a version of `name`."""

TASKS: tuple[str, ...] = tuple(str(one.__struct_config__.tag) for one in get_args(TrainSpec))
"""The words of `lichen train`."""
