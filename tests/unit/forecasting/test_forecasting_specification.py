import msgspec
import pytest

from lichen.core.errors import InvalidInput
from lichen.forecasting.specification import Feature, Kind, Specification


def specification(**changes: object) -> Specification:
    plain: dict[str, object] = {
        "targets": ("load",),
        "step_seconds": 3600,
        "horizon": 24,
        "context": 48,
    }
    return Specification(**{**plain, **changes})  # type: ignore[arg-type]


def test_it_survives_the_journey_through_json() -> None:
    said = specification(
        known=("T",),
        units=("MW",),
        start_seconds=0,
        features=(Feature(Kind.PAST, "T", (18.0, 24.0), (48, 6), 15.5, 0.2),),
        anytime=(Feature(Kind.TIME_OF_DAY, lengths=(1, 2)),),
    )
    assert msgspec.json.decode(msgspec.json.encode(said), type=Specification) == said


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"horizon": 0}, "horizon is 0"),
        ({"context": 0}, "context is 0"),
        ({"step_seconds": 0}, "step is 0 s"),
        ({"targets": ()}, "no target"),
        ({"normalisation": 49}, "normalisation over 49 steps"),
        ({"features": (Feature(Kind.AHEAD, "T"),)}, "'T'"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(changes: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        specification(**changes)


def test_how_far_back_the_covariates_are_looked_at() -> None:
    features = (Feature(Kind.PAST, "T", lengths=(24, 6)), Feature(Kind.PAST, "T", lengths=(72, 24)))
    assert specification(known=("T",), features=features).past == 72
    assert specification().past == 0


def test_steps_per_day_is_never_none() -> None:
    assert specification().steps_per_day == 24
    assert specification(step_seconds=86_400 * 30).steps_per_day == 1
