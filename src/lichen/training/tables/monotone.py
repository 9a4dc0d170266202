"""Monotone constraints: what is asked of columns, and the signs of the features made of them."""

from collections.abc import Mapping, Sequence

from lichen.core.errors import InvalidInput
from lichen.frameworks.estimation import Settings
from lichen.pipeline.declaration import Number, Pipeline
from lichen.pipeline.encoding import width_of
from lichen.training.tables.columns import Kind, Planned
from lichen.training.tables.encoders import Prepared
from lichen.training.tables.study import Study

MONOTONE_TREES = ("lightgbm", "xgboost")
WHOLE_TREES = "forest"
"""Keeps constraints as well where no column lacks a value."""
_SETTING = "monotone"


def check_monotone(study: Study) -> None:
    """Refuse constraints that mean nothing for this target or these columns.

    Raises:
        InvalidInput: which one, and what it may be.
    """
    if not study.asked.monotone:
        return
    if study.target.classes > 2:
        raise InvalidInput(
            f"monotone is for numbers and two classes, and {study.asked.target!r} has "
            f"{study.target.classes}: leave it out"
        )
    planned = {one.name: one for one in study.plan.columns}
    for name in study.asked.monotone:
        if name not in planned:
            raise InvalidInput(
                f"monotone names {name!r}, which no model here looks at: name one of its columns, "
                f"such as {', '.join(list(planned)[:5])}"
            )
        if planned[name].kind not in (Kind.NUMBER, Kind.BOOLEAN):
            raise InvalidInput(
                f"monotone names {name!r}, a {planned[name].kind}: constraints are for numbers"
            )


def keeps_monotone(algorithm: str, columns: Sequence[Planned]) -> bool:
    """Whether an algorithm keeps constraints on such columns."""
    if algorithm == WHOLE_TREES:
        return not any(one.may_lack for one in columns)
    return algorithm in MONOTONE_TREES


def refuse_unkept(algorithm: str) -> InvalidInput:
    """The refusal of an algorithm that keeps none."""
    return InvalidInput(
        f"algorithm {algorithm!r} keeps no monotone constraints on these columns: ask for "
        f"{' or '.join(MONOTONE_TREES)}, or leave monotone out"
    )


def with_signs(settings: Settings, asked: Mapping[str, int], prepared: Prepared) -> Settings:
    """The settings of a fit with the sign of each feature, where constraints are asked for."""
    if not asked:
        return settings
    signs = ",".join(str(one) for one in _signs(asked, prepared.pipeline, prepared))
    return {**settings, _SETTING: signs}


def _signs(asked: Mapping[str, int], pipeline: Pipeline, prepared: Prepared) -> list[int]:
    found: list[int] = []
    for one in pipeline.encoders:
        sign = asked.get(one.column, 0) if isinstance(one, Number) else 0
        width = width_of(one, prepared.arrays)
        found += [sign, *[0] * (width - 1)]
    return found


def told_monotone(asked: Mapping[str, int]) -> str:
    """Constraints as the command line has them: `size=+1,price=-1`."""
    return ",".join(f"{name}={sign:+d}" for name, sign in asked.items())
