"""Folders of Hugging Face: what is taken, and what is refused before anything of it is loaded."""

import json
import pickle
from collections.abc import Mapping
from pathlib import Path

import pytest

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.formats import format_of
from lichen.frameworks.importing.huggingface.cores import is_written, pooling_of
from lichen.frameworks.importing.huggingface.folder import is_folder, read_folder, weight_files
from lichen.frameworks.importing.huggingface.tried_texts import tried_texts
from lichen.frameworks.importing.source import Source, laid_out

BERT = {"model_type": "bert", "architectures": ["BertForSequenceClassification"]}
SENTENCE = [
    {"type": "sentence_transformers.models.Transformer", "path": ""},
    {"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"},
]


def weights(*names: str) -> bytes:
    header = {
        name: {"dtype": "F32", "shape": [1], "data_offsets": [4 * at, 4 * at + 4]}
        for at, name in enumerate(names)
    }
    said = json.dumps(header).encode()
    return len(said).to_bytes(8, "little") + said + bytes(4 * len(names))


def folder(place: Path, files: Mapping[str, object]) -> Source:
    for name, content in files.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return laid_out(place, "mine")


def test_a_folder_with_safetensors_is_recognised_beside_pickles_that_nobody_reads(
    tmp_path: Path,
) -> None:
    files = {
        "config.json": {**BERT, "id2label": {"1": "bad", "0": "good"}},
        "model.safetensors": weights("w"),
        "training_args.bin": pickle.dumps({"a": 1}),
    }
    source = folder(tmp_path, files)
    found = format_of(source)
    assert found is not None
    assert found.name == "huggingface"
    assert found.checks_pickles
    assert read_folder(source).labels == ["good", "bad"]


@pytest.mark.parametrize(
    ("files", "why"),
    [
        (
            {"config.json": {**BERT, "auto_map": {"AutoModel": "m.M"}}, "m.py": b""},
            "never run here",
        ),
        ({"config.json": BERT, "tokenizer_config.json": {"auto_map": {"A": "t.T"}}}, "never run"),
        ({"config.json": BERT, "adapter_config.json": {}}, "adapter to another model"),
        ({"config.json": BERT, "pytorch_model.bin": b"\x80\x02}."}, "a Python pickle"),
        ({"config.json": BERT, "readme.md": b"x"}, "has no model.safetensors"),
        ({"config.json": BERT, "model.safetensors": b"\xff" * 40}, "says that its header is"),
        (
            {
                "config.json": {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]},
                "model.safetensors": weights("w"),
            },
            "writes text",
        ),
        (
            {"config.json": BERT, "model.safetensors.index.json": {"weight_map": {"w": "../w"}}},
            "not in the folder",
        ),
        (
            {"config.json": BERT, "model.safetensors.index.json": {"weight_map": {}}},
            "names no weights",
        ),
        (
            {
                "config.json": BERT,
                "model.safetensors.index.json": {"weight_map": {"other": "a.safetensors"}},
                "a.safetensors": weights("w"),
            },
            "lacks 'other'",
        ),
    ],
)
def test_a_folder_that_cannot_be_taken_is_refused_with_a_sentence(
    tmp_path: Path, files: dict[str, object], why: str
) -> None:
    with pytest.raises(InvalidInput, match=why):
        is_folder(folder(tmp_path, files))


def test_weights_in_several_files_are_found_by_their_index(tmp_path: Path) -> None:
    files = {
        "config.json": BERT,
        "model.safetensors.index.json": {
            "weight_map": {"a": "1.safetensors", "b": "2.safetensors", "c": "1.safetensors"}
        },
        "1.safetensors": weights("a", "c"),
        "2.safetensors": weights("b"),
    }
    found = weight_files(folder(tmp_path, files))
    assert found == {"1.safetensors": ("a", "c"), "2.safetensors": ("b",)}


@pytest.mark.parametrize(
    ("said", "pooling"),
    [
        ({"pooling_mode": "cls"}, "cls"),
        ({"pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}, "mean"),
        ({"pooling_mode_max_tokens": True, "pooling_mode_mean_tokens": True}, "mean+max"),
    ],
)
def test_the_pooling_of_a_sentence_encoder_is_read_in_its_old_and_new_form(
    tmp_path: Path, said: dict[str, object], pooling: str
) -> None:
    files = {
        "config.json": BERT,
        "model.safetensors": weights("w"),
        "modules.json": SENTENCE,
        "1_Pooling/config.json": said,
    }
    found = read_folder(folder(tmp_path, files))
    assert [kind for kind, _ in found.parts] == ["Transformer", "Pooling"]
    assert pooling_of(found, "1_Pooling") == pooling
    assert is_written(found) is ("+" not in pooling)


@pytest.mark.parametrize("kind", ["mine.Pooling", "sentence_transformers.models.CLIPModel"])
def test_modules_of_other_kinds_are_refused(tmp_path: Path, kind: str) -> None:
    files = {
        "config.json": BERT,
        "model.safetensors": weights("w"),
        "modules.json": [{"type": kind, "path": ""}],
    }
    with pytest.raises(InvalidInput, match="which is not served"):
        read_folder(folder(tmp_path, files))


def test_labels_with_gaps_are_refused(tmp_path: Path) -> None:
    files = {
        "config.json": {**BERT, "id2label": {"0": "a", "2": "b"}},
        "model.safetensors": weights("w"),
    }
    with pytest.raises(InvalidInput, match="from 0 on"):
        _ = read_folder(folder(tmp_path, files)).labels


def test_tried_texts_are_the_same_at_every_call_and_one_is_too_long() -> None:
    once = tried_texts(["air", "##s", "river"], 50, 32)
    assert once == tried_texts(["air", "##s", "river"], 50, 32)
    assert len(once) == 50
    assert max(len(text.split()) for text in once) > 32
