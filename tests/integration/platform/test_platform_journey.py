"""The main job through a real platform: data, training, deployment, prediction, accounts."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import httpx
import lightgbm
import numpy as np
import pytest

from lichen.client.connection import Lichen
from lichen.core.errors import InvalidInput, LichenError, NotFound, WorkFailed
from lichen.core.tensors import Datatype
from lichen.frameworks.onnx_writer import linear_core
from lichen.protocol.admin import Job, JobKind, JobState, ModelVersion
from lichen.protocol.training import ForecastTraining

LAST = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=24 * 40 - 1)
TRAINING = ForecastTraining(
    data="load",
    targets=["load"],
    known=["warmth"],
    horizon=24,
    algorithm="ridge-calendar",
)
LONG_TRAINING = ForecastTraining(data="load", targets=["load"], known=["warmth"], horizon=24)
"""It tries one algorithm after another, for seconds."""
GUESS = ForecastTraining(data="load", targets=["load"], horizon=0)
Until = Callable[[Callable[[], bool]], None]


class Running(Protocol):
    home: Path

    def pids(self) -> dict[str, int]: ...


@pytest.fixture(scope="module")
def trained(lichen: Lichen, load_csv: Path) -> ModelVersion:
    """A forecaster of the load, with the warmth known ahead, deployed under its name."""
    lichen.data.add("load", load_csv)
    version = lichen.train(TRAINING)
    lichen.deployments.deploy(f"load@{version.version}")
    return version


def test_a_dataset_is_what_the_file_holds(lichen: Lichen, trained: ModelVersion) -> None:
    assert trained.dataset is not None
    dataset = lichen.data.show("load")
    assert (dataset.rows, dataset.step_seconds, dataset.end) == (24 * 40, 3600, LAST)
    assert [column.name for column in dataset.columns] == ["time", "load", "warmth"]
    assert [one.name for one in lichen.data.ls()] == ["load"]
    newest = lichen.data.newest("load", 2)
    assert newest.times == [LAST - timedelta(hours=1), LAST]
    assert set(newest.columns) == {"load", "warmth"}


def test_the_same_file_again_is_the_same_version(lichen: Lichen, load_csv: Path) -> None:
    again = lichen.data.add("load", load_csv)
    assert again.version == 1


def test_a_version_has_its_metrics_receipt_and_files(lichen: Lichen, trained: ModelVersion) -> None:
    assert trained.receipt is not None
    assert trained.receipt.energy.nj > 0
    assert {metric.name for metric in trained.metrics} >= {"MASE", "MAPE", "RMSE"}
    assert lichen.models.verify("load@latest").sound
    assert "co2_eq_emissions" in lichen.models.card("load@1")


def test_the_receipt_is_exactly_what_the_ledger_holds(
    lichen: Lichen, trained: ModelVersion, until: Until
) -> None:
    job = next(job for job in lichen.jobs.ls() if job.kind is JobKind.TRAIN)
    assert job.receipt == trained.receipt
    assert job.receipt is not None
    wanted = f"work/default/{job.id}/load/train"
    assert job.receipt.carbon is not None
    nj, ng = job.receipt.energy.nj, job.receipt.carbon.ng

    def booked() -> bool:
        totals = {one.account: one for one in lichen.ledger().accounts}
        return wanted in totals and totals[wanted].nj == nj

    until(booked)
    accounts = lichen.ledger().accounts
    assert sum(one.nj for one in accounts) == 0
    assert sum(one.ng or 0 for one in accounts) == 0
    booked_ng = next(one.ng for one in accounts if one.account == wanted)
    assert booked_ng is not None
    assert abs(booked_ng - ng) <= 60, "grams are rounded once a second there, and once here"
    assert lichen.verify_ledger().sound


def test_a_forecast_from_an_earlier_time_knows_the_warmth_ahead(
    lichen: Lichen, trained: ModelVersion
) -> None:
    assert trained.task == "forecast"
    start = LAST - timedelta(hours=23)
    asked = lichen.deployments.newest_input("load", start)
    assert asked.times[0] == start
    assert [one["name"] for one in asked.request["inputs"]][:3] == ["history", "start", "known"]
    answer = lichen.predict("load", {one["name"]: _nested(one) for one in asked.request["inputs"]})
    assert len(answer.outputs["mean"][0]) == 24
    assert answer.receipt is not None


def test_a_forecast_that_needs_rows_nobody_has_says_which(
    lichen: Lichen, trained: ModelVersion
) -> None:
    assert trained.task == "forecast"
    with pytest.raises(InvalidInput, match="warmth for the 24 steps from 2026-02-10T00:00:00Z"):
        lichen.predict("load")
    with pytest.raises(InvalidInput, match="rows before"):
        lichen.deployments.newest_input("load", LAST - timedelta(days=39))


def test_appended_rows_are_the_next_version_and_the_next_forecast(
    lichen: Lichen, trained: ModelVersion, tmp_path: Path
) -> None:
    assert trained.version == 1
    day = [LAST + timedelta(hours=hour + 1) for hour in range(24)]
    rows = [f"{one.isoformat().replace('+00:00', 'Z')},,12.0" for one in day]
    more = tmp_path / "more.csv"
    more.write_text("\n".join(["time,load,warmth", *rows]) + "\n")
    assert lichen.data.append("load", more).version == 2
    assert lichen.data.newest("load", 1).columns["load"] == [None]
    answer = lichen.predict("load")
    assert len(answer.outputs["quantiles"][0][0][0]) == 9


def test_a_version_travels_as_a_tar(lichen: Lichen, trained: ModelVersion, tmp_path: Path) -> None:
    packed = lichen.models.export("load@1", tmp_path / "load.tar")
    imported = lichen.models.import_file(packed, "copy")
    assert (imported.model, imported.version, imported.task) == ("copy", 1, "forecast")
    assert {one.sha256 for one in imported.files} == {one.sha256 for one in trained.files}


def test_a_foreign_model_is_checked_and_served(lichen: Lichen, tmp_path: Path) -> None:
    path = tmp_path / "linear.onnx"
    path.write_bytes(linear_core(np.ones((3, 2), dtype=np.float32)))
    imported = lichen.models.import_file(path, columns=["load", "wind", "sun"], labels=["a", "b"])
    assert imported.signature.inputs[0].datatype is Datatype.FP32
    assert imported.signature.inputs[0].columns == ("load", "wind", "sun")
    assert imported.signature.outputs[0].columns == ("a", "b")
    assert "columns load, wind, sun" in lichen.models.card("linear@1")
    lichen.deployments.deploy("linear", "line")
    name = imported.signature.inputs[0].name
    answer = lichen.predict("line", {name: [[1.0, 2.0, 3.0]]})
    assert answer.outputs[imported.signature.outputs[0].name] == [[6.0, 6.0]]
    metadata = lichen.inference.metadata("line")
    assert metadata.inputs[0].parameters == {"columns": ["load", "wind", "sun"]}
    with pytest.raises(InvalidInput, match="2 columns fit 0 of the model's tensors"):
        lichen.models.import_file(path, columns=["load", "wind"])
    assert lichen.deployments.deploy("linear", "line", device="cpu").device == "cpu"
    lichen.deployments.undeploy("line")
    with pytest.raises(NotFound):
        lichen.deployments.show("line")


def test_a_lightgbm_file_is_checked_and_served_by_the_compiled_form(
    lichen: Lichen, platform: Running, tmp_path: Path
) -> None:
    rows = np.random.default_rng(1).normal(size=(200, 3)).astype(np.float32)
    made = lightgbm.Dataset(rows, rows[:, 0] * rows[:, 1])
    booster = lightgbm.train({"verbosity": -1, "num_threads": 1}, made, 20)
    booster.save_model(tmp_path / "trees.txt")
    imported = lichen.models.import_file(tmp_path / "trees.txt")
    assert (imported.algorithm, imported.task) == ("lightgbm", "regression")
    assert {one.name for one in imported.files} == {"model.onnx", "model.txt"}
    lichen.deployments.deploy("trees")
    answer = lichen.predict("trees", {"x": rows[:5].tolist()})
    expected = booster.predict(rows[:5])
    np.testing.assert_allclose(np.ravel(answer.outputs["prediction"]), expected, atol=1e-5)
    gap = rows[:1].copy()
    gap[0, 1] = np.nan
    row = dict(zip(booster.feature_name(), [float(gap[0, 0]), None, float(gap[0, 2])], strict=True))
    with_gap = httpx.post(
        f"{lichen.platform().addresses.http}/predict/trees",
        json={"rows": [row]},
        headers={"Authorization": f"Bearer {(platform.home / 'admin.key').read_text().strip()}"},
        timeout=60,
    ).json()
    np.testing.assert_allclose(np.ravel(with_gap["y_pred"]), booster.predict(gap), atol=1e-5)
    assert list((platform.home / "compiled").glob("*.so"))
    mapped = Path(f"/proc/{platform.pids()['dataplane']}/maps").read_text()
    assert str(platform.home / "compiled") in mapped
    assert "lib_lightgbm" not in mapped
    lichen.deployments.undeploy("trees")


def test_a_failed_job_raises_what_it_failed_with(lichen: Lichen, tmp_path: Path) -> None:
    empty = tmp_path / "empty.csv"
    empty.touch()
    with pytest.raises(InvalidInput, match=r"empty\.csv"):
        lichen.data.add("nothing", empty)
    with pytest.raises(NotFound, match="nothing"):
        lichen.data.show("nothing")
    failed = lichen.jobs.ls(JobState.FAILED)[-1]
    assert failed.error is not None
    assert failed.error.code == "InvalidInput"
    assert failed.error.message in lichen.jobs.logs(failed.id)


def test_a_running_job_is_cancelled_and_keeps_its_receipt(
    lichen: Lichen, trained: ModelVersion, until: Until
) -> None:
    assert trained.version == 1
    job = lichen.jobs.submit(JobKind.TRAIN, LONG_TRAINING)
    until(lambda: lichen.jobs.show(job.id).progress is not None)
    lichen.jobs.cancel(job.id)
    with pytest.raises(WorkFailed, match="was cancelled"):
        lichen.jobs.wait(job.id)
    ended = lichen.jobs.show(job.id)
    assert ended.receipt is not None
    assert lichen.models.versions("load")[-1].version == 1


def test_a_repeated_upload_makes_one_job_and_leaves_no_file(
    lichen: Lichen, platform: Running, load_csv: Path, until: Until
) -> None:
    session = lichen._session
    answers: list[str] = []
    key = {"Idempotency-Key": "the same"}
    query = {"name": "twice", "filename": "load.csv"}

    def send() -> None:
        answer = session._http.post(
            "/api/v1/datasets", params=query, headers=key, content=load_csv.read_bytes()
        )
        answers.append(answer.json()["id"])

    senders = [threading.Thread(target=send) for _ in range(3)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert len(answers) == 3
    assert len(set(answers)) == 1
    lichen.jobs.wait(answers[0])
    until(lambda: not any((platform.home / "uploads").iterdir()))


def test_watchers_see_a_job_through(lichen: Lichen, load_csv: Path) -> None:
    seen: list[Job] = []
    lichen.data.add("watched", load_csv, watcher=seen.append)
    assert seen[-1].state is JobState.SUCCEEDED


def test_errors_keep_their_class_over_the_wire(lichen: Lichen) -> None:
    calls: list[tuple[type[LichenError], Callable[[], object]]] = [
        (NotFound, lambda: lichen.models.show("ghost")),
        (NotFound, lambda: lichen.jobs.show("ghost")),
        (NotFound, lambda: lichen.deployments.deploy("load@77")),
        (InvalidInput, lambda: lichen.train(GUESS)),
        (InvalidInput, lambda: lichen.data.add("no such", Path("/nowhere.csv"))),
    ]
    for kind, call in calls:
        with pytest.raises(kind):
            call()


def test_the_platform_describes_itself(lichen: Lichen, platform: Running) -> None:
    said = lichen.platform()
    assert (said.zone, said.home) == ("DE", str(platform.home))
    assert set(said.pids) == {"dataplane", "controlplane", "worker", "supervisor"}
    meters = lichen.meters()
    assert meters.window is not None
    assert meters.unknown
    assert "DE" in {zone.zone for zone in lichen.zones()}
    assert lichen.zone("DE").answered_by == "yearly averages"


def _nested(tensor: dict[str, object]) -> object:
    data, shape = tensor["data"], tensor["shape"]
    assert isinstance(data, list)
    assert isinstance(shape, list)
    for length in reversed(shape[1:]):
        data = [data[at : at + length] for at in range(0, len(data), length)]
    return data
