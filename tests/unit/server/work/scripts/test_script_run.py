"""`lichen.run()`: the same file runs in a notebook, metered, and registers into a folder."""

import os
from pathlib import Path

import numpy as np
import pytest

from lichen.core.errors import Conflict, InvalidInput, NotFound, Unavailable
from lichen.frameworks.dense_writer import dense_layer, dense_model
from lichen.registry.bundle import read_folder, read_manifest, verify_contents
from lichen.server.work.scripts.run import run
from lichen.training.scripts.dataset import ScriptDataset, dataset_of, described
from lichen.training.scripts.run import Run

CSV = "time,load,place\n2026-01-01T00:00Z,1.5,north\n2026-01-01T01:00Z,2.5,\n"


@pytest.fixture
def alone(tmp_path: Path) -> Run:
    (tmp_path / "loads.csv").write_text(CSV)
    return run(
        tmp_path / "loads.csv", name="loads", folder=tmp_path / "run", arguments=["a"], seed=3
    )


def test_its_dataset_is_read_as_a_platform_reads_it(alone: Run) -> None:
    assert (alone.arguments, alone.seed, alone.should_stop) == (["a"], 3, False)
    rows = alone.dataset.arrays()
    assert alone.dataset.columns == ("time", "load", "place")
    assert len(alone.dataset) == 2
    assert rows["time"].dtype == np.dtype("datetime64[s]")
    assert rows["load"].tolist() == [1.5, 2.5]
    assert rows["place"].tolist() == ["north", None]
    assert list(alone.dataset.arrays(["place", "load"])) == ["place", "load"]
    assert alone.dataset.path.read_bytes()[:4] == b"PAR1"
    with pytest.raises(InvalidInput, match="no column 'lod': did you mean 'load'"):
        alone.dataset.arrays(["lod"])


def test_a_dataset_travels_to_its_script_unchanged(alone: Run) -> None:
    assert dataset_of(described(alone.dataset)) == alone.dataset


def test_it_is_metered_and_registers_a_folder_that_can_be_imported(
    alone: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    alone.log(step=1, loss=0.5)
    alone.progress(0.5)
    alone.log(step=2, loss=0.25)
    sum(one * one for one in range(200_000))
    spent = alone.energy
    assert spent is not None
    assert spent.joules > 0
    assert spent.grams is not None
    folder = alone.register(([2.0, 1.0], 0.0), columns=["a", "b"], metrics={"r2": 0.5})
    contents = read_folder(Path(folder))
    assert verify_contents(contents) == ()
    manifest = read_manifest(contents)
    assert manifest.reference == "loads@1"
    assert {one.name: one.value for one in manifest.metrics} == {"loss": 0.25, "r2": 0.5}
    assert manifest.signature.inputs[0].columns == ("a", "b")
    assert manifest.receipt is not None
    assert manifest.receipt.energy.nj >= spent.nj
    assert capsys.readouterr().err.splitlines()[0] == "step 1: loss 0.5"
    with pytest.raises(Conflict, match="a run makes one version"):
        alone.register(([2.0], 0.0))


def test_checkpoints_are_whole_or_not_there(alone: Run) -> None:
    assert alone.restore("weights") is None
    alone.checkpoint("weights", b"one")
    alone.checkpoint("weights", b"two")
    assert alone.restore("weights") == b"two"
    assert [path.name for path in (alone.folder / "checkpoints").iterdir()] == ["weights"]
    with pytest.raises(InvalidInput, match=r"cannot be called '\.\./x'"):
        alone.checkpoint("../x", b"")


def test_what_is_no_number_is_refused(alone: Run) -> None:
    with pytest.raises(InvalidInput, match="loss is 'low', which is no number"):
        alone.log(loss="low")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="'r2' is nan: leave out a score"):
        alone.register(([2.0], 0.0), metrics={"r2": float("nan")})
    with pytest.raises(InvalidInput, match="fit 0 of the model's tensors"):
        alone.register(([2.0], 0.0), columns=["a", "b"])


def test_without_a_file_there_is_no_dataset(tmp_path: Path) -> None:
    begun = run(folder=tmp_path / "run")
    with pytest.raises(Unavailable, match=r"call lichen\.run"):
        _ = begun.dataset
    with pytest.raises((InvalidInput, NotFound), match="absent"):
        run(tmp_path / "absent.csv", folder=tmp_path / "other")


def test_a_child_process_has_no_run_of_its_own(alone: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(Unavailable, match="a child process of the script has no run of its own"):
        alone.log(loss=1.0)


def test_a_frame_needs_pandas_and_says_so(alone: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(dotted: str) -> object:
        raise ImportError(dotted)

    monkeypatch.setattr("lichen.training.scripts.dataset.load_object", missing)
    with pytest.raises(Unavailable, match=r"needs pandas: name it, with its version"):
        alone.dataset.frame()
    assert isinstance(alone.dataset, ScriptDataset)


def test_onnx_of_ones_own_is_registered_under_its_graphs_names(alone: Run) -> None:
    content = dense_model([dense_layer([[1.0]], 0.0)])
    assert alone.register(content).endswith("loads-1")
