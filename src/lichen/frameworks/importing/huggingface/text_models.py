"""Text models as versions that take raw texts: embeddings, classes, values, entities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lichen.core.batch import Array
from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.conversion import CHECKED_ROWS, Conversion, Trial, Wishes
from lichen.frameworks.importing.huggingface.answering import answered_classes, labels_of
from lichen.frameworks.importing.huggingface.cores import (
    exported_core,
    is_written,
    written_classes,
    written_marks,
    written_vectors,
)
from lichen.frameworks.importing.huggingface.folder import Folder
from lichen.frameworks.importing.huggingface.tried_texts import as_bytes, as_column, tried_texts
from lichen.frameworks.importing.pytorch.answers import TOLERANCE
from lichen.frameworks.onnx_writer import OPSET
from lichen.pipeline.declaration import Classes, Entities, Heads, Pipeline, Subwords, Value, Vector
from lichen.pipeline.files import pipeline_files
from lichen.pipeline.spans import Entity

COLUMN = "text"
_LONGEST, _USUAL = 8192, 512
_MOST_WEIGHTS = 12_000_000
"""Of layers: with more, fewer texts are tried."""
_FEWEST = 48


@dataclass(frozen=True, slots=True)
class TextModel:
    """A text model that transformers read.

    Attributes:
        torch: the library.
        folder: what it came as.
        model: of transformers, or of sentence-transformers.
        tokenizer: of transformers.
        longest: tokens of a text.
        library: what answers, with its version.
    """

    torch: Any
    folder: Folder
    model: Any
    tokenizer: Any
    longest: int
    library: str

    def inputs(self, text: str) -> Any:  # noqa: ANN401 - of transformers
        """Its tokens, as the model takes them."""
        return self.tokenizer(text, truncation=True, max_length=self.longest, return_tensors="pt")

    def tokens(self, text: str) -> Mapping[str, Any]:
        """`input_ids` and `attention_mask`."""
        made = self.inputs(text)
        return {name: made[name] for name in ("input_ids", "attention_mask")}


def longest_of(folder: Folder, tokenizer: Any) -> int:  # noqa: ANN401 - of transformers
    """How many tokens of a text it reads."""
    places = folder.config.get("max_position_embeddings")
    said = getattr(tokenizer, "model_max_length", _USUAL)
    most = int(places) if isinstance(places, int) and places > 0 else _USUAL
    if folder.kind in ("roberta", "xlm-roberta", "camembert", "mpnet"):
        most -= 2
    return max(2, min(int(said), most, _LONGEST))


def embeddings(one: TextModel, wishes: Wishes) -> Conversion:
    """A sentence encoder: `embedding`.

    Raises:
        InvalidInput: it asks for a prompt, or cannot be written.
    """
    del wishes
    if getattr(one.model, "default_prompt_name", None):
        raise InvalidInput(
            "the encoder puts a prompt before every text (default_prompt_name), which is not "
            "served: save it without, and put it into the texts"
        )
    texts = _texts(one)
    found = one.model.encode(texts, batch_size=16, show_progress_bar=False).astype(np.float32)

    def answer(ids: Any, mask: Any) -> Any:  # noqa: ANN401 - torch's own types
        said = one.model.forward({"input_ids": ids, "attention_mask": mask})
        return said["sentence_embedding"]

    core = (
        written_vectors(one.folder)
        if is_written(one.folder)
        else exported_core(one.torch, answer, one.model, one.longest)
    )
    head = Vector(width=found.shape[1])
    return _conversion(one, core, head, texts, {"embedding": found})


def classes(one: TextModel, wishes: Wishes) -> Conversion:
    """A classifier of texts: `prediction` and `probability`; of one output a value.

    Raises:
        InvalidInput: it names no classes, or cannot be written.
    """
    texts = _texts(one)
    scores = np.concatenate([one.model(**one.tokens(text)).logits.numpy() for text in texts])
    count = scores.shape[1]
    is_many = one.folder.config.get("problem_type") == "multi_label_classification"

    def answer(ids: Any, mask: Any) -> Any:  # noqa: ANN401 - torch's own types
        said = one.model(input_ids=ids, attention_mask=mask).logits
        return one.torch.sigmoid(said) if is_many else said

    core = (
        written_classes(one.folder, count, is_sigmoid=is_many)
        if is_written(one.folder)
        else exported_core(one.torch, answer, one.model, one.longest)
    )
    if count == 1:
        value = {"prediction": scores[:, 0].astype(np.float64)}
        return _conversion(one, core, Value(), texts, value, "regression")
    labels = labels_of(one.folder, wishes, count)
    if is_many:
        several = {"probability": (1 / (1 + np.exp(-scores))).astype(np.float32)}
        head = Vector(name="probability", width=count, columns=labels)
        return _conversion(one, core, head, texts, several)
    found = answered_classes(scores, labels)
    return _conversion(one, core, Classes(labels=labels), texts, found, "text-classification")


def entities(one: TextModel, wishes: Wishes) -> Conversion:
    """A classifier of tokens: `entities`.

    Raises:
        InvalidInput: it names no kinds, or cannot be written.
    """
    import transformers

    texts = _texts(one)
    count = int(one.model.config.num_labels)
    labels = labels_of(one.folder, wishes, count)

    def answer(ids: Any, mask: Any) -> Any:  # noqa: ANN401 - torch's own types
        return one.model(input_ids=ids, attention_mask=mask).logits

    core = (
        written_marks(one.folder, count)
        if is_written(one.folder)
        else exported_core(one.torch, answer, one.model, one.longest)
    )
    marks = transformers.pipeline(
        "token-classification",
        model=one.model,
        tokenizer=one.tokenizer,
        aggregation_strategy="simple",
        device="cpu",
    )
    one.tokenizer.model_max_length = one.longest
    found = as_bytes([_as_json(text, marks(text)) for text in texts])
    return _conversion(one, core, Entities(labels=labels), texts, {"entities": found})


def _as_json(text: str, said: Sequence[Mapping[str, Any]]) -> bytes:
    import msgspec

    return msgspec.json.encode(
        [
            Entity(
                int(each["start"]),
                int(each["end"]),
                text[each["start"] : each["end"]],
                str(each["entity_group"]),
            )
            for each in said
        ]
    )


def _texts(one: TextModel) -> list[str]:
    """Fewer where a text is dear, and none of which the tokenizer leaves nothing.

    One without marks of its own leaves nothing of an empty text, which no model answers.
    """
    weights = sum(
        each.numel() for name, each in one.model.named_parameters() if "embeddings" not in name
    )
    count = max(_FEWEST, min(CHECKED_ROWS, CHECKED_ROWS * _MOST_WEIGHTS // max(weights, 1)))
    words = sorted(one.tokenizer.get_vocab())
    return [
        text for text in tried_texts(words, count, one.longest) if one.tokenizer(text).input_ids
    ]


def _conversion(
    one: TextModel,
    core: bytes,
    head: Heads,
    texts: Sequence[str],
    found: Mapping[str, Array],
    task: str = "inference",
) -> Conversion:
    pipeline = Pipeline(
        encoders=[Subwords(column=COLUMN, may_lack=True, longest=one.longest)], head=head
    )
    backend = one.tokenizer.backend_tokenizer
    backend.no_padding()
    backend.no_truncation()
    return Conversion(
        files={
            "model.onnx": core,
            "tokenizer.json": backend.to_str().encode(),
            **pipeline_files(pipeline),
        },
        trial=Trial(inputs={"texts": as_column(texts)}, outputs=found, tolerance=TOLERANCE),
        algorithm=one.folder.architecture or one.folder.kind,
        library=one.library,
        task=task,
        opset=OPSET,
        parameters={
            "model_type": one.folder.kind,
            "weights": sum(each.numel() for each in one.model.parameters()),
            "longest_tokens": one.longest,
        },
    )
