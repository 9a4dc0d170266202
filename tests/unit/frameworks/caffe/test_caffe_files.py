"""The files of Caffe as they come: text, weights, means, training networks, and hostile bytes."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype
from lichen.frameworks.caffe.network import read_network
from lichen.frameworks.caffe.text import read_text, write_text
from lichen.frameworks.caffe.wire import read_mean, read_weights
from lichen.frameworks.importing.caffe import convert_caffe, is_caffe
from lichen.frameworks.importing.conversion import TensorWish, Wishes
from lichen.frameworks.importing.formats import format_of
from lichen.frameworks.importing.source import Source, laid_out

GOLDEN = Path(__file__).parents[3] / "golden" / "caffe"
LENET = GOLDEN / "lenet"
WEIGHTS = (LENET / "lenet.caffemodel").read_bytes()
TRAINING = (GOLDEN / "made_by" / "lenet_train.prototxt").read_bytes()


def folder(path: Path, **files: bytes) -> Source:
    for name, content in files.items():
        (path / name.replace("__", ".")).write_bytes(content)
    return laid_out(path, "net")


def test_text_is_read_in_all_its_spellings() -> None:
    read = read_text(
        b"a: 1 # said\n b { c: \"x\\n\\303\\244\" 'y' d: -1.5e-3 } "
        b"b < d: [1, 2.5f]; e: true > f: 0x10"
    )
    assert read.integer("a", 0) == 1
    assert read.integer("f", 0) == 16
    first, second = read.messages("b")
    assert first.text("c") == "x\n\u00e4y"
    assert first.number("d", 0) == -0.0015
    assert second.numbers("d") == (1.0, 2.5)
    assert second.truth("e", default=False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"a {\n b: 1", "line 2"),
        (b"a: }", "line 1"),
        (b"a: 'x\ny'", "cannot be read"),
        (b"a { " * 90, "deep"),
        (b"\xff\xfe", "no text"),
        (b"{ a: 1 }", "field's name"),
    ],
)
def test_text_that_cannot_be_read_says_where(text: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        read_text(text)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.prototxt")), ids=lambda path: path.stem)
def test_what_is_written_is_read_again(path: Path) -> None:
    read = read_text(path.read_bytes())
    assert read_text(write_text(read).encode()) == read


def test_weights_are_those_that_caffe_wrote() -> None:
    weights = read_weights(WEIGHTS)
    assert {name: [one.shape for one in blobs] for name, blobs in weights.items()} == {
        "conv1": [(8, 1, 5, 5), (8,)],
        "conv2": [(16, 4, 5, 5)],
        "bn2": [(16,), (16,), (1,)],
        "scale2": [(16,), (16,)],
        "ip1": [(32, 576), (32,)],
        "ip2": [(10, 32), (10,)],
    }


@given(st.integers(0, len(WEIGHTS)), st.binary(max_size=24))
def test_damaged_weights_are_read_or_refused_and_nothing_else(at: int, put: bytes) -> None:
    damaged = WEIGHTS[:at] + put + WEIGHTS[at + len(put) :]
    try:
        read_weights(damaged)
    except InvalidInput:
        return


@given(st.integers(0, len(TRAINING)), st.text(alphabet='{}<>[]:,;"#\\ax1.-\n', max_size=12))
def test_damaged_text_is_read_or_refused_and_nothing_else(at: int, put: str) -> None:
    damaged = TRAINING[:at] + put.encode() + TRAINING[at + len(put) :]
    try:
        read_network(read_text(damaged), {}, {})
    except InvalidInput:
        return


def test_a_network_for_training_is_deployed_without_what_only_training_needs() -> None:
    read = read_network(read_text(TRAINING), read_weights(WEIGHTS), {})
    assert read.dropped == ("accuracy (Accuracy)", "loss (SoftmaxWithLoss)")
    assert list(read.inputs) == ["data"]
    assert read.outputs() == ("ip2",)


FED = TRAINING.replace(b'type: "Input" top: "data"', b'type: "Data" top: "data" top: "label"')


def test_a_network_that_does_not_say_what_it_takes_is_asked_for_it() -> None:
    with pytest.raises(InvalidInput, match=r"--input data:FP32:-1,3,224,224"):
        read_network(
            read_text(FED.replace(b'name: "label" type: "Input"', b'type: "Data"')), {}, {}
        )
    read = read_network(read_text(FED), {}, {"data": (-1, 1, 28, 28)})
    assert read.inputs["data"] == (-1, 1, 28, 28)


def test_phases_and_stages_choose_layers_as_caffe_does() -> None:
    rules = ["include { phase: TRAIN }", "include { phase: TEST }", "exclude { phase: TEST }"]
    rules += ['include { stage: "deploy" }', "exclude { phase: TRAIN }", "include { min_level: 1 }"]
    layers = "".join(
        f'layer {{ name: "l{at}" type: "ReLU" bottom: "x" top: "y{at}" {rule} }}'
        for at, rule in enumerate(rules)
    )
    text = f'input: "x" input_shape {{ dim: 1 dim: 2 }} {layers}'
    kept = read_network(read_text(text.encode()), {}, {}).layers
    assert [layer.name for layer in kept] == ["l1", "l4"]


def test_a_mean_image_is_read() -> None:
    values = np.arange(12, dtype="<f4")
    content = bytes([8, 1, 16, 3, 24, 2, 32, 2, 42, 48]) + values.tobytes()
    np.testing.assert_array_equal(read_mean(content), values.reshape(3, 2, 2))
    with pytest.raises(InvalidInput, match="no image"):
        read_mean(content[8:])


def test_a_folder_is_known_by_what_its_files_hold(tmp_path: Path) -> None:
    text = (LENET / "deploy.prototxt").read_bytes()
    (tmp_path / "whole").mkdir()
    source = folder(tmp_path / "whole", net__prototxt=text, net__caffemodel=WEIGHTS)
    found = format_of(source)
    assert found is not None
    assert found.name == "caffe"
    (tmp_path / "lies").mkdir()
    lies = folder(tmp_path / "lies", net__prototxt=b"no network", net__caffemodel=b"PK\3\4 zip")
    assert not is_caffe(lies)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("deploy.prototxt", (LENET / "deploy.prototxt").read_bytes(), "no caffemodel"),
        ("lenet.caffemodel", WEIGHTS, "no prototxt"),
    ],
)
def test_half_of_a_network_is_told_which_half_is_missing(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput, match=said):
        is_caffe(laid_out(tmp_path, name))


@pytest.mark.parametrize(
    ("files", "wishes", "said"),
    [
        ({"a__prototxt": TRAINING, "b__prototxt": TRAINING}, Wishes(), "say --entry"),
        ({"a__prototxt": TRAINING}, Wishes(entry="c.prototxt"), "none of a.prototxt"),
        ({"a__prototxt": TRAINING, "b__caffemodel": WEIGHTS}, Wishes(), "several files"),
        (
            {"a__prototxt": TRAINING.replace(b'name: "', b'name: "z')},
            Wishes(),
            "layer 'zconv1'.*has 0 blobs of weights",
        ),
        (
            {"a__prototxt": TRAINING},
            Wishes(inputs=(TensorWish(name="data", datatype=Datatype.INT8, shape=(1,)),)),
            "FP32 alone",
        ),
    ],
)
def test_what_is_in_doubt_is_asked_for(
    tmp_path: Path, files: dict[str, bytes], wishes: Wishes, said: str
) -> None:
    with pytest.raises(InvalidInput, match=said):
        convert_caffe(folder(tmp_path, net__caffemodel=WEIGHTS, **files), wishes)
