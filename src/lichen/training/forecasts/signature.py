"""What a deployed forecaster takes and gives."""

from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.forecasting.specification import Specification


def forecast_signature(specification: Specification) -> Signature:
    """The signature a forecaster is served under, with units."""
    context, horizon = specification.context, specification.horizon
    series, known = len(specification.targets), len(specification.known)
    units = set(specification.units)
    unit = units.pop() if len(units) == 1 else None
    inputs = [
        TensorSpec("history", Datatype.FP32, (-1, context, series), unit),
        TensorSpec(
            "start", Datatype.BYTES, (-1,), description="RFC 3339: the first step predicted"
        ),
    ]
    if known:
        inputs.append(TensorSpec("known", Datatype.FP32, (-1, horizon, known)))
    if known and specification.past:
        said = "the known columns over the rows before start; better answers with it"
        shape = (-1, specification.past, known)
        inputs.append(TensorSpec("past", Datatype.FP32, shape, description=said, optional=True))
    levels = len(specification.levels)
    outputs = (
        TensorSpec("mean", Datatype.FP32, (-1, horizon, series), unit),
        TensorSpec("quantiles", Datatype.FP32, (-1, horizon, series, levels), unit),
    )
    return Signature(tuple(inputs), outputs)
