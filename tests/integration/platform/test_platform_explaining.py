"""Models that a platform fetches itself, and what it makes of a dataset's columns by a job."""

from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

from lichen.cli.main import run
from lichen.client.connection import Lichen
from lichen.core.errors import LichenError
from lichen.frameworks.onnx_writer import linear_core
from lichen.protocol.explaining_data import ExplainSpec

ROWS = 80


class Running(Protocol):
    home: Path
    environment: dict[str, str]

    def up(self) -> None: ...
    def client(self) -> Lichen: ...


@pytest.fixture
def planted(stopped: Running, tmp_path: Path) -> Lichen:
    """A platform that may fetch from one folder, with the dataset `rows` in which `b` decides."""
    folder = tmp_path / "models"
    folder.mkdir()
    content = linear_core(np.array([[0.1], [5.0]]))
    (folder / "line.onnx").write_bytes(content)
    stopped.environment["LICHEN_PULL_FOLDERS"] = str(folder)
    stopped.up()
    client = stopped.client()
    drawn = np.random.default_rng(2).normal(size=(ROWS, 2))
    lines = [f"{a:.4f},{b:.4f},{0.1 * a + 5 * b:.4f}" for a, b in drawn]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,y", *lines]) + "\n")
    client.data.add("rows", tmp_path / "rows.csv")
    return client


def test_a_model_of_an_allowed_folder_is_fetched_deployed_and_explained_over_a_dataset(
    planted: Lichen,
    stopped: Running,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pulled = planted.models.pull(f"file:{tmp_path}/models/line.onnx", "line", columns=("a", "b"))
    made = planted.models.made(pulled)
    assert (made.model, made.version) == ("line", 1)
    assert made.provenance is not None
    assert made.provenance["source"].endswith("models/line.onnx")
    planted.deployments.deploy("line@1")
    ranked = planted.explain_data(
        ExplainSpec(deployment="line", data="rows", target="y", repeats=3, picture="svg")
    )
    assert [one.column for one in ranked.importances] == ["b", "a"]
    assert ranked.importances[0].mean > 10 * ranked.importances[1].mean
    monkeypatch.setenv("LICHEN_HOME", str(stopped.home))
    monkeypatch.setenv("LICHEN_RUNTIME", stopped.environment["LICHEN_RUNTIME"])
    drawn = tmp_path / "curve.svg"
    asked = ["explain", "line", "--data", "rows", "--columns", "b", "--grid", "4"]
    assert run([*asked, "--picture", str(drawn)]) == 0
    assert "b" in capsys.readouterr().out
    assert drawn.read_text().startswith("<svg")


def test_folders_that_were_not_allowed_are_refused(planted: Lichen, tmp_path: Path) -> None:
    (tmp_path / "other.onnx").write_bytes(linear_core(np.array([[1.0]])))
    with pytest.raises(LichenError, match="pull_folders"):
        planted.models.pull(f"file:{tmp_path}/other.onnx", "other")
    assert planted.models.ls() == []
