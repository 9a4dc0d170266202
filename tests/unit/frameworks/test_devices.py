"""Where a model computes: what is absent is refused by name, and a GPU must earn its power."""

import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.frameworks import alternatives, devices, onnx
from lichen.frameworks.alternatives import on_cuda_if_it_gains
from lichen.frameworks.base import Predictor
from lichen.frameworks.devices import check_device, cuda_gains, has_cuda
from lichen.frameworks.function import FunctionPredictor
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_writer import linear_core

FORM = Signature(
    (TensorSpec("x", Datatype.FP32, (-1, 2)),), (TensorSpec("y", Datatype.FP32, (-1,)),)
)


def taking(seconds: float) -> FunctionPredictor:
    def compute(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        time.sleep(seconds)
        return {"y": inputs["x"].sum(axis=1)}

    return FunctionPredictor(FORM, compute)


@pytest.fixture
def no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "DEVICES", tmp_path)


@pytest.fixture
def gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nvidia0").touch()
    monkeypatch.setattr(devices, "DEVICES", tmp_path)
    monkeypatch.setattr(alternatives, "LARGE_NS", 0)


@pytest.mark.usefixtures("no_gpu")
def test_a_device_that_is_not_there_is_refused_by_name() -> None:
    assert not has_cuda()
    check_device("auto")
    check_device("cpu")
    with pytest.raises(InvalidInput, match="device cuda is absent, this machine shows no NVIDIA"):
        check_device("cuda")


@pytest.mark.usefixtures("gpu")
def test_a_device_that_is_there_is_not_refused() -> None:
    assert has_cuda()
    check_device("cuda")


def test_onnx_runtime_built_for_the_cpu_says_what_to_install() -> None:
    with pytest.raises(InvalidInput, match=r"device cuda is absent.*install lichen\[cuda\]"):
        OnnxPredictor(linear_core(np.ones((2, 1))), device="cuda")


def test_a_cuda_that_does_not_start_is_no_silent_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx, "_cuda_first", lambda _: [onnx._CUDA, onnx._CPU])
    with (
        pytest.warns(UserWarning, match="CUDAExecutionProvider"),
        pytest.raises(InvalidInput, match="ONNX Runtime cannot use it here"),
    ):
        OnnxPredictor(linear_core(np.ones((2, 1))), device="cuda")


def test_a_gpu_must_be_ten_times_as_quick_as_a_core() -> None:
    assert cuda_gains(1000, 99)
    assert not cuda_gains(1000, 101)


@pytest.mark.usefixtures("gpu")
def test_a_gpu_that_makes_up_for_its_power_serves() -> None:
    first, quick = taking(0.02), taking(0.0)
    assert on_cuda_if_it_gains(first, lambda: quick) is quick
    assert first.is_closed
    assert not quick.is_closed


@pytest.mark.usefixtures("gpu")
def test_a_gpu_that_does_not_is_let_go() -> None:
    first, slow = taking(0.0), taking(0.002)
    assert on_cuda_if_it_gains(first, lambda: slow) is None
    assert slow.is_closed
    assert not first.is_closed


@pytest.mark.usefixtures("gpu")
def test_a_gpu_that_cannot_be_used_is_left_out() -> None:
    def load() -> Predictor:
        raise InvalidInput("no driver")

    first = taking(0.0)
    assert on_cuda_if_it_gains(first, load) is None
    assert not first.is_closed


@pytest.mark.usefixtures("no_gpu")
def test_without_a_gpu_nothing_is_tried() -> None:
    def load() -> Predictor:
        raise AssertionError

    assert on_cuda_if_it_gains(taking(0.0), load) is None
