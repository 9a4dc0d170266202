"""The tasks `regression` and `classification`: from a dataset to a pipeline that takes raw rows."""

from lichen.core.errors import InvalidInput
from lichen.protocol.training import ClassificationTraining, RegressionTraining, TableTraining
from lichen.training.materials import Materials
from lichen.training.result import TrainingResult
from lichen.training.tables.leaks import refuse_leaks
from lichen.training.tables.monotone import check_monotone
from lichen.training.tables.rows import raw_rows
from lichen.training.tables.run import execute
from lichen.training.tables.study import study_of


def train_regression(asked: RegressionTraining, materials: Materials) -> TrainingResult:
    """Predict a number; see `train_table`."""
    return train_table(asked, materials)


def train_classification(asked: ClassificationTraining, materials: Materials) -> TrainingResult:
    """Predict a class; see `train_table`."""
    return train_table(asked, materials)


def train_table(asked: TableTraining, materials: Materials) -> TrainingResult:
    """Train on the rows of a table.

    Raises:
        InvalidInput: the rows or what is asked cannot be trained on; one sentence says why.
        WorkFailed: the run was cancelled.
    """
    _check(asked)
    schema = materials.dataset.schema
    for name in (asked.target, *(asked.features or ()), *asked.exclude, *asked.monotone):
        schema.column(name)
    study = study_of(asked, raw_rows(materials.rows(None), schema))
    check_monotone(study)
    if not asked.allow_leakage:
        refuse_leaks(study)
    return execute(study, materials.watch, materials.gauge)


def _check(asked: TableTraining) -> None:
    """Refuse figures that mean nothing.

    Raises:
        InvalidInput: which one, and what it may be.
    """
    if not 0 <= asked.test_share < 1:
        raise InvalidInput(f"test_share {asked.test_share:g} is no share: give 0 or more, under 1")
    if not 0.5 <= asked.confidence < 1:
        raise InvalidInput(
            f"confidence {asked.confidence:g} is no confidence: give 0.5 or more, under 1"
        )
    if asked.search is not None and asked.search < 1:
        raise InvalidInput(f"search {asked.search} makes no trial: ask for 1 or more")
