"""decode(encode(x)) = x over gRPC, for every datatype, in typed contents and in bytes."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lichen.core.batch import NUMPY_OF_DATATYPE, Array
from lichen.core.tensors import Datatype
from lichen.protocol.grpc_codec import decode_infer, encode_infer
from lichen.protocol.grpc_messages import InferRequest, InferResponse, Message

shapes = st.lists(st.integers(0, 4), max_size=4).map(tuple)
HAS_NO_CONTENTS = Datatype.FP16
FIELD = {"b": "bool_contents", "O": "bytes_contents"}


@st.composite
def tensors(draw: st.DrawFn) -> tuple[Datatype, Array]:
    """Any bits of a datatype."""
    datatype = draw(st.sampled_from(list(NUMPY_OF_DATATYPE)))
    dtype, shape = NUMPY_OF_DATATYPE[datatype], draw(shapes)
    count = math.prod(shape)
    if dtype.kind == "O":
        texts = np.empty(count, dtype=object)
        texts[:] = draw(st.lists(st.binary(max_size=9), min_size=count, max_size=count))
        return datatype, texts.reshape(shape)
    if dtype.kind == "b":
        truths = draw(st.lists(st.booleans(), min_size=count, max_size=count))
        return datatype, np.array(truths, dtype=dtype).reshape(shape)
    size = count * dtype.itemsize
    bits = draw(st.binary(min_size=size, max_size=size))
    return datatype, np.frombuffer(bits, dtype=dtype).reshape(shape)


def same(found: Array, meant: Array) -> None:
    assert (found.dtype, found.shape) == (meant.dtype, meant.shape)
    np.testing.assert_array_equal(found, meant)


def field_of(datatype: Datatype) -> str:
    """The typed contents of a datatype, written here as the published file says it."""
    dtype = NUMPY_OF_DATATYPE[datatype]
    if dtype.kind == "f":
        return f"fp{8 * dtype.itemsize}_contents"
    named = {"i": "int", "u": "uint"}.get(dtype.kind)
    if named is None:
        return FIELD[dtype.kind]
    return f"{named}64_contents" if dtype.itemsize == 8 else f"{named}_contents"


def over_the_wire(request: Message) -> Message:
    return InferRequest.FromString(request.SerializeToString())


@given(st.lists(tensors(), min_size=1, max_size=3))
def test_values_survive_in_typed_contents(given_tensors: list[tuple[Datatype, Array]]) -> None:
    request = InferRequest(model_name="m")
    kept = [(one, values) for one, values in given_tensors if one is not HAS_NO_CONTENTS]
    for number, (datatype, values) in enumerate(kept):
        tensor = request.inputs.add(name=str(number), datatype=datatype, shape=values.shape)
        getattr(tensor.contents, field_of(datatype)).extend(values.ravel().tolist())
    decoded = decode_infer(over_the_wire(request))
    for number, (_, values) in enumerate(kept):
        same(decoded.tensors[str(number)], values)


@given(st.lists(tensors(), min_size=1, max_size=3))
def test_an_answer_sent_back_is_the_same_in_bytes(
    given_tensors: list[tuple[Datatype, Array]],
) -> None:
    outputs = {str(number): values for number, (_, values) in enumerate(given_tensors)}
    answer = InferResponse.FromString(encode_infer(("m", "1"), outputs, "7"))
    request = InferRequest(id=answer.id, raw_input_contents=answer.raw_output_contents)
    for output in answer.outputs:
        request.inputs.add(name=output.name, datatype=output.datatype, shape=output.shape)
    decoded = decode_infer(over_the_wire(request))
    assert (list(decoded.tensors), decoded.id) == (list(outputs), "7")
    for name, values in outputs.items():
        same(decoded.tensors[name], values)
