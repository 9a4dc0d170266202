"""Networks, texts and forecasts explained over HTTP: planted causes, sums, pictures, refusals."""

import io
from base64 import b64decode
from collections.abc import Iterator
from typing import Any, Protocol
from xml.etree import ElementTree as ET

import httpx
import msgspec
import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.forecasting.specification import Feature, Kind, Specification
from lichen.frameworks.estimators.linear_core import LinearCore
from lichen.frameworks.onnx_writer import linear_core
from lichen.pipeline.declaration import Classes, Pipeline, Words
from lichen.pipeline.files import pipeline_files
from lichen.pipeline.signature import pipeline_signature
from lichen.protocol.footprint import parse_receipt
from lichen.registry.catalog import Catalog
from lichen.registry.manifest import Draft
from lichen.serving.deployment import Deployment

SIDE = 16
Files = dict[str, bytes]


class Platform(Protocol):
    url: str
    authorization: dict[str, str]
    catalog: Catalog

    def deploy(self, deployment: Deployment) -> object: ...


def network(door: list[Any], taken: Any) -> bytes:  # noqa: ANN401 - ONNX's
    """Looks for what is bright in the square from (8, 4) to (12, 8); `pixels` go in."""
    eye = np.zeros((2, 3, SIDE, SIDE), dtype=np.float32)
    eye[0, :, 4:8, 8:12] = 0.02 / 48
    nodes = [
        *door,
        helper.make_node("Conv", ["pixels", "eye", "bias"], ["seen"]),
        helper.make_node("Relu", ["seen"], ["bent"]),
        helper.make_node("Flatten", ["bent"], ["raw"]),
    ]
    graph = helper.make_graph(
        nodes,
        "eye",
        [taken],
        [helper.make_tensor_value_info("raw", TensorProto.FLOAT, ["rows", 2])],
        initializer=[
            numpy_helper.from_array(eye, "eye"),
            numpy_helper.from_array(np.array([0, 1.0], dtype=np.float32), "bias"),
        ],
    )
    opset = helper.make_opsetid("", 18)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=9)
    return bytes(model.SerializeToString())


