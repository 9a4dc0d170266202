"""`lichen explain --input FILE`, every form of file beside every form of model, as a user asks."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from lichen.cli.explain_files import given_in
from lichen.client.inference import Inference
from lichen.client.transport import Transport
from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.frameworks.onnx_writer import linear_core
from lichen.pipeline.declaration import Classes, Number, Pipeline, Tokens, Value
from lichen.pipeline.files import pipeline_files
from lichen.pipeline.signature import pipeline_signature
from lichen.protocol.explaining import ExplainOptions, Explanation
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Draft
from lichen.serving.deployment import Deployment

SIDE = 8
Files = dict[str, bytes]
Made = tuple[Signature, Files]


class Platform(Protocol):
    url: str
    key: str
    catalog: Catalog

    def deploy(self, deployment: Deployment) -> object: ...


def graph(nodes: list[Any], inputs: list[Any], outputs: list[Any], **kept: Any) -> Files:  # noqa: ANN401
    made = helper.make_graph(
        nodes,
        "made",
        inputs,
        outputs,
        initializer=[numpy_helper.from_array(values, name) for name, values in kept.items()],
    )
    opset = helper.make_opsetid("", 18)
    model = helper.make_model(made, opset_imports=[opset], ir_version=9)
    return {"model.onnx": bytes(model.SerializeToString())}


def floats(name: str, *sides: int | str) -> Any:  # noqa: ANN401 - ONNX's
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, sides)


def listening() -> Made:
    """A stretch of sound, a state that was kept, and the rate, a number alone: no rows."""
    nodes = [
        helper.make_node("ReduceSum", ["sound", "last"], ["heard"], keepdims=1),
        helper.make_node("ReduceSum", ["state"], ["whole"], keepdims=0),
        helper.make_node("Cast", ["rate"], ["hertz"], to=TensorProto.FLOAT),
        helper.make_node("Add", ["whole", "hertz"], ["more"]),
        helper.make_node("Add", ["heard", "more"], ["score"]),
        helper.make_node("Identity", ["state"], ["next"]),
    ]
    inputs = [
        floats("sound", 1, 12),
        floats("state", 2, 1, 3),
        helper.make_tensor_value_info("rate", TensorProto.INT64, []),
    ]
    outputs = [floats("score", 1, 1), floats("next", 2, 1, 3)]
    signature = Signature(
        (
            TensorSpec("sound", Datatype.FP32, (1, 12)),
            TensorSpec("state", Datatype.FP32, (2, 1, 3)),
            TensorSpec("rate", Datatype.INT64, ()),
        ),
        (
            TensorSpec("score", Datatype.FP32, (1, 1)),
            TensorSpec("next", Datatype.FP32, (2, 1, 3)),
        ),
    )
    return signature, graph(nodes, inputs, outputs, last=np.array([1]))


def columns() -> Made:
    """Two inputs of a column each, as converters write tables."""
    nodes = [helper.make_node("Sub", ["heat", "wind"], ["raw"])]
    inputs = [floats("heat", "rows", 1), floats("wind", "rows", 1)]
    signature = Signature(
        tuple(TensorSpec(name, Datatype.FP32, (-1, 1)) for name in ("heat", "wind")),
        (TensorSpec("raw", Datatype.FP32, (-1, 1)),),
    )
    return signature, graph(nodes, inputs, [floats("raw", "rows", 1)])


def table() -> Made:
    """One tensor whose columns are named."""
    taken = TensorSpec("features", Datatype.FP32, (-1, 2), columns=("heat", "wind"))
    signature = Signature((taken,), (TensorSpec("raw", Datatype.FP32, (-1, 1)),))
    return signature, {"model.onnx": linear_core(np.array([[2.0], [-1.0]]))}


def lacking() -> Made:
    """Unnamed numbers of which some may be missing: those count as 5."""
    nodes = [
        helper.make_node("IsNaN", ["x"], ["absent"]),
        helper.make_node("Where", ["absent", "five", "x"], ["filled"]),
        helper.make_node("ReduceSum", ["filled", "last"], ["raw"], keepdims=1),
    ]
    kept = {"five": np.array(5, dtype=np.float32), "last": np.array([1])}
    signature = Signature(
        (TensorSpec("x", Datatype.FP32, (-1, 2), missing=True),),
        (TensorSpec("raw", Datatype.FP32, (-1, 1)),),
    )
    return signature, graph(nodes, [floats("x", "rows", 2)], [floats("raw", "rows", 1)], **kept)


def raw_rows() -> Made:
    """A pipeline of ours: raw columns by name."""
    pipeline = Pipeline(
        encoders=[Number(column="heat"), Number(column="wind", fill=0.0, may_lack=True)],
        head=Value(unit="MW"),
    )
    core = linear_core(np.array([[2.0], [-1.0]]))
    return pipeline_signature(pipeline), {"model.onnx": core, **pipeline_files(pipeline)}


def texts() -> Made:
    """A classifier of texts by two words."""
    pipeline = Pipeline(
        encoders=[Tokens(column="text", terms=["fish", "sun"])],
        head=Classes(labels=["dull", "wet"]),
    )
    core = linear_core(np.array([[3.0], [-1.0]]))
    return pipeline_signature(pipeline), {"model.onnx": core, **pipeline_files(pipeline)}


def picture_of(datatype: Datatype, *shape: int) -> Made:
    """How bright the left half is, of pictures of any size."""
    kinds = {Datatype.UINT8: TensorProto.UINT8, Datatype.FP32: TensorProto.FLOAT}
    nodes = [
        helper.make_node("Cast", ["image"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Slice", ["numbers", "start", "end", "side"], ["left"]),
        helper.make_node("ReduceMean", ["left", "all"], ["raw"], keepdims=0),
        helper.make_node("Unsqueeze", ["raw", "side_first"], ["bright"]),
    ]
    sides = [f"s{at}" if one < 0 else one for at, one in enumerate(shape)]
    taken = helper.make_tensor_value_info("image", kinds[datatype], sides)
    across = 2 if shape[3] in (1, 3) else 3
    kept = {
        "start": np.array([0]), "end": np.array([SIDE // 2]), "side": np.array([across]),
        "all": np.array([1, 2, 3]), "side_first": np.array([1]),
    }  # fmt: skip
    signature = Signature(
        (TensorSpec("image", datatype, shape),), (TensorSpec("bright", Datatype.FP32, (-1, 1)),)
    )
    return signature, graph(nodes, [taken], [floats("bright", "s0", 1)], **kept)


MODELS: dict[str, Callable[[], Made]] = {
    "listening": listening,
    "columns": columns,
    "table": table,
    "lacking": lacking,
    "rows": raw_rows,
    "texts": texts,
    "image": lambda: picture_of(Datatype.UINT8, -1, -1, -1, 3),
    "first": lambda: picture_of(Datatype.UINT8, -1, 3, SIDE, SIDE),
    "one": lambda: picture_of(Datatype.FP32, 1, SIDE, SIDE, 3),
}


@dataclass
class Asks:
    """Sends a file as `lichen explain --input` does, and says what was found."""

    folder: Path
    inference: Inference

    def __call__(
        self,
        name: str,
        file: str,
        usual: str | None = None,
        row: int | None = None,
        **options: Any,  # noqa: ANN401
    ) -> Explanation:
        metadata = self.inference.metadata(name)
        given = given_in(metadata, self.folder / file, row)
        background = None if usual is None else given_in(metadata, self.folder / usual)
        asked = ExplainOptions(**options)
        found = self.inference.explain(name, given, asked, background)
        assert found.receipt is not None
        return found.explanation


@pytest.fixture(scope="module")
def ask(platform: Platform, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asks]:
    for name, make in MODELS.items():
        signature, files = make()
        platform.catalog.register(Draft(name, "planted", "planted", signature, "test"), files)
        platform.deploy(Deployment(name, name, 1))
    folder = tmp_path_factory.mktemp("files")
    write_all(folder)
    inference = Inference(Transport(platform.url, platform.key))
    yield Asks(folder, inference)
    inference.close()


def tensor(name: str, datatype: str, values: Any) -> dict[str, object]:  # noqa: ANN401
    held = np.asarray(values)
    data = held.ravel().tolist()
    return {"name": name, "datatype": datatype, "shape": list(held.shape), "data": data}


def write_all(folder: Path) -> None:
    sound = np.arange(12, dtype=np.float32)[None]
    state, rate = np.ones((2, 1, 3), dtype=np.float32), np.array(7)
    inputs = [
        tensor("rate", "INT64", rate),
        tensor("state", "FP32", state),
        tensor("sound", "FP32", sound),
    ]
    write(folder / "sound.json", {"inputs": inputs})
    np.savez(folder / "sound.npz", sound=sound, state=state, rate=rate)
    features = {"inputs": [tensor("features", "FP32", [[3.0, 1.0], [4.0, 1.0]])]}
    write(folder / "features.json", features)
    numbers = {"inputs": [tensor("numbers", "FP64", [[3.0, 1.0]])]}
    write(folder / "numbers.json", numbers)
    write(folder / "listed.json", [{"heat": 3.0, "wind": 1.0}, {"heat": 4.0, "wind": 1.0}])
    write(folder / "plain.json", {"x": [[3.0, 1.0]]})
    write(folder / "nothing.json", {"heat": 3.0})
    (folder / "rows.csv").write_text("heat,wind\n3,1\n4,1\n")
    (folder / "gaps.csv").write_text("heat,wind\n3,\n4,1\n")
    (folder / "usual.csv").write_text("heat,wind\n0,0\n")
    np.save(folder / "array.npy", np.array([[3.0, 1.0], [4.0, 1.0]]))
    np.save(folder / "gaps.npy", np.array([[3.0, np.nan]]))
    np.save(folder / "usual.npy", np.zeros((1, 2)))
    np.save(folder / "objects.npy", np.array([{"a": 1}], dtype=np.object_), allow_pickle=True)
    np.savez(folder / "wrong.npz", heat=np.ones(2), snow=np.ones(2))
    np.save(folder / "picture.npy", np.zeros((1, SIDE, SIDE, 3), dtype=np.float32))
    (folder / "text.txt").write_text("The fish in the sun")
    Image.fromarray(np.full((SIDE, SIDE, 3), 200, np.uint8)).save(folder / "white.png")


def write(file: Path, said: object) -> None:
    file.write_text(json.dumps(said))


def shares(found: Explanation) -> dict[str, float]:
    told = found.rows[0]
    names = [part.column for part in told.parts]
    return dict(zip(names, told.attributions[0].contributions, strict=True))


def contributions(found: Explanation) -> list[float]:
    return found.rows[0].attributions[0].contributions


@pytest.mark.parametrize("file", ["sound.json", "sound.npz"])
def test_tensors_without_a_common_number_of_rows_are_explained(ask: Asks, file: str) -> None:
    found = ask("listening", file, patch=1)
    assert found.method == "occlusion"
    assert contributions(found) == pytest.approx(list(range(12)))
    with pytest.raises(InvalidInput, match="leave --row out"):
        ask("listening", file, row=1)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("table", "rows.csv"),
        ("table", "features.json"),
        ("table", "listed.json"),
        ("table", "plain.json"),
        ("table", "array.npy"),
        ("rows", "rows.csv"),
        ("rows", "numbers.json"),
        ("rows", "listed.json"),
        ("columns", "rows.csv"),
        ("columns", "listed.json"),
    ],
)
def test_tables_are_explained_in_every_form_that_holds_them(
    ask: Asks, name: str, file: str
) -> None:
    """The usual rows may come in another form than the rows."""
    found = ask(name, file, usual="usual.csv", row=1)
    heat = 3.0 if name == "columns" else 6.0
    assert shares(found) == pytest.approx({"heat": heat, "wind": -1.0}, abs=1e-5)


@pytest.mark.parametrize("file", ["gaps.csv", "gaps.npy"])
def test_missing_numbers_are_explained_where_the_model_takes_them(ask: Asks, file: str) -> None:
    found = ask("lacking", file, usual="usual.npy", row=1)
    assert contributions(found) == pytest.approx([3.0, 5.0])


def test_a_text_is_explained_by_its_words(ask: Asks) -> None:
    found = ask("texts", "text.txt", output="wet")
    words = found.rows[0].parts
    assert words[int(np.argmax(contributions(found)))].value == "fish"


@pytest.mark.parametrize("name", ["image", "first"])
def test_pictures_of_any_size_and_with_their_colours_first_are_explained(
    ask: Asks, name: str
) -> None:
    found = ask(name, "white.png", patch=4, baseline="zero")
    assert contributions(found) == pytest.approx([100.0, 0.0, 100.0, 0.0])


def test_floats_of_a_picture_come_as_an_array(ask: Asks) -> None:
    found = ask("one", "picture.npy", patch=4)
    assert found.rows[0].attributions[0].prediction == 0.0
    with pytest.raises(InvalidInput, match=r"as it was trained on, as \.npy"):
        ask("one", "white.png")


@pytest.mark.parametrize(
    ("name", "file", "says"),
    [
        ("table", "nothing.json", "holds neither rows nor tensors"),
        ("table", "text.txt", "takes no single text but features"),
        ("table", "white.png", "takes no images"),
        ("table", "objects.npy", "without objects"),
        ("table", "wrong.npz", "table takes features: save"),
        ("table", "sound.json", "'rate', and the model takes features"),
        ("table", "gaps.csv", "a field is missing"),
        ("table", "rows.parquet", "cannot be read"),
        ("texts", "array.npy", "'texts'"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    ask: Asks, name: str, file: str, says: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        ask(name, file)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
