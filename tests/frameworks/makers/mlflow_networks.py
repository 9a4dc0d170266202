"""Folders that MLflow saves of a framework's models: `mlflow_networks.py FOLDER PACKAGES WHICH`.

Run by the Python of the framework, which MLflow needs beside it: it is read from PACKAGES, where
another environment has it. WHICH is `keras`, `torch` or `spacy`. Beside each folder that can be
read stand the 1000 inputs that the framework was asked, and its answers.
"""

import os
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np

ROWS, WIDE, SEED = 1000, 4, 20261122
WORDS = [
    *("the", "river", "is", "clean", "and", "cold", "smoke", "from", "a", "chimney"),
    *("was", "very", "bad", "for", "people", "in", "town"),
]
MADE_BY = {"pip_requirements": ["mlflow"]}
"""Said, so that MLflow starts no process to find it out."""


def keep(folder: Path, name: str, inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    """What was asked and answered."""
    np.savez(folder / f"{name}-inputs.npz", **inputs)
    np.savez(folder / f"{name}-outputs.npz", **outputs)


def rows() -> Any:
    return np.random.default_rng(SEED).normal(size=(ROWS, WIDE)).astype(np.float32)


def texts() -> list[str]:
    random = np.random.default_rng(SEED)
    return [" ".join(random.choice(WORDS, 1 + number % 9)) for number in range(ROWS)]


def keras(folder: Path) -> None:
    """As `.keras`, which is how MLflow keeps one; and a module of TensorFlow, a SavedModel."""
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0")
    import keras as library
    import mlflow.keras
    import mlflow.tensorflow
    import tensorflow as tf
    from mlflow.models import infer_signature

    library.utils.set_random_seed(SEED)
    given = library.Input((WIDE,), name="x")
    hidden = library.layers.Dense(8, activation="gelu")(given)
    model = library.Model(given, library.layers.Dense(2, name="y")(hidden))
    asked = rows()
    answers = model.predict(asked, verbose=0)
    said = {"signature": infer_signature(asked, answers), **MADE_BY}
    mlflow.keras.save_model(model, str(folder / "keras"), **said)
    keep(folder, "keras", {"x": asked}, {"y": answers})

    class Module(tf.Module):  # type: ignore[misc]
        @tf.function(  # type: ignore[untyped-decorator]
            input_signature=[tf.TensorSpec([None, WIDE], tf.float32, name="x")]
        )
        def __call__(self, x: Any) -> Any:
            return {"total": tf.reduce_sum(tf.nn.relu(x), axis=1)}

    module = Module()
    mlflow.tensorflow.save_model(module, str(folder / "tensorflow"), **said)
    keep(folder, "tensorflow", {"x": asked}, module(asked))


def torch(folder: Path) -> None:
    """An exported program, and the pickle that MLflow makes of the same where that is asked for."""
    import mlflow.pytorch
    import torch as library
    from mlflow.models import infer_signature

    library.manual_seed(SEED)
    layers = library.nn
    network = layers.Sequential(layers.Linear(WIDE, 8), layers.GELU(), layers.Linear(8, 2)).eval()
    asked = rows()
    with library.no_grad():
        answers = network(library.from_numpy(asked)).numpy()
    said = {"signature": infer_signature(asked, answers), **MADE_BY}
    exported = {"serialization_format": "pt2", "input_example": asked[:2]}
    mlflow.pytorch.save_model(network, str(folder / "pytorch"), **exported, **said)
    pickled = str(folder / "pytorch-pickle")
    mlflow.pytorch.save_model(network, pickled, serialization_format="pickle", **said)
    keep(folder, "pytorch", {"input": asked}, {"output": answers})
    transformers(folder)


def transformers(folder: Path) -> None:
    """A classifier of texts with its tokenizer, as a pipeline."""
    os.environ["HF_HUB_OFFLINE"] = "1"  # MLflow would ask for a card of the model
    import mlflow.transformers
    import torch as library
    import transformers as own
    from tokenizers import Tokenizer, models, pre_tokenizers

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    known = {one: number for number, one in enumerate([*special, *WORDS])}
    pieces = Tokenizer(models.WordPiece(known, unk_token="[UNK]"))
    pieces.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    names = {f"{one[1:-1].lower()}_token": one for one in special}
    tokenizer = own.PreTrainedTokenizerFast(tokenizer_object=pieces, model_max_length=32, **names)
    sizes = {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32}
    labels = {0: "complaint", 1: "report", 2: "neither"}
    config = own.DistilBertConfig(vocab_size=len(tokenizer), id2label=labels, **sizes)
    model = own.DistilBertForSequenceClassification(config).eval()
    for one in model.parameters():
        if one.dim() > 1:
            library.nn.init.normal_(one, std=0.3)
    pipeline = own.pipeline("text-classification", model=model, tokenizer=tokenizer)
    mlflow.transformers.save_model(pipeline, str(folder / "transformers"), **MADE_BY)
    asked = texts()
    given = tokenizer(asked, return_tensors="pt", padding=True, truncation=True)
    with library.no_grad():
        logits = model(given["input_ids"], given["attention_mask"]).logits
    shares = logits.softmax(dim=-1).numpy()
    best = np.array([labels[number] for number in shares.argmax(axis=1)])
    outputs = {"prediction": best, "probability": shares}
    keep(folder, "transformers", {"texts": np.array(asked)[:, np.newaxis]}, outputs)


def spacy(folder: Path) -> None:
    """A pipeline that sorts texts into two classes."""
    import mlflow.spacy
    import spacy as library
    from spacy.training import Example

    library.util.fix_random_seed(SEED)
    nlp = library.blank("en")
    sorts = nlp.add_pipe("textcat")
    for label in ("river", "smoke"):
        sorts.add_label(label)
    asked = texts()
    examples = [
        Example.from_dict(nlp.make_doc(text), {"cats": {"river": share, "smoke": 1.0 - share}})
        for text, share in ((text, float("river" in text)) for text in asked[:200])
    ]
    nlp.initialize(lambda: examples)
    for first in range(0, len(examples), 50):
        nlp.update(examples[first : first + 50])
    mlflow.spacy.save_model(nlp, str(folder / "spacy"), **MADE_BY)
    found = [nlp(text).cats for text in asked]
    shares = np.array([[one["river"], one["smoke"]] for one in found], dtype=np.float32)
    best = np.array(["river", "smoke"])[shares.argmax(axis=1)]
    outputs = {"probability": shares, "prediction": best}
    keep(folder, "spacy", {"text": np.array(asked)}, outputs)


def main(folder: Path, packages: str, which: str) -> None:
    """Its own packages come first, MLflow's after them."""
    warnings.simplefilter("ignore")
    sys.path.append(packages)
    {"keras": keras, "torch": torch, "spacy": spacy}[which](folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
