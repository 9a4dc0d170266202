"""What runs inside the guest of an ONNX model with several threads: our own environment.

    python -m lichen.serving.guests.onnx_main THREADS DESCRIPTOR PARENT_PID MEMORY_BYTES

The model lies in its current folder.
"""

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from lichen.core.batch import Batch
from lichen.core.tensors import TensorSpec
from lichen.frameworks.onnx import MODEL_FILE, OnnxPredictor
from lichen.serving.guests.main import Head, Spec, Values, begin, serve


class OnnxModel:
    """An ONNX model as a guest serves it."""

    def __init__(self, threads: int) -> None:
        self._predictor = OnnxPredictor(Path(MODEL_FILE).read_bytes(), None, threads)

    def told(self) -> Head:
        """The signature of its graph."""
        read = self._predictor.signature
        return {
            "inputs": [_spec(one) for one in read.inputs],
            "outputs": [_spec(one) for one in read.outputs],
            "joins_rows": self._predictor.joins_rows,
        }

    def predict(self, tensors: Mapping[str, Values]) -> Mapping[str, Values]:
        """What the graph computes."""
        return self._predictor.predict(Batch(tensors)).arrays

    def example(self, rows: int) -> Mapping[str, Values]:
        """Random numbers in the form that the model takes."""
        return self._predictor.example(rows).arrays


def _spec(spec: TensorSpec) -> Spec:
    return {"name": spec.name, "datatype": spec.datatype.value, "shape": list(spec.shape)}


def main(arguments: Sequence[str]) -> int:
    """Serve until the other side is gone."""
    threads, *others = arguments
    return serve(begin(others), partial(OnnxModel, int(threads)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
