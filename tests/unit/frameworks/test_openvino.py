"""OpenVINO as a runtime: tried for large models only, agreeing, in the caller's thread, silent."""

import subprocess
import sys
from importlib.machinery import ModuleSpec

import numpy as np
import pytest

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput, WorkFailed
from lichen.frameworks import alternatives, openvino
from lichen.frameworks.alternatives import cheapest_form
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_writer import linear_core
from lichen.frameworks.openvino import OpenVinoPredictor
from lichen.frameworks.runtimes import Runtimes

SMALL = linear_core(np.random.default_rng(5).normal(size=(6, 4)))


def test_it_answers_as_onnx_runtime_does() -> None:
    first = OnnxPredictor(SMALL)
    served = OpenVinoPredictor(SMALL, first)
    for rows in (1, 5, 2):
        drawn = np.random.default_rng(rows).normal(size=(rows, 6)).astype(np.float32)
        batch = Batch({"features": drawn})
        np.testing.assert_allclose(
            served.predict(batch)["raw"], first.predict(batch)["raw"], atol=1e-5
        )


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(InvalidInput, match="does not take"):
        OpenVinoPredictor(b"not a model", OnnxPredictor(SMALL))


def test_rows_of_another_width_fail_as_a_sentence() -> None:
    served = OpenVinoPredictor(SMALL, OnnxPredictor(SMALL))
    with pytest.raises(WorkFailed, match="could not compute"):
        served.predict(Batch({"features": np.zeros((1, 7), dtype=np.float32)}))


def test_a_closed_model_says_so() -> None:
    served = OpenVinoPredictor(SMALL, OnnxPredictor(SMALL))
    served.close()
    with pytest.raises(WorkFailed, match="unloaded"):
        served.predict(served.example(1))


def test_a_large_model_is_tried_and_a_small_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[bytes] = []

    def load(content: bytes, first: OnnxPredictor) -> OpenVinoPredictor:
        tried.append(content)
        return OpenVinoPredictor(content, first)

    monkeypatch.setattr(openvino, "OpenVinoPredictor", load)
    first = OnnxPredictor(SMALL)
    assert cheapest_form(SMALL, first, None) is first
    assert tried == []
    monkeypatch.setattr(alternatives, "LARGE_NS", 0)
    with monkeypatch.context() as patched:
        patched.setattr(alternatives, "LARGEST_BYTES", len(SMALL) - 1)
        assert cheapest_form(SMALL, first, None) is first
    assert tried == []
    served = cheapest_form(SMALL, first, None)
    assert tried == [SMALL]
    assert isinstance(served, OnnxPredictor | OpenVinoPredictor | Runtimes)


def test_where_it_is_not_installed_it_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(name: str) -> ModuleSpec | None:
        assert name == "openvino"
        return None

    monkeypatch.setattr(openvino, "find_spec", found)
    monkeypatch.setattr(alternatives, "LARGE_NS", 0)
    first = OnnxPredictor(SMALL)
    assert cheapest_form(SMALL, first, None) is first


def test_it_never_loads_what_tells_intel_about_its_use() -> None:
    program = (
        "import sys; from lichen.frameworks.openvino import core; core();"
        "print([name for name in sys.modules if name.startswith('openvino_telemetry.')],"
        " sys.modules['openvino_telemetry'])"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert ended.stdout.decode().strip() == "[] None"
