"""Load a folder of MLflow by MLflow's own functions, and write down what it answers.

Called with the folder to write to, the folder to read, the inputs and where Lichen's code stands.
"""

import sys
from pathlib import Path
from typing import Any

import mlflow.onnx
import mlflow.pyfunc
import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import pandas as pd


def main(out: Path, place: Path, asked: Path, code: str) -> None:
    """The answers of `python_function`, and of the ONNX where the folder has it."""
    sys.path.append(code)
    with np.load(asked) as stored:
        inputs = {name: stored[name] for name in stored.files}
    model = mlflow.pyfunc.load_model(str(place))
    schema = model.metadata.get_input_schema()
    given: object = next(iter(inputs.values()))
    if not schema.is_tensor_spec():
        values = [column for tensor in inputs.values() for column in tensor.T]
        given = pd.DataFrame(dict(zip(schema.input_names(), values, strict=True)))
    answers = model.predict(given)
    np.savez(out / "pyfunc.npz", **{name: plain(one) for name, one in answers.items()})
    if "onnx" not in model.metadata.flavors:
        return
    graph = mlflow.onnx.load_model(str(place))
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    feed = {
        name: tensor.astype(object) if tensor.dtype.kind == "U" else tensor
        for name, tensor in inputs.items()
    }
    names = [one.name for one in session.get_outputs()]
    found = dict(zip(names, session.run(None, feed), strict=True))
    np.savez(out / "onnx.npz", **{name: plain(one) for name, one in found.items()})


def plain(values: Any) -> Any:
    """Texts as NumPy's own, so that nothing is pickled."""
    return values.astype(str) if values.dtype.kind == "O" else values


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
