"""A folder of Hugging Face as a version, and what transformers answers to made-up inputs."""

from typing import Any

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.conversion import Conversion, Wishes
from lichen.frameworks.importing.huggingface import text_models
from lichen.frameworks.importing.huggingface.folder import Folder, fills_in, read_folder
from lichen.frameworks.importing.huggingface.images import classified_images
from lichen.frameworks.importing.huggingface.reading import (
    data_alone,
    read_model,
    read_sentences,
    read_tokenizer,
)
from lichen.frameworks.importing.huggingface.text_models import TextModel, longest_of
from lichen.frameworks.importing.pytorch.answers import settled
from lichen.frameworks.importing.source import Source

_TEXTS = {
    "ForSequenceClassification": ("AutoModelForSequenceClassification", text_models.classes),
    "ForTokenClassification": ("AutoModelForTokenClassification", text_models.entities),
}
_IMAGES = "ForImageClassification"


def convert(source: Source, wishes: Wishes) -> Conversion:
    """A text model or a classifier of images as ONNX, what stands around it, and its proof.

    Raises:
        InvalidInput: it is of a kind that is not served, or its files do not fit each other.
    """
    folder = read_folder(source)
    with settled() as torch, data_alone(folder) as place:
        if folder.parts:
            return text_models.embeddings(_sentences(torch, folder, place), wishes)
        if folder.architecture.endswith(_IMAGES):
            model = read_model(folder, place, "AutoModelForImageClassification")
            return classified_images(torch, folder, model, wishes)
        for ending, (kind, made) in _TEXTS.items():
            if folder.architecture.endswith(ending):
                return made(_text_model(torch, folder, place, kind), wishes)
        if folder.architecture.endswith("Model") and not fills_in(folder):
            return text_models.embeddings(_sentences(torch, folder, place), wishes)
    raise InvalidInput(
        f"{source.name} is {folder.architecture or folder.kind}, which is not served: sentence "
        "encoders and classifiers of texts, tokens and images are; export it by torch.export.save"
    )


def _text_model(torch: Any, folder: Folder, place: Any, kind: str) -> TextModel:  # noqa: ANN401
    import transformers

    tokenizer = read_tokenizer(folder, place)
    return TextModel(
        torch,
        folder,
        read_model(folder, place, kind),
        tokenizer,
        longest_of(folder, tokenizer),
        f"transformers {transformers.__version__}",
    )


def _sentences(torch: Any, folder: Folder, place: Any) -> TextModel:  # noqa: ANN401 - torch's own
    """A bare encoder is read as sentence-transformers reads it: by the mean of its tokens."""
    import sentence_transformers

    model = read_sentences(folder, place)
    tokenizer = model.tokenizer
    longest = min(int(model.max_seq_length or _LONGEST), longest_of(folder, tokenizer))
    library = f"sentence-transformers {sentence_transformers.__version__}"
    return TextModel(torch, folder, model, tokenizer, longest, library)


_LONGEST = 512
