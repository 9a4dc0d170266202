"""The options of every training become the message of its task."""

from collections.abc import Mapping
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner

from lichen.cli.results import print_candidates
from lichen.cli.train import TASKS, train
from lichen.cli.train_forecast import forecast
from lichen.cli.train_images import image_classification
from lichen.cli.train_options import TrainingRun
from lichen.cli.train_tables import classification, regression
from lichen.protocol.scheduling import ScheduleRequest
from lichen.protocol.training import (
    TASKS as WORDS,
)
from lichen.protocol.training import (
    ClassificationTraining,
    ForecastTraining,
    ImageClassificationTraining,
    NetworkOptions,
    RegressionTraining,
    TrainSpec,
)


@pytest.fixture
def submitted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[TrainingRun, TrainSpec]]:
    found: list[tuple[TrainingRun, TrainSpec]] = []
    monkeypatch.setattr(TrainingRun, "submit", lambda run, spec: found.append((run, spec)))
    return found


def said(command: click.Command, *arguments: str) -> str:
    return CliRunner().invoke(command, arguments).output


def test_a_training_says_only_what_was_asked(
    submitted: list[tuple[TrainingRun, TrainSpec]],
) -> None:
    assert said(regression, "--data", "air@3", "--target", "co") == ""
    assert submitted == [
        (
            TrainingRun(recurring=None, schedule=None, wait=True, as_json=False),
            RegressionTraining(data="air", data_version=3, target="co"),
        )
    ]


def test_images_are_changed_as_asked_and_by_the_task_unless_said(
    submitted: list[tuple[TrainingRun, TrainSpec]],
) -> None:
    line = "--data pets --algorithm cnn --test-split part --no-calibrate --confidence 0.8"
    for changes in ([], ["--augment", "none"], ["--augment", "flip,noise"]):
        assert said(image_classification, *line.split(), *changes) == ""
    unsaid = ImageClassificationTraining(
        data="pets", algorithm="cnn", test_split="part", calibrate=False, confidence=0.8
    )
    assert [spec for _, spec in submitted] == [
        msgspec.structs.replace(unsaid, augment=augment)
        for augment in (None, [], ["flip", "noise"])
    ]


def test_every_option_is_heard(submitted: list[tuple[TrainingRun, TrainSpec]]) -> None:
    line = (
        "--data air --target kind --name m --algorithm mlp --seed 7 --search 20 --cv 4 --price 2.5 "
        "--budget-joules 100 --budget-grams 0.5 --features a,b --exclude c --weight w --group g "
        "--split grouped --nested --test-share 0.3 --metric f1 --confidence 0.8 --allow-leakage "
        "--class-weight balanced --no-calibrate --layers 128,64 --activation relu --dropout 0.2 "
        "--l1 0.1 --l2 1e-4 --optimizer adam --epochs 10 --batch-size 32 --learning-rate 1e-3 "
        "--rate-schedule cosine --patience 3 --precision auto --deadline 6h --wait --json"
    )
    assert said(classification, *line.split()) == ""
    [(run, spec)] = submitted
    assert run == TrainingRun(None, ScheduleRequest(deadline="6h"), wait=True, as_json=True)
    network = NetworkOptions(
        layers=[128, 64], activation="relu", dropout=0.2, l1=0.1, l2=1e-4, optimizer="adam",
        epochs=10, batch_size=32, learning_rate=1e-3, schedule="cosine", patience=3,
        precision="auto",
    )  # fmt: skip
    assert spec == ClassificationTraining(
        data="air", target="kind", name="m", algorithm="mlp", seed=7, search=20, cv=4,
        tenth_nj=2_500_000_000, budget_nj=100_000_000_000, budget_ng=500_000_000,
        features=["a", "b"], exclude=["c"], weight="w", group="g", split="grouped", nested=True,
        test_share=0.3, metric="f1", confidence=0.8, allow_leakage=True, class_weight="balanced",
        calibrate=False, network=network,
    )  # fmt: skip


def test_a_forecast_is_asked_for_as_before(
    submitted: list[tuple[TrainingRun, TrainSpec]],
) -> None:
    line = "--data vic --target Demand --horizon 48 --train-until 2014-09-01"
    assert said(forecast, *line.split()) == ""
    [(_, spec)] = submitted
    assert isinstance(spec, ForecastTraining)
    assert (spec.targets, spec.horizon, spec.network) == (["Demand"], 48, None)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (["--price", "nan"], "--price nan is no price: give a number of joules"),
        (["--budget-grams", "inf"], "--budget-grams inf is no budget: give a number of grams"),
        (["--layers", "many"], "'many' is no list of whole numbers: write it as 128,64"),
        (["--data", "air@new"], "'air@new' names no version: write NAME or NAME@2"),
        (["--test-share", "1"], "1.0 is not in the range 0<=x<1"),
        (["--confidence", "0.2"], "0.2 is not in the range 0.5<=x<1"),
        (["--price", "-1"], "-1.0 is not in the range x>=0"),
        (["--seed", "-1"], "-1 is not in the range x>=0"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    submitted: list[tuple[TrainingRun, TrainSpec]], more: list[str], sentence: str
) -> None:
    assert sentence in said(regression, "--data", "air", "--target", "co", *more)
    assert submitted == []


def test_each_task_of_the_group_is_one_that_there_is_a_message_for() -> None:
    assert set(TASKS) <= set(WORDS)
    assert all(isinstance(train.get_command(click.Context(train), task), click.Command)
               for task in TASKS)  # fmt: skip
    listed = said(train, "--help")
    assert all(task.summary in listed for task in TASKS.values())
    assert "No such command 'guess'" in said(train, "guess")


def candidate(**more: object) -> Mapping[str, Any]:
    return {"score": 0.91234, "chosen": False, "sentence": "logistic: enough", **more}


def test_candidates_are_a_table_with_the_reason_of_the_chosen(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tried = [
        candidate(algorithm="logistic", chosen=True, nj_to_train=2 * 10**9, nj_per_prediction=4000),
        candidate(algorithm="mlp", nj_to_train=None, nj_per_prediction=None, is_efficient=False),
    ]
    print_candidates({"candidates": tried})
    assert capsys.readouterr().out.splitlines() == [
        "   algorithm    score  to train  a prediction  efficient",
        "*  logistic   0.91234  2 J       4 µJ          yes",
        "   mlp        0.91234",
        "* logistic: enough",
    ]
    print_candidates({})
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("said_of_it", "heading"),
    [
        ({"measure": "R2 error"}, "R2 error (less is better)"),
        ({"measure": "recall", "more_is_better": True}, "recall (more is better)"),
    ],
)
def test_a_table_of_candidates_says_what_was_scored_and_which_way_is_better(
    said_of_it: dict[str, object], heading: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_candidates({"candidates": [candidate(algorithm="als", chosen=True, **said_of_it)]})
    assert heading in capsys.readouterr().out.splitlines()[0]
