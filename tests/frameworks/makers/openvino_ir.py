"""A real network as OpenVINO keeps it, and what OpenVINO answers: `openvino_ir.py FOLDER`.

It is the text-direction classifier that the package `rapidocr-onnxruntime` carries, converted by
OpenVINO for one image of 48 x 192 pixels.
"""

import sys
from importlib.metadata import files
from pathlib import Path

import numpy as np
import openvino  # type: ignore[import-untyped]

ROWS, FORM = 1000, (3, 48, 192)


def main(folder: Path) -> None:
    listed = files("rapidocr-onnxruntime") or ()
    carried = next(one for one in listed if str(one).endswith("cls_infer.onnx"))
    core = openvino.Core()
    model = core.read_model(str(carried.locate()))
    model.reshape({0: [1, *FORM]})
    kept = folder / "direction"
    kept.mkdir()
    openvino.save_model(model, str(kept / "direction.xml"), compress_to_fp16=False)
    settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(str(kept / "direction.xml"), "CPU", settings)
    images = np.random.default_rng(8).uniform(-1, 1, (ROWS, *FORM)).astype(np.float32)
    answers = [compiled(images[at : at + 1])[0].copy() for at in range(ROWS)]
    name = next(iter(model.outputs[0].get_names()))
    np.savez(folder / "inputs.npz", x=images)
    np.savez(folder / "outputs.npz", allow_pickle=False, **{name: np.concatenate(answers)})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
