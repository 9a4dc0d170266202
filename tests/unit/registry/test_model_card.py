import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from lichen.core.figures import CarbonFigure, EnergyFigure, Method, Receipt
from lichen.core.ids import Digest, JobId
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.core.units import Nanograms, Nanojoules
from lichen.pipeline.declaration import Alarm, Classes, Number, OneHot, Pipeline, Value
from lichen.pipeline.signature import pipeline_signature
from lichen.registry.card import model_card
from lichen.registry.manifest import DatasetReference, File, Manifest, Metric

CARBON = CarbonFigure(
    Nanograms(1_234_000_000), Nanograms(500_000_000), Nanograms(2_000_000_000), "DE", "Ember 2024"
)
RECEIPT = Receipt(
    EnergyFigure(
        Nanojoules(10_000_000_000),
        Nanojoules(4_000_000_000),
        Nanojoules(15_000_000_000),
        Method.MODELLED,
        "SPECpower: 2017 on",
    ),
    CARBON,
    1_790_000_000,
)
MANIFEST = Manifest(
    model="vic",
    version=3,
    created_at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    task="forecast",
    algorithm="ridge",
    signature=Signature(
        (TensorSpec("history", Datatype.FP32, (-1, 336, 1), "GW", "newest | last"),),
        (TensorSpec("mean", Datatype.FP32, (-1, 48, 1), "GW"),),
    ),
    files=(File("model.onnx", 12345, Digest("ab" * 32)),),
    metrics=(
        Metric("MAPE", 2.25, "%", "test"),
        Metric("skill", 0.4, None, "test"),
        Metric("MASE of the naive guard", 1.5, None, "validation"),
    ),
    dataset=DatasetReference("vic", 2, Digest("cd" * 32)),
    code_version="0.1.0",
    parameters={"horizon": 48},
    receipt=RECEIPT,
    hardware='2 threads of an "EPYC" # 7763',
    job_id=JobId("job-1"),
)


def front_matter(card: str) -> Any:  # noqa: ANN401 - whatever the YAML holds
    yaml = pytest.importorskip("yaml", reason="reading YAML back needs PyYAML")
    _, matter, _ = card.split("---\n", 2)
    return yaml.safe_load(matter)


def test_the_front_matter_is_what_the_hub_reads() -> None:
    matter = front_matter(model_card(MANIFEST))
    assert matter["library_name"] == "onnx"
    assert matter["pipeline_tag"] == "time-series-forecasting"
    assert matter["tags"] == ["lichen", "forecast", "ridge"]
    assert matter["datasets"] == ["vic"]
    assert matter["metrics"] == ["mape", "mase_of_the_naive_guard", "skill"]
    assert matter["co2_eq_emissions"] == {
        "emissions": 1.234,
        "source": "Lichen; carbon intensity from Ember 2024; energy modelled (SPECpower: 2017 on)",
        "training_type": "pre-training",
        "geographical_location": "DE",
        "hardware_used": '2 threads of an "EPYC" # 7763',
    }
    (index,) = matter["model-index"]
    assert index["name"] == "vic@3"
    assert [result["dataset"]["split"] for result in index["results"]] == ["test", "validation"]
    assert index["results"][0]["task"] == {"type": "time-series-forecasting"}
    assert index["results"][0]["metrics"] == [
        {"type": "mape", "name": "MAPE (%)", "value": 2.25},
        {"type": "skill", "name": "skill", "value": 0.4},
    ]


def test_the_body_says_data_signature_metrics_footprint_and_limits() -> None:
    card = model_card(MANIFEST)
    for line in (
        f"- Data: vic, version 2 (sha256 {'cd' * 32})",
        "| input | history | FP32 | any x 336 x 1 | GW | newest \\| last |",
        "| MAPE | 2.25 | % | test |",
        "| energy | 10 J | 4 J to 15 J |",
        "| carbon | 1.23 gCO2e | 500 mgCO2e to 2 gCO2e |",
        "Energy was modelled (SPECpower: 2017 on).",
        f"| model.onnx | 12,345 | {'ab' * 32} |",
    ):
        assert line in card
    assert "Its energy is a model's estimate" in card
    assert "A skill is the share of the naive guard's error" in card


def test_a_pipeline_says_its_columns_its_intervals_and_what_its_answers_are_worth() -> None:
    pipeline = Pipeline(
        encoders=[
            Number(column="size", unit="m"),
            OneHot(column="kind", values=["air"], may_lack=True),
        ],
        head=Classes(labels=["poor", "fine"], set_threshold=0.1),
    )
    metrics = (
        Metric("accuracy", 0.9, None, "test", low=0.85, high=0.94),
        Metric("log loss", 0.3, None, "test"),
    )
    said = replace(
        MANIFEST, task="classification", signature=pipeline_signature(pipeline), metrics=metrics
    )
    card = model_card(said)
    for line in (
        "| column | holds | unit | may lack |",
        "| size | number | m |  |",
        "| kind | text |  | yes |",
        "| accuracy | 0.9 (0.85 to 0.94) |  | test |",
        "| log loss | 0.3 |  | test |",
        "- It answers one of poor, fine, whatever a row is of.",
        "- `in_set` holds the true class as often as was asked for rows like those",
        "- What a row lacks is filled in",
    ):
        assert line in card
    value = pipeline_signature(Pipeline(encoders=pipeline.encoders, head=Value(half_width=1.0)))
    assert "The truth lies between `low` and `high`" in model_card(replace(said, signature=value))
    alarm = pipeline_signature(
        Pipeline(encoders=pipeline.encoders, head=Alarm(statistics=["t2"], thresholds=[1.0]))
    )
    assert "as many false alarms as was asked" in model_card(replace(said, signature=alarm))
    many = Classes(labels=[f"c{at}" for at in range(30)])
    wide = pipeline_signature(Pipeline(encoders=pipeline.encoders, head=many))
    assert "c19 and 10 more classes, whatever" in model_card(replace(said, signature=wide))


def test_carbon_that_is_not_known_is_absent_and_never_zero() -> None:
    card = model_card(replace(MANIFEST, receipt=replace(RECEIPT, carbon=None)))
    assert "co2_eq_emissions" not in card
    assert "Carbon is not known: no intensity is known for the zone." in card
    unmetered = model_card(replace(MANIFEST, receipt=None))
    assert "co2_eq_emissions" not in unmetered
    assert "Not known: the model was not trained here" in unmetered


def test_a_measured_model_is_not_called_an_estimate() -> None:
    measured = replace(RECEIPT, energy=replace(RECEIPT.energy, method=Method.MEASURED))
    assert "estimate" not in model_card(replace(MANIFEST, receipt=measured))


def test_a_foreign_model_has_a_card_too() -> None:
    card = model_card(
        replace(
            MANIFEST,
            task="inference",
            files=(File("trees.txt", 1, Digest("ab" * 32)),),
            metrics=(),
            dataset=None,
            receipt=None,
            origin="theirs.onnx\n# not a heading",
        )
    )
    matter = front_matter(card)
    assert matter == {"library_name": "lichen", "tags": ["lichen", "inference", "ridge"]}
    assert "- Origin: theirs.onnx # not a heading" in card
    assert "None was recorded." in card
    assert not re.search("^# not a heading", card, re.MULTILINE)


def test_a_score_with_an_interval_is_told_with_it() -> None:
    scored = replace(MANIFEST, metrics=(Metric("F1", 0.756, None, "test", 0.7301, 0.7899),))
    assert "| F1 | 0.756 (0.7301 to 0.7899) |" in model_card(scored)
