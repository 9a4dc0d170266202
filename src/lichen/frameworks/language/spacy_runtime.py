"""A spaCy pipeline at work: texts in; entities, categories, tokens out. spaCy's one door.

It runs in the process of a guest, and in that of a converter, where nothing but the standard
library, NumPy and spaCy can be counted on.
"""

import json
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype, Signature, TensorSpec
from lichen.frameworks.language.spacy_config import CONFIG_FILE, PipelineMakeup, read_makeup

TEXT = "text"
LONGEST_TEXT = 1_000_000
"""Characters; spaCy itself takes no more."""
_FORBIDDEN = ("pickle.find_class", "os.system", "os.exec", "subprocess.Popen", "socket.connect")
_ENTITIES = ("ner", "beam_ner", "entity_ruler", "future_entity_ruler", "entity_linker")
_SPANS = ("spancat", "spancat_singlelabel", "span_ruler", "span_finder")
_CATEGORIES = ("textcat", "textcat_multilabel")
_SENTENCES = ("parser", "beam_parser", "senter", "sentencizer")
_MADE_UP_SEED = 20261122
_MARKS = (".", ",", "?", "!", ":", "-", "(", ")", "1987", "3.5", "%", "€", "50,000")
_ODD_TEXTS = ("", " ", "...", "🙂 🙂", "\n\nA\tB", "\u4f60\u597d", "A" * 200, "1 2 3 4 5")

Values = NDArray[Any]
_Field = Callable[[Any], object]


class SpacyPipeline:
    """A pipeline in memory."""

    def __init__(self, folder: Path) -> None:
        """Load it; its code is spaCy's own, and nothing of it is unpickled.

        Args:
            folder: that spaCy saved it into.

        Raises:
            InvalidInput: it names what is not spaCy's own, or spaCy does not load it.
        """
        self.makeup = read_makeup((folder / CONFIG_FILE).read_bytes())
        self._nlp = _loaded(folder)
        self._fields = dict(_fields_of(self.makeup))
        self.labels = self._labels()

    @property
    def signature(self) -> Signature:
        """Texts in; what its components find out."""
        taken = TensorSpec(TEXT, Datatype.BYTES, (-1,), description="a text in UTF-8")
        return Signature((taken,), tuple(self._outputs()))

    def predict(self, texts: Sequence[str]) -> dict[str, Values]:
        """What it finds in each text.

        Raises:
            InvalidInput: a text is too long.
        """
        for row, text in enumerate(texts):
            if len(text) > LONGEST_TEXT:
                raise InvalidInput(
                    f"row {row} has a text of {len(text):,} characters, and spaCy takes "
                    f"{LONGEST_TEXT:,}: part it"
                )
        together = iter(self._nlp.pipe([text for text in texts if text]))
        # an empty text among others makes spaCy's bag of words fail (3.8): it goes alone
        found = [self._found(next(together) if text else self._nlp(text)) for text in texts]
        names = [spec.name for spec in self._outputs()]
        return {name: _column([one[name] for one in found]) for name in names}

    def texts(self, rows: int) -> list[str]:
        """Made-up texts of words that it knows, the same at every call, and some odd ones."""
        drawing = random.Random(_MADE_UP_SEED)  # noqa: S311 - texts to try, no secrets
        known = sorted(one for one in self._nlp.vocab.strings if one.isalpha() and len(one) < 20)
        words = (known or ["word"]) if len(known) < 5000 else drawing.sample(known, 5000)
        between = "" if self.makeup.language in ("zh", "ja") else " "
        made = list(_ODD_TEXTS[:rows])
        while len(made) < rows:
            count = drawing.randint(1, 30)
            drawn = [
                drawing.choice(words if drawing.random() < 0.85 else _MARKS) for _ in range(count)
            ]
            made.append(between.join(drawn))
        return made

    def _found(self, doc: Any) -> dict[str, object]:  # noqa: ANN401 - a Doc of spaCy
        """All outputs of one text."""
        found: dict[str, object] = {"tokens": _json(list(self._tokens(doc)))}
        if self._has(_ENTITIES):
            found["entities"] = _json([_span(one) for one in doc.ents])
        if self._has(_SPANS):
            groups = sorted(doc.spans.items())
            found["spans"] = _json(
                [{**_span(one), "group": key} for key, group in groups for one in group]
            )
        if self.labels:
            scores = np.array([doc.cats.get(label, 0.0) for label in self.labels], dtype=np.float32)
            found["probability"] = scores
            found["prediction"] = self.labels[int(scores.argmax())].encode()
        return found

    def _tokens(self, doc: Any) -> Iterator[dict[str, object]]:  # noqa: ANN401 - a Doc of spaCy
        sentence = -1
        counts = self._has(_SENTENCES)
        for token in doc:
            told = {name: read(token) for name, read in self._fields.items()}
            if counts:
                sentence += bool(token.is_sent_start)
                told["sentence"] = sentence
            yield told

    def _outputs(self) -> Iterator[TensorSpec]:
        fields = ", ".join((*self._fields, *(["sentence"] if self._has(_SENTENCES) else [])))
        if self.labels:
            width = len(self.labels)
            yield TensorSpec("prediction", Datatype.BYTES, (-1,), description="the likeliest label")
            yield TensorSpec("probability", Datatype.FP32, (-1, width), columns=self.labels)
        if self._has(_ENTITIES):
            yield _of_json("entities", "start, end, text, label")
        if self._has(_SPANS):
            yield _of_json("spans", "start, end, text, label, group")
        yield _of_json("tokens", fields)

    def _has(self, factories: Sequence[str]) -> bool:
        return any(one in factories for one in self.makeup.components.values())

    def _labels(self) -> tuple[str, ...]:
        found = [
            label
            for name, factory in self.makeup.components.items()
            if factory in _CATEGORIES
            for label in self._nlp.get_pipe(name).labels
        ]
        return tuple(dict.fromkeys(found))


