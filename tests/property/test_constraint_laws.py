"""Monotone constraints and feature bans hold in the version that is served, whatever the rows."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.core.batch import Array, Batch
from lichen.frameworks.base import Predictor
from lichen.protocol.training import ClassificationTraining, RegressionTraining, TableTraining
from lichen.serving.pipelines import PipelineAdapter
from lichen.training.tables.rows import RawRows
from lichen.training.tables.run import execute
from lichen.training.tables.study import study_of
from lichen.training.watch import NoGauge, NoWatch

ROUNDING = 1e-5
"""Trees are summed in float32."""
SEEDS = st.integers(0, 2**32 - 1)


def numbers(random: np.random.Generator, count: int) -> dict[str, Array]:
    return {name: random.normal(size=count) for name in ("a", "b", "c")}


@cache
def served(algorithm: str, *, is_class: bool) -> Predictor:
    """A version that rises with `a`, falls with `b`, and must not look at `leak`."""
    random = np.random.default_rng(1)
    columns = numbers(random, 240)
    score = np.sin(3 * columns["a"]) + columns["b"] * columns["c"]
    named: dict[str, Array] = {**columns, "leak": score + 0.01 * random.normal(size=240)}
    named["y"] = np.array([b"hi" if one > 0 else b"lo" for one in score], dtype=object)
    named["y"] = named["y"] if is_class else score
    make = ClassificationTraining if is_class else RegressionTraining
    asked: TableTraining = make(
        data="d",
        target="y",
        algorithm=algorithm,
        exclude=["leak"],
        monotone={"a": 1, "b": -1},
        search=1,
        cv=2,
    )
    study = study_of(asked, RawRows(named, {}, frozenset()))
    return PipelineAdapter().load(execute(study, NoWatch(), NoGauge()).files, None)


def answered(version: Predictor, columns: dict[str, Array]) -> Array:
    (spec,) = version.signature.inputs
    rows = np.column_stack([columns[name] for name in spec.columns])
    said = version.predict(Batch({spec.name: rows}))
    if "probability" in said.arrays:
        return np.asarray(said["probability"][:, list(spec_labels(version)).index("lo")], float)
    return np.asarray(said["prediction"])


def spec_labels(version: Predictor) -> tuple[str, ...]:
    return next(one for one in version.signature.outputs if one.name == "probability").columns


@pytest.mark.parametrize(
    ("algorithm", "task"),
    [
        ("lightgbm", "regression"),
        ("lightgbm", "classification"),
        ("xgboost", "regression"),
        ("forest", "classification"),
    ],
)
@given(seed=SEEDS)
@settings(max_examples=10, deadline=None)
def test_a_monotone_model_is_monotone_over_random_pairs(
    algorithm: str, task: str, seed: int
) -> None:
    version = served(algorithm, is_class=task == "classification")
    random = np.random.default_rng(seed)
    rows = numbers(random, 64)
    first = answered(version, rows)
    for name, sign in (("a", 1.0), ("b", -1.0)):
        raised = answered(version, {**rows, name: rows[name] + random.exponential(size=64)})
        assert (sign * (raised - first) >= -ROUNDING).all()


@given(seed=SEEDS)
@settings(max_examples=5, deadline=None)
def test_a_banned_column_changes_no_answer(seed: int) -> None:
    version = served("lightgbm", is_class=False)
    (spec,) = version.signature.inputs
    assert "leak" not in spec.columns
    rows = numbers(np.random.default_rng(seed), 8)
    assert np.array_equal(answered(version, rows), answered(version, {**rows, "leak": rows["a"]}))
