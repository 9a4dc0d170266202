"""The task `forecast`: from what was asked of a dataset to a trained forecaster."""

from dataclasses import fields

import msgspec

from lichen.core.errors import InvalidInput
from lichen.data.dataset import DatasetVersion
from lichen.protocol.training import ForecastTraining
from lichen.training.forecasts.pretrained import named_pretrained
from lichen.training.forecasts.run import execute
from lichen.training.forecasts.spec import ForecastSpec, checked
from lichen.training.materials import Materials
from lichen.training.result import TrainingResult


def train_forecast(asked: ForecastTraining, materials: Materials) -> TrainingResult:
    """Train a forecaster on the rows that it may look at.

    Raises:
        InvalidInput: the specification, the rows or a pretrained model cannot be trained with; one
            sentence says why.
        WorkFailed: the run was cancelled.
    """
    spec = checked(forecast_spec(asked, materials.dataset))
    pretrained = named_pretrained(spec.pretrained, materials)
    until = spec.test_until or spec.validate_until
    columns = (*spec.targets, *spec.known, *((spec.series,) if spec.series else ()))
    rows = materials.rows(columns, until)
    return execute(spec, rows, materials.watch, materials.gauge, pretrained)


def forecast_spec(asked: ForecastTraining, dataset: DatasetVersion) -> ForecastSpec:
    """What is asked, with what the dataset says where nobody did.

    Raises:
        InvalidInput: a field is missing or not usable.
    """
    known = {one.name for one in fields(ForecastSpec)}
    given = {name: value for name, value in msgspec.to_builtins(asked).items() if name in known}
    given["timezone"] = asked.timezone or dataset.timezone
    given["series"] = asked.series or (
        dataset.schema.series.name if dataset.schema.series else None
    )
    try:
        return msgspec.convert(given, ForecastSpec)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"the training is not usable as asked: {error}") from error
