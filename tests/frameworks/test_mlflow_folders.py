"""Folders of MLflow, both ways: brought and asked over HTTP; exported and loaded by MLflow."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lichen.cli.main import run

SOURCE = Path(__file__).parents[2] / "src"


@pytest.fixture(scope="module")
def made(make: Callable[..., Path]) -> Path:
    """The folders, and the answers of their models."""
    return make("mlflow_folders", "mlflow")


@pytest.fixture(scope="module")
def fitted(make: Callable[..., Path]) -> Path:
    """Estimators of scikit-learn, to export."""
    return make("scikit", "scikit-learn")


@pytest.fixture(scope="module")
def networks(
    make: Callable[..., Path], packages_of: Callable[[str], Path]
) -> Callable[[str], Path]:
    """Folders of what only its framework's own environment can save, each framework asked once."""
    site = str(packages_of("mlflow"))
    return cache(lambda which: make("mlflow_networks", which, site, which))


def arrays(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}


@pytest.mark.parametrize(
    ("name", "format_", "tolerance"),
    [
        ("sklearn-skops", "skops", 1e-6),
        ("xgboost", "xgboost", 1e-5),
        ("lightgbm", "lightgbm", 1e-5),
        ("onnx", "onnx", 1e-5),
    ],
)
def test_a_folder_of_mlflow_answers_over_http_as_its_model_did(
    made: Path, faithful: Callable[..., Any], name: str, format_: str, tolerance: float
) -> None:
    inputs, outputs = arrays(made / f"{name}-inputs.npz"), arrays(made / f"{name}-outputs.npz")
    row = faithful("MLflow", made / name, inputs, outputs, tolerance)
    assert (row.inputs, row.format) == (1000, format_)


def travelling(values: NDArray[Any]) -> NDArray[Any]:
    """Texts as they travel."""
    if values.dtype.kind != "U":
        return values
    found = np.empty(values.shape, dtype=np.object_)
    found.ravel()[:] = [one.encode() for one in values.ravel().tolist()]
    return found


@pytest.mark.parametrize(
    ("which", "name", "format_", "tolerance"),
    [
        ("keras", "keras", "keras", 1e-4),
        ("keras", "tensorflow", "savedmodel", 1e-4),
        ("torch", "pytorch", "torch-export", 1e-4),
        ("torch", "transformers", "huggingface", 1e-4),
        ("spacy", "spacy", "spacy", 1e-5),
    ],
)
def test_a_network_that_mlflow_saved_answers_over_http_as_its_framework_did(
    networks: Callable[[str], Path],
    faithful: Callable[..., Any],
    which: str,
    name: str,
    format_: str,
    tolerance: float,
) -> None:
    folder = networks(which)
    inputs, outputs = (
        {tensor: travelling(values) for tensor, values in arrays(folder / kept).items()}
        for kept in (f"{name}-inputs.npz", f"{name}-outputs.npz")
    )
    row = faithful("MLflow", folder / name, inputs, outputs, tolerance)
    assert (row.inputs, row.format) == (1000, format_)


@pytest.mark.parametrize(
    ("library", "name", "file"),
    [("XGBoost", "xgboost", "model.ubj"), ("LightGBM", "lightgbm", "model.lgb")],
)
def test_a_booster_alone_answers_over_http_as_its_library_did(
    made: Path, faithful: Callable[..., Any], library: str, name: str, file: str
) -> None:
    inputs, outputs = arrays(made / f"{name}-inputs.npz"), arrays(made / f"{name}-outputs.npz")
    row = faithful(library, made / name / file, inputs, outputs, 1e-5)
    assert (row.inputs, row.format) == (1000, name)


def test_a_folder_that_holds_a_pickle_is_refused(
    made: Path, command: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    del command  # it says which platform is asked
    assert run(["models", "import", str(made / "sklearn-cloudpickle"), "--name", "stranger"]) != 0
    assert "pickle" in capsys.readouterr().err


def test_a_network_that_mlflow_pickled_is_refused_and_what_to_do_is_said(
    networks: Callable[[str], Path],
    command: Callable[..., Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    del command  # it says which platform is asked
    folder = networks("torch") / "pytorch-pickle"
    assert run(["models", "import", str(folder), "--name", "stranger"]) != 0
    said = capsys.readouterr().err
    assert "is a Python pickle, which runs its author's code when it is read" in said
    assert "torch.export.save" in said


@pytest.mark.parametrize(
    ("name", "answered"),
    [
        ("histogram", "pyfunc"),
        ("histogram", "onnx"),
        ("forest", "pyfunc"),
        ("words", "pyfunc"),
        ("machine", "pyfunc"),
        ("machine", "onnx"),
    ],
)
def test_an_exported_folder_answers_in_mlflow_as_the_framework_did(
    fitted: Path,
    make: Callable[..., Path],
    command: Callable[..., Any],
    tmp_path: Path,
    name: str,
    answered: str,
) -> None:
    version = command("models", "import", fitted / f"{name}.skops", "--name", f"out-{name}")
    reference, folder = f"out-{name}@{version['version']}", tmp_path / "folder"
    command("models", "export", reference, folder, "--format", "mlflow")
    asked = fitted / f"{name}-inputs.npz"
    out = make("read_mlflow", "mlflow", str(folder), str(asked), str(SOURCE))
    expected, found = arrays(fitted / f"{name}-outputs.npz"), arrays(out / f"{answered}.npz")
    assert len(found["prediction"]) == 1000
    for output, values in expected.items():
        if values.dtype.kind == "U":
            assert found[output].tolist() == values.tolist()
        else:
            assert np.abs(found[output] - values).max() <= 1e-5 * max(1.0, np.abs(values).max())


def test_an_exported_folder_comes_back_as_the_version_that_it_was(
    fitted: Path, command: Callable[..., Any], tmp_path: Path
) -> None:
    first = command("models", "import", fitted / "ridge.skops", "--name", "away")
    command("models", "export", f"away@{first['version']}", tmp_path / "f", "--format", "mlflow")
    back = command("models", "import", tmp_path / "f", "--name", "back")
    assert [one["sha256"] for one in back["files"]] == [one["sha256"] for one in first["files"]]
