"""Laws of pipelines: rows are independent, files keep them, heads answer what can be believed."""

from datetime import UTC, datetime

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from lichen.client.raw_rows import tensors_of
from lichen.core.batch import Array
from lichen.pipeline.declaration import (
    Classes,
    Codes,
    Encoders,
    Moment,
    Number,
    OneHot,
    Pipeline,
    Value,
    Words,
)
from lichen.pipeline.encoding import encode, feature_count, feature_names
from lichen.pipeline.files import pipeline_files, read_pipeline
from lichen.pipeline.heads import answer
from lichen.pipeline.moments import PARTS
from lichen.pipeline.signature import pipeline_signature
from lichen.protocol.oip import metadata
from lichen.protocol.plain import PlainForm

finite = st.floats(-1e6, 1e6)
scales = st.floats(0.01, 100) | st.floats(-100, -0.01)
values = st.lists(st.sampled_from("abcdef"), unique=True, max_size=5)
terms = st.lists(st.sampled_from(["a", "b", "c d", "green", "sea"]), unique=True, min_size=1)


@st.composite
def numbers(draw: st.DrawFn, column: str) -> Number:
    low, high = sorted(draw(st.tuples(finite, finite)))
    return Number(
        column=column,
        may_lack=True,
        fill=draw(st.none() | finite),
        flags_missing=draw(st.booleans()),
        low=draw(st.none() | st.just(low)),
        high=draw(st.none() | st.just(high)),
        centre=draw(finite),
        scale=draw(scales),
    )


@st.composite
def texts(draw: st.DrawFn, column: str) -> Encoders:
    said = draw(values)
    weights = draw(st.lists(st.floats(0.1, 9), min_size=5, max_size=5))
    words = draw(terms)
    kinds: list[Encoders] = [
        OneHot(column=column, values=said, flags_other=draw(st.booleans()), may_lack=True),
        Codes(column=column, values=said, numbers=weights[: len(said)], other=0.5, may_lack=True),
        Words(
            column=column,
            terms=words,
            weights=weights[: len(words)],
            ngrams=draw(st.sampled_from([(1, 1), (1, 2)])),
            analyzer=draw(st.sampled_from(["word", "char"])),
            projection=draw(st.none() | st.just(f"p{len(words)}")),
            is_directed=draw(st.booleans()),
            may_lack=True,
        ),
    ]
    return draw(st.sampled_from(kinds))


@st.composite
def pipelines(draw: st.DrawFn) -> Pipeline:
    parts = draw(st.lists(st.sampled_from(PARTS), unique=True, min_size=1))
    encoders: list[Encoders] = [
        draw(numbers("x")),
        draw(texts("t")),
        Moment(column="at", parts=parts, is_cyclic=draw(st.booleans()), may_lack=True),
        draw(numbers("y")),
        draw(texts("u")),
    ]
    return Pipeline(encoders=draw(st.permutations(encoders)), head=Value())


cells = st.text("abcde ñ海", max_size=8)
moments = st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)).map(  # noqa: DTZ001 - made UTC
    lambda moment: moment.replace(tzinfo=UTC).isoformat()
)
rows = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "x": st.none() | finite,
            "y": st.none() | finite,
            "t": st.none() | cells,
            "u": st.none() | cells,
            "at": st.none() | moments,
        },
    ),
    min_size=1,
    max_size=5,
)
ARRAYS: dict[str, Array] = {
    f"p{count}": np.random.default_rng(count).normal(size=(count, 2)).astype(np.float32)
    for count in range(1, 6)
}


def read(pipeline: Pipeline, said: object) -> dict[str, Array]:
    body = msgspec.json.encode({"rows": said})
    return PlainForm(pipeline_signature(pipeline)).read(body).tensors


@settings(max_examples=40)
@given(pipelines(), rows)
def test_a_row_is_encoded_the_same_whatever_it_is_with(pipeline: Pipeline, said: object) -> None:
    tensors = read(pipeline, said)
    together = encode(pipeline, tensors, ARRAYS)
    assert together.shape[1] == feature_count(pipeline, ARRAYS)
    assert len(feature_names(pipeline, ARRAYS)) == together.shape[1]
    for row in range(len(together)):
        one = {name: tensor[row : row + 1] for name, tensor in tensors.items()}
        np.testing.assert_array_equal(encode(pipeline, one, ARRAYS)[0], together[row])


