"""A Caffe network as ONNX, beside OpenCV's reading of its files: `caffe_network.py FOLDER [ROWS]`.

Run it with a Python that has OpenCV 4, as the environment has which imports of Caffe build. Both
compute with one thread; what is printed is their largest difference and their CPU time.
"""

import sys
from pathlib import Path
from time import process_time

import numpy as np

from lichen.core.batch import Batch
from lichen.frameworks.caffe.judge import judge_of
from lichen.frameworks.caffe.network import read_network
from lichen.frameworks.caffe.text import read_text
from lichen.frameworks.caffe.wire import read_weights
from lichen.frameworks.caffe.writer import write_onnx
from lichen.frameworks.onnx import OnnxPredictor

AT_ONCE = 16


def main(folder: Path, rows: int) -> None:
    (described,) = (one.read_bytes() for one in folder.glob("*.prototxt"))
    (weights,) = (one.read_bytes() for one in folder.glob("*.caffemodel"))
    network = read_network(read_text(described), read_weights(weights), {})
    written = write_onnx(network, {})
    judge, ours = judge_of(network, written, described, weights), OnnxPredictor(written.content)
    random = np.random.default_rng(1)
    worst, spent = 0.0, {"OpenCV": 0.0, "ONNX Runtime": 0.0}
    for at in range(0, rows, AT_ONCE):
        count = min(AT_ONCE, rows - at)
        asked = {
            name: random.standard_normal((count, *shape[1:])).astype(np.float32) * 60
            for name, shape in written.inputs.items()
        }
        began = process_time()
        expected = judge.answers(asked)
        between = process_time()
        found = ours.predict(Batch(asked))
        spent["OpenCV"] += between - began
        spent["ONNX Runtime"] += process_time() - between
        worst = max(worst, *(float(np.abs(found[one] - expected[one]).max()) for one in expected))
    print(f"{network.name}: {len(network.layers)} layers, {written.multiply_adds:,} multiply-adds")
    print(f"{rows} rows: largest difference {worst:.1e}")
    ratio = spent["OpenCV"] / spent["ONNX Runtime"]
    print(f"CPU: {judge.library} takes {ratio:.1f} times what ONNX Runtime does")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1000)