def pictures() -> tuple[Signature, Files]:
    """As image classifiers are trained here: bytes, colours last, a head of classes."""
    door = [
        helper.make_node("Transpose", ["image"], ["turned"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["turned"], ["pixels"], to=TensorProto.FLOAT),
    ]
    sides: list[str | int | None] = ["rows", SIDE, SIDE, 3]
    taken = helper.make_tensor_value_info("image", TensorProto.UINT8, sides)
    pipeline = Pipeline(head=Classes(labels=["lamp", "dark"]), tensor="image")
    spec = TensorSpec("image", Datatype.UINT8, (-1, SIDE, SIDE, 3))
    files = {"model.onnx": network(door, taken), **pipeline_files(pipeline)}
    return pipeline_signature(pipeline, spec), files


def foreign() -> tuple[Signature, Files]:
    """Somebody else's network: floats, colours first, one picture at a time, no names."""
    door = [helper.make_node("Identity", ["x"], ["pixels"])]
    taken = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
    signature = Signature(
        (TensorSpec("x", Datatype.FP32, (1, 3, SIDE, SIDE)),),
        (TensorSpec("raw", Datatype.FP32, (-1, 2)),),
    )
    return signature, {"model.onnx": network(door, taken)}


def texts() -> tuple[Signature, Files]:
    """A classifier of three classes by words and characters."""
    random = np.random.default_rng(1)
    blocks = {
        "words": Words(
            column="text", terms=["dead", "fish", "the", "water"], weights=[2.0, 2, 1, 1.5],
            projection="words", is_directed=False,
        ),
        "signs": Words(
            column="text", analyzer="char", ngrams=(2, 3), terms=[" fi", "ish", "死了", "河"],
            weights=[1.0, 1.2, 2, 1.1], projection="signs", is_directed=False,
        ),
        "chinese": Words(
            column="text", language="zh", terms=["工厂", "河水", "鱼"], weights=[2.0, 1.5, 2],
            projection="chinese", is_directed=False,
        ),
    }  # fmt: skip
    arrays = {
        name: random.standard_normal((len(one.terms), 3)).astype(np.float32)
        for name, one in blocks.items()
    }
    arrays["words"][0] = [5, -1, -1]
    arrays["chinese"][0] = [4, -2, -2]
    head = Classes(
        labels=["spill", "noise", "none"], slopes=[1.5, 0.9, 1.1], offsets=[0.2, -0.1, 0.0]
    )
    pipeline = Pipeline(encoders=list(blocks.values()), head=head)
    core = LinearCore(
        np.tile(np.eye(3, dtype=np.float32), (3, 1)),
        np.array([0.1, 0.2, -0.3], dtype=np.float32),
        None,
        "logit",
    )
    return pipeline_signature(pipeline), {
        "model.onnx": core.onnx(),
        **pipeline_files(pipeline, arrays),
    }


def forecasts() -> tuple[Signature, Files]:
    """Yesterday again, and 5 MW for each degree over 20."""
    said = Specification(
        targets=("load",),
        units=("MW",),
        step_seconds=3600,
        horizon=4,
        context=24,
        known=("temperature",),
        features=(Feature(Kind.AHEAD, "temperature", knots=(20.0,), centre=15.0),),
    )
    weights = np.zeros((24 + 8 + 1, 4), dtype=np.float32)
    weights[np.arange(4), np.arange(4)] = 1
    weights[24 + 4 + np.arange(4), np.arange(4)] = 5
    weights[-1] = 2
    table = io.BytesIO()
    np.save(table, np.zeros((1, 4, 1, 9), dtype=np.float32))
    signature = Signature(
        (
            TensorSpec("history", Datatype.FP32, (-1, 24, 1), "MW"),
            TensorSpec("start", Datatype.BYTES, (-1,)),
            TensorSpec("known", Datatype.FP32, (-1, 4, 1)),
        ),
        (
            TensorSpec("mean", Datatype.FP32, (-1, 4, 1), "MW"),
            TensorSpec("quantiles", Datatype.FP32, (-1, 4, 1, 9), "MW"),
        ),
    )
    files = {
        "model.onnx": linear_core(weights),
        "forecast.json": msgspec.json.encode(said),
        "quantiles.npy": table.getvalue(),
    }
    return signature, files


MODELS = {"pictures": pictures, "foreign": foreign, "texts": texts, "forecasts": forecasts}


@pytest.fixture(scope="module")
def planted(platform: Platform) -> Iterator[httpx.Client]:
    """A client; a model of each kind is deployed, what counts for it known."""
    for name, make in MODELS.items():
        signature, files = make()
        platform.catalog.register(Draft(name, "planted", "planted", signature, "test"), files)
        platform.deploy(Deployment(name, name, 1))
    with httpx.Client(base_url=platform.url, headers=platform.authorization, timeout=60) as client:
        yield client


def picture(*, is_first: bool = False) -> list[Any]:
    made = np.random.default_rng(4).integers(0, 40, (SIDE, SIDE, 3)).astype(np.uint8)
    made[4:8, 8:12] = 240
    shown: list[Any] = (np.moveaxis(made, -1, 0) if is_first else made)[None].tolist()
    return shown


def ask(client: httpx.Client, name: str, body: dict[str, Any], **options: Any) -> dict[str, Any]:  # noqa: ANN401
    answer = client.post(f"/explain/{name}", json={**body, "explain": options})
    assert answer.status_code == 200, answer.text
    receipt = parse_receipt(answer.headers["lichen-receipt"])
    assert receipt.energy.nj > 0
    assert str(receipt.variant).endswith("-explain")
    found: dict[str, Any] = answer.json()
    return found


def first(found: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The only attribution, and the part that counts most in it."""
    (row,) = found["rows"]
    (one,) = row["attributions"]
    shares = np.array(one["contributions"])
    part: dict[str, Any] = row["parts"][int(np.abs(shares).argmax())]
    return one, part


@pytest.mark.parametrize("method", ["auto", "occlusion", "integrated-gradients"])
@pytest.mark.parametrize("name", ["pictures", "foreign"])
def test_the_lamp_of_a_picture_is_found(planted: httpx.Client, name: str, method: str) -> None:
    body = {"x": picture(is_first=name == "foreign")}
    found = ask(planted, name, body, method=method, patch=4, picture="svg")
    one, part = first(found)
    assert part["place"] == [8, 4, 12, 8]
    assert one["output"] == ("lamp" if name == "pictures" else "raw[0]")
    assert found["space"] == ("log-odds" if name == "pictures" else found["space"])
    if method == "integrated-gradients":
        total = one["base"] + sum(one["contributions"])
        assert total == pytest.approx(one["prediction"], rel=1e-3)
    else:
        assert found["model_runs"] == 16 + 2
    (drawn,) = found["pictures"]
    assert ET.fromstring(drawn).tag.endswith("svg")  # noqa: S314 - our own


def test_occlusion_and_gradients_agree_on_what_a_class_is_worth(planted: httpx.Client) -> None:
    """Both are told in log-odds: where nothing bends, the lamp's patch is worth as much."""
    worth = []
    for method in ("occlusion", "integrated-gradients"):
        options = {"method": method, "patch": 4, "baseline": "zero"}
        one, _ = first(ask(planted, "pictures", {"x": picture()}, **options))
        worth.append(max(one["contributions"]))
    assert worth[0] == pytest.approx(worth[1], rel=0.02)


TEXTS = (
    "The dead FISH in the water: dead!",
    "工厂夜里排污，河水里的鱼死了。",
    "nothing known here",
)


@pytest.mark.parametrize("text", TEXTS)
def test_words_sum_to_the_log_odds_that_are_answered(planted: httpx.Client, text: str) -> None:
    body = {"rows": [{"text": text}]}
    found = ask(planted, "texts", body, picture="svg")
    assert found["method"] == "token-weights"
    one, _ = first(found)
    said = planted.post("/predict/texts", json=body).json()["y_pred"]
    logarithms = np.log(np.array(said["probability"][0]))
    at = ["spill", "noise", "none"].index(one["output"])
    assert one["output"] == said["prediction"][0]
    odds = logarithms[at] - np.delete(logarithms, at).mean()
    assert one["prediction"] == pytest.approx(odds, abs=1e-5)
    assert one["base"] + sum(one["contributions"]) == pytest.approx(odds, abs=1e-5)
    for part in found["rows"][0]["parts"]:
        if part.get("place"):
            start, end = part["place"]
            assert text[start:end] == part["value"]


@pytest.mark.parametrize(("text", "word"), [(TEXTS[0], "dead"), (TEXTS[1], "工厂")])
@pytest.mark.parametrize("method", ["auto", "word-occlusion"])
def test_the_word_that_was_planted_counts_most(
    planted: httpx.Client, text: str, word: str, method: str
) -> None:
    body = {"rows": [{"text": text}]}
    found = ask(planted, "texts", body, method=method, output="spill")
    one, part = first(found)
    assert part["value"] == word
    assert max(one["contributions"]) > 0


def test_a_batch_of_texts_is_explained_as_each_alone(planted: httpx.Client) -> None:
    alone = [ask(planted, "texts", {"rows": [{"text": text}]})["rows"][0] for text in TEXTS]
    together = ask(planted, "texts", {"rows": [{"text": text} for text in TEXTS]})
    assert together["rows"] == alone


def window(degrees: float) -> dict[str, Any]:
    return {
        "history": [[100.0 + hour] for hour in range(24)],
        "start": "2026-03-02T00:00:00Z",
        "known": [[degrees]] * 4,
    }


def test_the_drivers_of_each_step_are_those_planted(planted: httpx.Client) -> None:
    found = ask(planted, "forecasts", {"rows": [window(26.0)]}, baseline="day-before")
    (row,) = found["rows"]
    names = [part["column"] for part in row["parts"]]
    for step, one in enumerate(row["attributions"]):
        shares = dict(zip(names, one["contributions"], strict=True))
        assert one["base"] == pytest.approx(100 + step)
        assert one["prediction"] == pytest.approx(132 + step)
        assert shares["temperature"] == pytest.approx(30)
        assert shares["bias"] == pytest.approx(2)
        assert sum(shares.values()) == pytest.approx(32)
    assert found["unit"] == "MW"


def test_pictures_come_as_png_too(planted: httpx.Client) -> None:
    found = ask(planted, "forecasts", {"rows": [window(26.0)]}, picture="png")
    with Image.open(io.BytesIO(b64decode(found["pictures"][0]))) as drawn:
        assert drawn.format == "PNG"
        assert drawn.width > 1000


@pytest.mark.parametrize(
    ("name", "body", "options", "says"),
    [
        ("pictures", {"x": [[[[1, 2, 3]]]]}, {}, "image"),
        ("pictures", {"x": picture()}, {"patch": 99}, "a patch of 99 pixels does not fit"),
        ("pictures", {"x": picture()}, {"baseline": "sun"}, "give mean, blur, zero"),
        ("pictures", {"x": picture()}, {"output": "cat"}, "there are lamp, dark"),
        ("pictures", {"x": picture()}, {"method": "token-weights"}, "does not fit this model"),
        ("pictures", {"x": picture()}, {"picture": "gif"}, "give svg or png"),
        ("texts", {"rows": [{"text": "  "}]}, {}, "column 'text' is empty"),
        ("texts", {"rows": [{"text": "a"}]}, {"method": "integrated-gradients"}, "give auto or"),
        ("forecasts", {"rows": [window(1.0)]}, {"step": 5}, "forecasts steps 1 to 4"),
        ("forecasts", {"rows": [window(1.0)]}, {"baseline": "week-before"}, "give trailing-mean"),
        ("forecasts", {"rows": [window(1.0)]}, {"method": "occlusion"}, "does not fit this model"),
    ],
)
def test_what_does_not_fit_is_refused_by_a_sentence(
    planted: httpx.Client, name: str, body: dict[str, Any], options: dict[str, Any], says: str
) -> None:
    answer = planted.post(f"/explain/{name}", json={**body, "explain": options})
    assert answer.status_code == 400
    assert says in answer.json()["error"]
    assert "\n" not in answer.json()["error"]
