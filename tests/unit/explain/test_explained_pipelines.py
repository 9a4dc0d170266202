"""Versions with encoders and heads explained: contributions of raw columns, in the sums' space."""

from collections.abc import Mapping

import numpy as np
import pytest

from lichen.core.batch import Array, Batch
from lichen.core.errors import InvalidInput
from lichen.explain.explainer import NO_WISHES, LoadedVersion, Wishes
from lichen.explain.methods import Explainers
from lichen.frameworks.estimation import Examples, no_pause
from lichen.frameworks.estimators.portfolio import estimator
from lichen.pipeline.declaration import Classes, Heads, Number, OneHot, Pipeline, Value
from lichen.pipeline.encoding import encode
from lichen.pipeline.files import pipeline_files
from lichen.protocol.explaining import Explanation
from lichen.serving.pipelines import PipelineAdapter

ENCODERS: list[Number | OneHot] = [
    Number(column="size", fill=1.0, flags_missing=True, may_lack=True, scale=2.0, unit="m"),
    OneHot(column="kind", values=["air", "water"]),
    Number(column="depth", may_lack=True),
]
FILLED = [*ENCODERS[:2], Number(column="depth", fill=0.0, may_lack=True)]


def some_rows(count: int = 300) -> dict[str, Array]:
    random = np.random.default_rng(1)
    numbers = random.normal(size=(count, 2))
    numbers[random.random(numbers.shape) < 0.1] = np.nan
    kinds = np.empty((count, 1), dtype=np.object_)
    kinds[:, 0] = random.choice([b"air", b"water", b"fire"], count)
    return {"numbers": numbers, "texts": kinds}


def version_of(
    algorithm: str, head: Heads, classes: int = 0, encoders: list[Number | OneHot] | None = None
) -> LoadedVersion:
    """A version that was fitted on a score of its columns."""
    pipeline = Pipeline(encoders=[*(encoders or ENCODERS)], head=head)
    rows = some_rows()
    score = 2 * np.nan_to_num(rows["numbers"][:, 0]) + 3 * (rows["texts"][:, 0] == b"air")
    target = score
    if classes:
        target = np.digitize(score, np.quantile(score, np.linspace(0, 1, classes + 1)[1:-1])) * 1.0
    examples = Examples(features=encode(pipeline, rows), target=target, classes=classes)
    core = estimator(algorithm).fit(examples, {}, 0, no_pause)
    files = {**pipeline_files(pipeline), "model.onnx": core.onnx()}
    return LoadedVersion(PipelineAdapter().load(files, None), files)


def answers(version: LoadedVersion, rows: Mapping[str, Array]) -> Batch:
    return version.predictor.predict(Batch(rows))


def explained(version: LoadedVersion, wishes: Wishes = NO_WISHES) -> tuple[Batch, Explanation]:
    rows = Batch({name: values[:5] for name, values in some_rows().items()})
    return version.predictor.predict(rows), Explainers(version).find().explain(rows, wishes)


def totals(found: Explanation) -> Array:
    return np.array(
        [[one.base + sum(one.contributions) for one in row.attributions] for row in found.rows]
    )


@pytest.mark.parametrize("algorithm", ["lightgbm", "xgboost", "forest"])
def test_trees_of_numbers_sum_to_the_answer_in_its_unit(algorithm: str) -> None:
    version = version_of(algorithm, Value(centre=5.0, scale=3.0, unit="MW"))
    said, found = explained(version)
    assert (found.method, found.space, found.unit) == ("tree-shap", "value", "MW")
    assert totals(found)[:, 0] == pytest.approx(said["prediction"], abs=1e-5)
    assert found.largest_error < 1e-9
    first = found.rows[0]
    assert [part.column for part in first.parts] == ["size", "depth", "kind"]
    assert first.parts[0].unit == "m"
    shares = np.abs([row.attributions[0].contributions for row in found.rows]).mean(axis=0)
    assert shares.argmin() == 1  # the depth was no part of what was learnt


@pytest.mark.parametrize("algorithm", ["lightgbm", "xgboost", "logistic"])
def test_two_classes_are_told_in_log_odds(algorithm: str) -> None:
    encoders = FILLED if algorithm == "logistic" else ENCODERS
    version = version_of(algorithm, Classes(labels=["fine", "poor"]), 2, encoders)
    said, found = explained(version)
    assert found.space == "log-odds"
    odds = np.log(said["probability"][:, 1] / said["probability"][:, 0])
    assert totals(found)[:, 0] == pytest.approx(odds, rel=1e-3, abs=1e-4)
    _, of_first = explained(version, Wishes(output="fine"))
    assert totals(of_first) == pytest.approx(-totals(found))
    assert of_first.rows[0].attributions[0].output == "fine"


def test_several_classes_are_told_by_their_margins() -> None:
    version = version_of("lightgbm", Classes(labels=["a", "b", "c"]), 3)
    said, found = explained(version)
    assert found.space == "margin"
    weights = np.exp(totals(found))
    shares = weights / weights.sum(axis=1, keepdims=True)
    assert shares == pytest.approx(said["probability"], abs=1e-5)
    _, one = explained(version, Wishes(output="b"))
    assert one.rows[0].attributions == [found.rows[0].attributions[1]]
    with pytest.raises(InvalidInput, match="there are a, b, c"):
        explained(version, Wishes(output="d"))


def test_forests_of_classes_are_told_in_probabilities() -> None:
    version = version_of("forest", Classes(labels=["a", "b", "c"], link="probability"), 3)
    said, found = explained(version)
    assert found.space == "probability"
    assert totals(found) == pytest.approx(said["probability"], abs=1e-6)


def test_linear_models_compare_with_usual_rows_or_with_the_centre() -> None:
    version = version_of("linear", Value(unit="MW"), encoders=FILLED)
    said, found = explained(version)
    assert (found.method, found.space, found.unit) == ("linear-shap", "value", "MW")
    assert totals(found)[:, 0] == pytest.approx(said["prediction"], abs=1e-5)
    usual = Batch({name: values[5:25] for name, values in some_rows().items()})
    _, compared = explained(version, Wishes(background=usual))
    assert totals(compared) == pytest.approx(totals(found))
    mean = version.predictor.predict(usual)["prediction"].mean()
    assert compared.rows[0].attributions[0].base == pytest.approx(mean, abs=1e-5)


def test_the_sampled_values_of_a_linear_model_are_the_closed_form() -> None:
    version = version_of("linear", Value(), encoders=FILLED)
    usual = Batch({name: values[5:25] for name, values in some_rows().items()})
    rows = Batch({name: values[:3] for name, values in some_rows().items()})
    made = Explainers(version)
    exact = made.find("linear-shap").explain(rows, Wishes(background=usual))
    asked = made.find("shap").explain(rows, Wishes(background=usual))
    assert asked.method == "exact-shap"
    for one, other in zip(exact.rows, asked.rows, strict=True):
        told, meant = other.attributions[0].contributions, one.attributions[0].contributions
        assert told == pytest.approx(meant, abs=1e-5)
