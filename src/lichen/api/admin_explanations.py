"""Jobs of kind `explain`: what is checked before one is accepted."""

import msgspec

from lichen.api.admin_routes import Plane, Question
from lichen.core.errors import InvalidInput
from lichen.core.ids import checked_name
from lichen.protocol.admin import JsonObject
from lichen.protocol.explaining_data import (
    MOST_GRID,
    MOST_REPEATS,
    MOST_ROWS,
    PERMUTATION,
    ExplainSpec,
)
from lichen.security.policy import Action, Kind

_FEWEST = 2


def checked_explanation(plane: Plane, question: Question, told: JsonObject) -> JsonObject:
    """The spec as it is kept, if its deployment is there and the caller may ask it.

    Raises:
        NotFound: there is no such deployment or dataset.
        Forbidden: it is not the caller's to ask.
        InvalidInput: what is asked means nothing; the message says what may be asked.
    """
    spec = _spec(told)
    found = plane.deployments.get(checked_name(spec.deployment, "deployment"))
    plane.gate.admit(question.principal, Action.PREDICT, Kind.DEPLOYMENT, found.desired.tenant)
    for name, most in (("rows", MOST_ROWS), ("repeats", MOST_REPEATS), ("grid", MOST_GRID)):
        value = getattr(spec, name)
        if not _FEWEST <= value <= most:
            raise InvalidInput(f"{name} is {value}: give {_FEWEST} to {most}")
    dataset = plane.datasets.get(spec.data, spec.data_version)
    if spec.method == PERMUTATION and spec.target is None:
        raise InvalidInput(
            "permutation holds answers against the truth: name its column as target, or ask for "
            "dependence"
        )
    if spec.target is not None:
        dataset.schema.column(spec.target)
    kept: JsonObject = msgspec.to_builtins(
        msgspec.structs.replace(spec, owner=found.desired.tenant, data_version=dataset.version)
    )
    return kept


def _spec(told: JsonObject) -> ExplainSpec:
    unknown = set(told) - set(ExplainSpec.__struct_fields__) | ({"owner"} & set(told))
    if unknown:
        raise InvalidInput(
            f"an explanation has no field {', '.join(sorted(unknown))}: leave it out"
        )
    try:
        return msgspec.convert(told, ExplainSpec)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"the explanation is not usable as asked: {error}") from error
