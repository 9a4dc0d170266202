"""What a raw row of 20 columns costs beside the bare ONNX core, and texts beside dense terms.

CPU time of this thread, the least of several rounds: `python benchmarks/raw_rows.py`.
"""

import json
import platform
from collections.abc import Callable, Mapping
from functools import partial
from time import thread_time_ns

import numpy as np
import onnxruntime  # type: ignore[import-untyped]

from lichen.core.batch import Array, Batch
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_writer import linear_core
from lichen.pipeline.declaration import Classes, Codes, Moment, Number, OneHot, Pipeline, Words
from lichen.pipeline.encoding import Encoding, feature_count
from lichen.pipeline.files import pipeline_files
from lichen.pipeline.heads import answering
from lichen.protocol.plain import PlainForm
from lichen.serving.pipelines import PipelineAdapter, PipelinePredictor

ROUNDS, CALLS = 15, 400
TERMS = 50_000
HEAD = Classes(labels=["no", "yes"], set_threshold=0.1)
COLUMNS = Pipeline(
    encoders=[
        *(
            Number(column=f"n{at}", fill=0.0, low=-5, high=5, centre=1.0, scale=2.0, may_lack=True)
            for at in range(12)
        ),
        *(OneHot(column=f"c{at}", values=["a", "b", "c", "d"]) for at in range(6)),
        Codes(
            column="site",
            values=[str(at) for at in range(1000)],
            numbers=[at / 1000 for at in range(1000)],
        ),
        Moment(column="at", parts=["month", "weekday", "hour"]),
    ],
    head=HEAD,
)
ROW = {
    **{f"n{at}": 1.5 + at for at in range(12)},
    **{f"c{at}": "b" for at in range(6)},
    "site": "77",
    "at": "2026-01-02T03:04:05Z",
}


def microseconds(work: Callable[[], object]) -> float:
    """CPU time of one call."""
    took = []
    for _ in range(ROUNDS):
        began = thread_time_ns()
        for _ in range(CALLS):
            work()
        took.append((thread_time_ns() - began) / CALLS / 1000)
    return min(took)


def loaded(
    pipeline: Pipeline, core: bytes, arrays: Mapping[str, Array] | None = None
) -> PipelinePredictor:
    files = {"model.onnx": core, **pipeline_files(pipeline, arrays)}
    return PipelineAdapter().load(files, None)


def rows() -> None:
    core = linear_core(np.random.default_rng(0).normal(size=(feature_count(COLUMNS), 1)))
    served, bare = loaded(COLUMNS, core), OnnxPredictor(core)
    form, encoding, head = PlainForm(served.signature), Encoding(COLUMNS), answering(HEAD)
    body = json.dumps({"rows": [ROW]}).encode()
    tensors = form.read(body).tensors
    features = encoding.encode(tensors)
    batch, raw = Batch({"features": features}), bare.predict(Batch({"features": features}))["raw"]
    answer = served.predict(Batch(tensors)).arrays
    plain = PlainForm(bare.signature)
    bare_body = json.dumps({"x": features[0].tolist()}).encode()
    steps: dict[str, Callable[[], object]] = {
        "bare core": lambda: bare.predict(batch),
        "encode": lambda: encoding.encode(tensors),
        "head": lambda: head.answer(raw),
        "encode, core and head": lambda: served.predict(Batch(tensors)),
        "read the raw row from JSON": lambda: form.read(body),
        "read its features from JSON": lambda: plain.read(bare_body),
        "write class, probabilities, set": lambda: form.write(answer, is_bare=False),
        "write the bare output": lambda: plain.write({"raw": raw}, is_bare=True),
    }
    for name, work in steps.items():
        print(f"{name:32} {microseconds(work):6.1f} us")
    for count in (32, 256):
        many = {name: np.repeat(one, count, axis=0) for name, one in tensors.items()}
        wide = Batch({"features": encoding.encode(many)})
        ours = microseconds(partial(served.predict, Batch(many))) / count
        theirs = microseconds(partial(bare.predict, wide)) / count
        print(f"{count} rows at once: {ours:.2f} us a row, bare core {theirs:.2f}")


def texts() -> None:
    random = np.random.default_rng(0)
    terms, weights = [f"word{at}" for at in range(TERMS)], [1.0] * TERMS
    linear = random.normal(size=(TERMS, 1)).astype(np.float32)
    dense = Pipeline(encoders=[Words(column="t", terms=terms, weights=weights)], head=HEAD)
    projected = Words(
        column="t", terms=terms, weights=weights, projection="weights", is_directed=False
    )
    sparse = Pipeline(encoders=[projected], head=HEAD)
    through = loaded(dense, linear_core(linear))
    beside = loaded(sparse, linear_core(np.ones((1, 1))), {"weights": linear})
    for words in (10, 40, 200):
        text = " ".join(terms[at] for at in random.integers(0, TERMS, words)).encode()
        batch = Batch({"texts": np.array([[text]], dtype=np.object_)})
        first, other = (one.predict(batch)["probability"] for one in (through, beside))
        np.testing.assert_allclose(first, other, atol=1e-5)
        wide = microseconds(partial(through.predict, batch))
        few = microseconds(partial(beside.predict, batch))
        print(f"{words} words: dense {wide:.0f} us, weights by term {few:.0f} us")


if __name__ == "__main__":
    print(f"Python {platform.python_version()}, ONNX Runtime {onnxruntime.__version__}")
    rows()
    texts()