@settings(max_examples=20)
@given(pipelines(), rows)
def test_a_pipeline_is_the_same_after_its_files(pipeline: Pipeline, said: object) -> None:
    kept, arrays = read_pipeline(pipeline_files(pipeline, ARRAYS))
    assert kept == pipeline
    tensors = read(pipeline, said)
    np.testing.assert_array_equal(encode(kept, tensors, arrays), encode(pipeline, tensors, ARRAYS))


@settings(max_examples=20)
@given(pipelines(), rows)
def test_client_and_door_make_the_same_of_a_raw_row(
    pipeline: Pipeline, said: list[dict[str, object]]
) -> None:
    known = {spec.name: metadata(spec) for spec in pipeline_signature(pipeline).inputs}
    sent, found = tensors_of(known, said), read(pipeline, said)
    np.testing.assert_array_equal(np.asarray(sent["numbers"]), found["numbers"])
    listed: list[list[bytes]] = found["texts"].tolist()
    assert sent["texts"] == [[cell.decode() for cell in row] for row in listed]


raws = st.integers(2, 5).flatmap(
    lambda classes: arrays_of.arrays(
        np.float32,
        st.tuples(st.integers(1, 4), st.just(1 if classes == 2 else classes)),
        elements=st.floats(-200, 200, width=32),
    )
)


def classes_of(raw: Array, link: str, **said: object) -> Classes:
    labels = [str(at) for at in range(max(2, raw.shape[1]))]
    return msgspec.convert({"kind": "classes", "labels": labels, "link": link, **said}, Classes)


@settings(max_examples=40)
@given(raws, st.sampled_from(["logit", "probability"]), st.floats(0, 1), st.booleans())
def test_probabilities_sum_to_one_and_the_set_holds_the_answer(
    raw: Array,
    link: str,
    threshold: float,
    has_cuts: bool,  # noqa: FBT001
) -> None:
    said = np.abs(raw) / 200 if link == "probability" else raw
    count = max(2, raw.shape[1])
    cuts = [1.0 / (at + 1) for at in range(count)] if has_cuts else []
    found = answer(classes_of(raw, link, set_threshold=threshold, cuts=cuts), said)
    np.testing.assert_allclose(found["probability"].sum(axis=1), 1.0, atol=1e-6)
    assert (found["probability"] >= 0).all()
    chosen = [int(label) for label in found["prediction"]]
    assert found["in_set"][np.arange(len(raw)), chosen].all()
    assert found["in_set"][np.arange(len(raw)), found["probability"].argmax(axis=1)].all()


@settings(max_examples=40)
@given(raws, st.sampled_from(["logit", "probability"]))
def test_calibration_by_one_and_zero_changes_nothing(raw: Array, link: str) -> None:
    said = np.abs(raw) / 200 if link == "probability" else raw
    said = np.maximum(said, 1e-6) if link == "probability" else said
    several = said.shape[1]
    neutral = classes_of(raw, link, slopes=[1.0] * several, offsets=[0.0] * several)
    plain, calibrated = answer(classes_of(raw, link), said), answer(neutral, said)
    np.testing.assert_allclose(
        plain["probability"], calibrated["probability"], atol=1e-6, rtol=1e-5
    )


@settings(max_examples=20)
@given(raws)
def test_a_row_is_answered_the_same_whatever_it_is_with(raw: Array) -> None:
    head = classes_of(raw, "logit", set_threshold=0.1)
    together = answer(head, raw)
    for row in range(len(raw)):
        alone = answer(head, raw[row : row + 1])
        for name, found in alone.items():
            if found.dtype.kind == "f":
                np.testing.assert_allclose(found[0], together[name][row], rtol=1e-6, atol=1e-7)
            else:
                np.testing.assert_array_equal(found[0], together[name][row])
