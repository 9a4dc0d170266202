"""A pipeline is kept as files that run no code, and equal ones as equal bytes."""

import io

import numpy as np
import pytest

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.pipeline.declaration import Classes, Number, OneHot, Pipeline, Words
from lichen.pipeline.files import ARRAYS_FILE, PIPELINE_FILE, pipeline_files, read_pipeline

PIPELINE = Pipeline(
    encoders=[
        Number(column="x", fill=1.5, unit="°C"),
        OneHot(column="c", values=["é", ""], may_lack=True),
        Words(column="t", terms=["a"], weights=[1.0], projection="lsa"),
    ],
    head=Classes(labels=["no", "yes"]),
)
ARRAYS: dict[str, Array] = {"lsa": np.ones((1, 2), dtype=np.float32), "b": np.arange(3)}


def test_what_is_written_is_read_again() -> None:
    pipeline, arrays = read_pipeline(pipeline_files(PIPELINE, ARRAYS))
    assert pipeline == PIPELINE
    assert {name: values.tolist() for name, values in arrays.items()} == {
        "lsa": [[1.0, 1.0]],
        "b": [0, 1, 2],
    }


def test_equal_pipelines_are_equal_bytes() -> None:
    turned = dict(reversed(ARRAYS.items()))
    assert pipeline_files(PIPELINE, ARRAYS) == pipeline_files(PIPELINE, turned)
    assert b"1980" not in pipeline_files(PIPELINE, ARRAYS)[ARRAYS_FILE]


def test_a_pipeline_without_arrays_is_one_file() -> None:
    assert list(pipeline_files(Pipeline(tensor="image"))) == [PIPELINE_FILE]


def test_what_is_not_finite_is_refused() -> None:
    with pytest.raises(InvalidInput, match="not finite"):
        pipeline_files(Pipeline(encoders=[Number(column="x", centre=np.inf)]))


def test_objects_are_neither_written_nor_read() -> None:
    objects = np.array([{}], dtype=np.object_)
    with pytest.raises(InvalidInput, match="'a' holds objects"):
        pipeline_files(PIPELINE, {"a": objects})
    packed = io.BytesIO()
    np.savez(packed, a=objects)
    with pytest.raises(InvalidInput, match=ARRAYS_FILE):
        read_pipeline({**pipeline_files(PIPELINE), ARRAYS_FILE: packed.getvalue()})


def test_compressed_arrays_are_not_unpacked() -> None:
    small = io.BytesIO()
    np.savez_compressed(small, a=np.zeros(1_000_000))
    with pytest.raises(InvalidInput, match="compressed"):
        read_pipeline({**pipeline_files(PIPELINE), ARRAYS_FILE: small.getvalue()})


@pytest.mark.parametrize("content", [b"{", b'{"encoders": [{"kind": "eval"}]}'])
def test_what_cannot_be_read_is_refused(content: bytes) -> None:
    with pytest.raises(InvalidInput, match=PIPELINE_FILE):
        read_pipeline({PIPELINE_FILE: content})
    with pytest.raises(InvalidInput, match=ARRAYS_FILE):
        read_pipeline({PIPELINE_FILE: b"{}", ARRAYS_FILE: content})


def test_a_version_without_a_pipeline_says_so() -> None:
    with pytest.raises(InvalidInput, match=PIPELINE_FILE):
        read_pipeline({})