def forbid_harm() -> None:
    """Let nothing in this process unpickle, start a program or open a connection from now on."""

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event in _FORBIDDEN:
            raise InvalidInput(f"the pipeline tried {event} {arguments[:2]!r}, which is forbidden")

    sys.addaudithook(watch)


def _loaded(folder: Path) -> Any:  # noqa: ANN401 - a Language of spaCy
    import spacy

    forbid_harm()
    try:
        return spacy.load(folder)
    except InvalidInput:
        raise
    except Exception as error:  # whatever a component of the pipeline raises
        said = " ".join(str(error).split())[:300]
        raise InvalidInput(f"spaCy {spacy.__version__} does not load it: {said}") from error


def _fields_of(makeup: PipelineMakeup) -> Iterator[tuple[str, _Field]]:
    """What is told of a token: what the components set."""
    factories = set(makeup.components.values())
    yield "start", lambda token: token.idx
    yield "end", lambda token: token.idx + len(token)
    yield "text", lambda token: token.text
    if factories & {"lemmatizer", "trainable_lemmatizer"}:
        yield "lemma", lambda token: token.lemma_
    if "tagger" in factories:
        yield "tag", lambda token: token.tag_
    if factories & {"morphologizer", "ja.morphologizer", "attribute_ruler"}:
        yield "pos", lambda token: token.pos_
        yield "morph", lambda token: str(token.morph)
    if factories & {"parser", "beam_parser"}:
        yield "dep", lambda token: token.dep_
        yield "head", lambda token: token.head.i


def _span(span: Any) -> dict[str, object]:  # noqa: ANN401 - a Span of spaCy
    told = {
        "start": span.start_char,
        "end": span.end_char,
        "text": span.text,
        "label": span.label_,
    }
    return {**told, "id": span.kb_id_} if span.kb_id_ else told


def _of_json(name: str, fields: str) -> TensorSpec:
    said = f"JSON: a list of objects with {fields}; start and end count characters"
    return TensorSpec(name, Datatype.BYTES, (-1,), description=said)


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _column(values: Sequence[object]) -> Values:
    if values and isinstance(values[0], np.ndarray):
        return np.stack(values)  # type: ignore[arg-type]
    found = np.empty(len(values), dtype=np.object_)
    found[:] = values
    return found


class SpacyModel:
    """The pipeline in a folder, as a guest serves it."""

    def __init__(self, folder: Path) -> None:
        """Load it.

        Raises:
            InvalidInput: it cannot be served; the message says why.
        """
        self._pipeline = SpacyPipeline(folder)

    def told(self) -> dict[str, Any]:
        """Its signature."""
        read = self._pipeline.signature
        return {
            "inputs": [_told(one) for one in read.inputs],
            "outputs": [_told(one) for one in read.outputs],
            "joins_rows": True,
        }

    def predict(self, tensors: Mapping[str, Values]) -> Mapping[str, Values]:
        """What it finds in texts.

        Raises:
            InvalidInput: one is no UTF-8, or too long.
        """
        return self._pipeline.predict([_text(one, row) for row, one in enumerate(tensors[TEXT])])

    def example(self, rows: int) -> Mapping[str, Values]:
        """Texts of words that it knows."""
        return {TEXT: _column([one.encode() for one in self._pipeline.texts(rows + 8)[8:]])}


def _told(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": spec.datatype.value, "shape": list(spec.shape)}


def _text(content: bytes, row: int) -> str:
    try:
        return bytes(content).decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"row {row} holds bytes that are no UTF-8 text") from error
