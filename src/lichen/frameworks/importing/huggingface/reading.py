"""What `transformers` and `sentence-transformers` make of a folder: the models whose answers count.

They are given a folder of their own, in which there is no file but those that are read as data.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.huggingface.folder import Folder

_DATA = (".json", ".safetensors", ".txt", ".model")
_LONGEST_REASON = 200


@contextmanager
def data_alone(folder: Folder) -> Iterator[Path]:
    """A folder with the files that are data: no Python, no pickle."""
    with tempfile.TemporaryDirectory() as scratch:
        for name in folder.source.names:
            if name.lower().endswith(_DATA):
                place = Path(scratch, name)
                place.parent.mkdir(parents=True, exist_ok=True)
                if place.suffix == ".safetensors":
                    place.symlink_to(folder.source.path(name).absolute())
                else:
                    shutil.copyfile(folder.source.path(name), place)
        yield Path(scratch)


def read_model(folder: Folder, place: Path, kind: str) -> Any:  # noqa: ANN401 - of transformers
    """A model by one of transformers' `AutoModel...` classes, in float32, ready to answer.

    Raises:
        InvalidInput: transformers cannot read it, or its weights are not all there.
    """
    import transformers

    transformers.logging.set_verbosity_error()
    try:
        model, said = getattr(transformers, kind).from_pretrained(
            place,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype="float32",
            attn_implementation="eager",
            output_loading_info=True,
        )
    except Exception as error:  # of all kinds: whatever a stranger's model leads to
        raise _refusal(folder, error) from error
    missing = [name for name in said.get("missing_keys", ()) if "pooler" not in name]
    if missing:
        raise InvalidInput(
            f"the weights lack {min(missing)!r} and {len(missing) - 1} more of what "
            f"{type(model).__name__} needs: they would be random; save the whole model again"
        )
    return model.eval()


def read_tokenizer(folder: Folder, place: Path) -> Any:  # noqa: ANN401 - of transformers
    """The tokenizer, in its quick form.

    Raises:
        InvalidInput: there is none that is served.
    """
    import transformers

    transformers.logging.set_verbosity_error()
    try:
        made = transformers.AutoTokenizer.from_pretrained(
            place, local_files_only=True, trust_remote_code=False, use_fast=True
        )
    except Exception as error:  # of all kinds: whatever a stranger's model leads to
        raise _refusal(folder, error) from error
    if getattr(made, "backend_tokenizer", None) is None:
        raise InvalidInput(
            f"{folder.source.name} has a tokenizer without tokenizer.json: save it by "
            "AutoTokenizer.from_pretrained(...).save_pretrained(folder)"
        )
    return made


def read_sentences(folder: Folder, place: Path) -> Any:  # noqa: ANN401 - of sentence-transformers
    """The sentence encoder of a folder.

    Raises:
        InvalidInput: sentence-transformers cannot read it.
    """
    import sentence_transformers

    try:
        return sentence_transformers.SentenceTransformer(
            str(place),
            device="cpu",
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True, "dtype": "float32"},
        )
    except Exception as error:  # of all kinds: whatever a stranger's model leads to
        raise _refusal(folder, error) from error


def _refusal(folder: Folder, error: Exception) -> InvalidInput:
    said = " ".join(str(error).split())[:_LONGEST_REASON]
    return InvalidInput(
        f"{folder.source.name} cannot be read by transformers ({said}): save it again with a "
        "current version"
    )
