"""Where a pretrained model that was named stands among the algorithms, and how it is asked."""

from dataclasses import replace

import numpy as np
import pytest

from lichen.core.errors import InvalidInput
from lichen.frameworks.onnx_writer import linear_core
from lichen.frameworks.pretrained import read_pretrained
from lichen.training.forecasts.algorithms import algorithms
from lichen.training.forecasts.channels import Channels
from lichen.training.forecasts.checkpoint import fingerprint
from lichen.training.forecasts.spec import ForecastSpec, checked
from lichen.training.forecasts.study import Study, study_of

SPEC = ForecastSpec(targets=("load",), horizon=6, algorithm="pretrained", pretrained="m@1")
CONTEXT, STEPS = 48, 24


def study(spec: ForecastSpec = SPEC, at: int = STEPS, rows: int = 480) -> Study:
    """With a model that says the steps from one place of its window on."""
    values = 5 + np.sin(np.arange(rows, dtype=np.float64))[:, None] * np.ones(2)
    channels = Channels(
        np.datetime64("2026-01-01", "s") + np.arange(rows) * np.timedelta64(3600, "s"),
        values * np.array([1.0, 3.0]),
        np.empty((rows, 0)),
        ("a", "b"),
        ("MW", "MW"),
        3600,
        np.zeros((rows, 2), dtype=np.bool_),
    )
    model = read_pretrained(linear_core(np.eye(CONTEXT, STEPS, k=-at)))
    return replace(study_of(channels, spec), pretrained=model)


def no_pause() -> None:
    pass


def test_it_is_tried_beside_the_guards_and_by_auto_the_last_of_all() -> None:
    asked = [one.name for one in algorithms(study())]
    assert asked == ["naive-day", "naive-week", "pretrained"]
    every = [one.name for one in algorithms(study(replace(SPEC, algorithm="auto")))]
    assert every[-1] == "pretrained"
    assert "ridge" in every
    nothing = replace(study(replace(SPEC, algorithm="auto")), pretrained=None)
    assert "pretrained" not in [one.name for one in algorithms(nothing)]


def test_it_forecasts_each_series_from_its_own_window() -> None:
    said = study()
    one = algorithms(said)[-1]
    setting = one.tune(said, no_pause)
    assert setting.specification.context == CONTEXT
    fitted = one.fit(said, setting, said.split.fit, no_pause)
    starts = np.array([100, 301])
    expected = said.panel.values[starts[:, None] - STEPS + np.arange(SPEC.horizon)]
    assert np.allclose(fitted.forecast(said.panel, starts), expected, atol=1e-4)


def test_a_context_that_the_rows_cannot_carry_is_refused() -> None:
    said = study(replace(SPEC, start_at="any"), rows=72)
    with pytest.raises(InvalidInput, match="pretrained needs 54 rows to fit on, one context"):
        algorithms(said)[-1].tune(said, no_pause)


def test_what_was_settled_with_another_file_is_not_taken_up() -> None:
    assert fingerprint(study()) == fingerprint(study())
    assert fingerprint(study()) != fingerprint(study(at=STEPS - 1))


def test_a_model_and_an_algorithm_that_do_not_go_together_are_refused() -> None:
    assert checked(SPEC) == SPEC
    with pytest.raises(InvalidInput, match="no pretrained model is named"):
        checked(replace(SPEC, pretrained=None))
    with pytest.raises(InvalidInput, match="'mlp' takes no pretrained model: leave 'm@1' out"):
        checked(replace(SPEC, algorithm="mlp"))
