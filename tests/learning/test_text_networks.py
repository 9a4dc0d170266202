"""Text networks: raw texts in, vectors, classes and entities out, each text for itself."""

from collections.abc import Mapping

import msgspec
import numpy as np
import pytest

from lichen.core.batch import Array, Batch
from lichen.core.errors import InvalidInput
from lichen.frameworks.encoders.graph import EncoderGraph
from lichen.frameworks.encoders.heads import of_unit_length, pooled
from lichen.pipeline.declaration import Classes, Entities, Heads, Pipeline, Subwords, Vector
from lichen.pipeline.files import pipeline_files
from lichen.serving.pipelines import PipelineAdapter
from lichen.serving.texts import TextNetworkPredictor

tokenizers = pytest.importorskip("tokenizers", reason="texts as tokens need lichen[text]")

WORDS = ["[CLS]", "[SEP]", "[UNK]", "air", "is", "clean", "anna", "paris"]
LABELS = ["O", "B-PER", "B-LOC"]
WIDTH = 4


def tokenizer() -> bytes:
    vocabulary = {word: place for place, word in enumerate(WORDS)}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="[UNK]"))  # noqa: S106
    made.normalizer = tokenizers.normalizers.Lowercase()
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.post_processor = tokenizers.processors.TemplateProcessing(
        "[CLS] $A [SEP]", special_tokens=[("[CLS]", 0), ("[SEP]", 1)]
    )
    content: bytes = made.to_str().encode()
    return content


def table() -> Array:
    """What the network says of each word: with labels, the third word from the end is a person."""
    return np.random.default_rng(3).normal(size=(len(WORDS), WIDTH)).astype(np.float32)


def vectors() -> bytes:
    graph = EncoderGraph({"table": table()})
    x = graph.add("Gather", graph.weight("table"), "ids")
    return graph.model(of_unit_length(graph, pooled(graph, x, "mean")), "raw", ["rows", WIDTH])


def scores(marks: Array) -> bytes:
    graph = EncoderGraph({"marks": marks.astype(np.float32)})
    found = graph.add("Gather", graph.weight("marks"), "ids")
    return graph.model(found, "raw", ["rows", "tokens", marks.shape[1]])


def files(core: bytes, head: Heads, *, may_lack: bool = True) -> Mapping[str, bytes]:
    encoder = Subwords(column="text", may_lack=may_lack, longest=8)
    made = pipeline_files(Pipeline(encoders=[encoder], head=head))
    return {"model.onnx": core, "tokenizer.json": tokenizer(), **made}


def asked(*texts: str) -> Batch:
    column = np.empty((len(texts), 1), dtype=np.object_)
    column[:, 0] = [text.encode() for text in texts]
    return Batch({"texts": column})


def test_a_vector_is_of_its_own_text_whatever_stands_beside_it() -> None:
    predictor = PipelineAdapter().load(files(vectors(), Vector(width=WIDTH)), None)
    together = predictor.predict(asked("Air is clean", "", "anna is here in paris air " * 9))
    alone = predictor.predict(asked("Air is clean"))
    np.testing.assert_array_equal(together["embedding"][:1], alone["embedding"])
    mean = table()[[0, 3, 4, 5, 1]].mean(axis=0)
    np.testing.assert_allclose(alone["embedding"][0], mean / np.linalg.norm(mean), atol=1e-6)
    assert together["embedding"].shape == (3, WIDTH)
    assert predictor.joins_rows
    assert [spec.name for spec in predictor.signature.inputs] == ["texts"]
    assert predictor.predict(predictor.example(5))["embedding"].shape == (5, WIDTH)
    predictor.close()


def test_classes_are_those_of_the_scores() -> None:
    labels = ["a", "b", "c", "d"]
    predictor = PipelineAdapter().load(files(vectors(), Classes(labels=labels)), None)
    found = predictor.predict(asked("air", "paris"))
    best = found["probability"].argmax(axis=1).tolist()
    assert found["prediction"].tolist() == [labels[one].encode() for one in best]


def test_entities_are_told_by_the_characters_of_the_text() -> None:
    marks = np.zeros((len(WORDS), len(LABELS)))
    marks[:, 0] = 1
    marks[WORDS.index("anna")] = [0, 1, 0]
    marks[WORDS.index("paris")] = [0, 0, 1]
    marks[:2] = [0, 1, 0]  # of what is put around a text, nothing is told
    predictor = PipelineAdapter().load(files(scores(marks), Entities(labels=LABELS)), None)
    first, second = predictor.predict(asked("air: Anna, Paris", "clean"))["entities"]
    assert msgspec.json.decode(first) == [
        {"start": 5, "end": 9, "text": "Anna", "label": "PER"},
        {"start": 11, "end": 16, "text": "Paris", "label": "LOC"},
    ]
    assert second == b"[]"


def test_a_text_that_must_be_there_is_asked_for() -> None:
    made = files(vectors(), Vector(width=WIDTH), may_lack=False)
    predictor = PipelineAdapter().load(made, None)
    with pytest.raises(InvalidInput, match="row 1 has nothing in column 'text'"):
        predictor.predict(asked("air", ""))


def test_a_text_that_leaves_no_tokens_is_refused_or_holds_no_entities() -> None:
    bare = tokenizers.Tokenizer.from_str(tokenizer().decode())
    bare.post_processor = tokenizers.processors.TemplateProcessing("$A", special_tokens=[])
    unmarked = {"tokenizer.json": bare.to_str().encode()}
    predictor = PipelineAdapter().load({**files(vectors(), Vector(width=WIDTH)), **unmarked}, None)
    with pytest.raises(InvalidInput, match="row 1 holds a text in column 'text' of which"):
        predictor.predict(asked("air", ""))
    marks = np.zeros((len(WORDS), len(LABELS)))
    marking = {**files(scores(marks), Entities(labels=LABELS)), **unmarked}
    found = PipelineAdapter().load(marking, None).predict(asked("", "air"))
    assert found["entities"].tolist() == [b"[]", b"[]"]


def test_a_text_that_is_no_utf8_is_refused_with_its_row() -> None:
    predictor = PipelineAdapter().load(files(vectors(), Vector(width=WIDTH)), None)
    column = np.array([[b"air"], [b"\xff"]], dtype=np.object_)
    with pytest.raises(InvalidInput, match="row 1 holds bytes in column 'text'"):
        predictor.predict(Batch({"texts": column}))


@pytest.mark.parametrize(
    ("head", "changed", "why"),
    [
        (Vector(width=WIDTH), {"tokenizer.json": None}, "needs tokenizer.json"),
        (Vector(width=WIDTH), {"tokenizer.json": b"{}"}, "cannot be read"),
        (Vector(width=9), {}, "its head takes 9"),
        (Vector(width=WIDTH, columns=["a"]), {}, "one name a value"),
    ],
)
def test_parts_that_do_not_fit_each_other_are_refused(
    head: Heads, changed: dict[str, bytes | None], why: str
) -> None:
    made = {**files(vectors(), head), **changed}
    kept = {name: content for name, content in made.items() if content is not None}
    with pytest.raises(InvalidInput, match=why):
        PipelineAdapter().load(kept, None)


def test_what_loads_a_text_network_is_known_by_its_files() -> None:
    predictor = PipelineAdapter().load(files(vectors(), Vector(width=WIDTH)), None)
    assert isinstance(predictor, TextNetworkPredictor)
    assert predictor.device == "cpu"
