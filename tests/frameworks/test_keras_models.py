"""`.keras`, HDF5, SavedModels and TFLite: imported, deployed, and asked 1000 inputs over HTTP."""

import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lichen.cli.main import run
from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.formats import format_of
from lichen.frameworks.importing.source import laid_out

FASHION = Path("/usr/share/datasets/fashion-mnist")
IMAGES, LABELS = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
OUTSIDE = "wyoming_openwakeword"
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def outside() -> Path:
    """A network of others: Google's speech embedding, as openWakeWord ships it (Apache-2.0)."""
    spec = find_spec(OUTSIDE)
    assert spec is not None, f"{OUTSIDE} is missing: make pretrained"
    return Path(str(spec.origin)).parent / "models" / "embedding_model.tflite"


@pytest.fixture(scope="module")
def made(make: Callable[..., Path], outside: Path) -> Path:
    if not FASHION.is_dir():
        pytest.skip(f"{FASHION} is absent: apt-get install dataset-fashion-mnist")
    folder = make("keras_models", "keras", *map(str, (FASHION / IMAGES, FASHION / LABELS, outside)))
    (folder / "embedding.tflite").write_bytes(outside.read_bytes())
    return folder


def arrays(path: Path) -> dict[str, NDArray[Any]]:
    with np.load(path) as stored:
        found = {name: stored[name] for name in stored.files}
    return {
        name: one.astype(object) if one.dtype.kind == "S" else one for name, one in found.items()
    }


@pytest.mark.parametrize(
    ("file", "format_", "options"),
    [
        ("fashion.keras", "keras", ()),
        ("weather.keras", "keras", ()),
        ("load.h5", "keras-h5", ()),
        ("zones", "savedmodel", ()),
        ("zones-total", "savedmodel", ("--entry", "total")),
    ],
)
def test_a_model_of_tensorflow_answers_over_http_as_it_did(
    made: Path, faithful: Callable[..., Any], file: str, format_: str, options: tuple[str, ...]
) -> None:
    kept = file.partition(".")[0]
    inputs, outputs = arrays(made / f"{kept}-inputs.npz"), arrays(made / f"{kept}-outputs.npz")
    path = made / ("zones" if options else file)
    row = faithful("TensorFlow and Keras", path, inputs, outputs, TOLERANCE, *options)
    assert (row.inputs, row.format) == (1000, format_)


@pytest.mark.parametrize("name", ["fashion-lite", "fashion-int8", "embedding"])
def test_a_tflite_network_answers_over_http_as_its_interpreter_did(
    made: Path, faithful: Callable[..., Any], name: str
) -> None:
    """A quantised one to within one of its steps, of which its largest answer has at most 256."""
    inputs, outputs = arrays(made / f"{name}-inputs.npz"), arrays(made / f"{name}-outputs.npz")
    step = float(outputs.pop("step"))
    row = faithful("TFLite", made / f"{name}.tflite", inputs, outputs, TOLERANCE + step)
    assert (row.inputs, row.format) == (1000, "tflite")


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("lambda.keras", "layer 'twice' is a Lambda: it holds Python code"),
        ("lambda.h5", "layer 'twice' is a Lambda: it holds Python code"),
        ("registered.keras", "layer 'doubled' is a Doubled of its author's own code"),
    ],
)
def test_code_in_a_layer_is_seen_without_keras(
    made: Path, tmp_path: Path, file: str, said: str
) -> None:
    shutil.copy(made / "hostile" / file, tmp_path)
    source = laid_out(tmp_path, file)
    found = format_of(source)
    assert found is not None
    with pytest.raises(InvalidInput, match=said):
        found.check(source)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("lambda.keras", "layer 'twice' is a Lambda: it holds Python code, which is never run"),
        ("lambda.h5", "layer 'twice' is a Lambda: it holds Python code, which is never run"),
        ("registered.keras", "layer 'doubled' is a Doubled of its author's own code"),
        ("alone.weights.h5", "holds no model_config: it is weights alone"),
        ("cut.h5", "cut.h5 is a damaged HDF5 file"),
        ("linked.h5", "elsewhere in linked.h5 is a link out of its place ('/x')"),
        ("python", "calls Python (EagerPyFunc: tf.py_function or tf.numpy_function)"),
    ],
)
def test_code_links_and_damage_are_refused_by_a_sentence(
    made: Path,
    platform: Any,  # noqa: ANN401 - of the conftest beside
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    file: str,
    said: str,
) -> None:
    monkeypatch.setenv("LICHEN_HOME", str(platform.home))
    monkeypatch.setenv("LICHEN_RUNTIME", str(platform.runtime))
    assert run(["models", "import", str(made / "hostile" / file)]) != 0
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1
