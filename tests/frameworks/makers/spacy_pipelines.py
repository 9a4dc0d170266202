"""Pipelines of spaCy and what it finds: `spacy_pipelines.py FOLDER PIPELINE CLAIMS SITE`.

PIPELINE is a folder that spaCy saved, CLAIMS a file of sentences, one JSON object a line, and SITE
where jieba is installed. Made are `english` (that pipeline), `claims` (sentences into classes,
trained here) and `chinese` (words by jieba, names by rules), each beside 1000 texts and answers.
"""

import json
import random
import shutil
import sys
from pathlib import Path
from typing import Any

TEXTS = 1000


def keep(folder: Path, name: str, texts: list[str], outputs: dict[str, list[Any]]) -> None:
    said = {"inputs": {"text": texts}, "outputs": outputs}
    (folder / f"{name}.json").write_text(json.dumps(said), encoding="utf-8")


def as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def entities(doc: Any) -> str:
    return as_json(
        [
            {"start": one.start_char, "end": one.end_char, "text": one.text, "label": one.label_}
            for one in doc.ents
        ]
    )


def english_tokens(doc: Any) -> str:
    sentences = {token.i: at for at, sentence in enumerate(doc.sents) for token in sentence}
    return as_json(
        [
            {
                "start": one.idx,
                "end": one.idx + len(one.text),
                "text": one.text,
                "lemma": one.lemma_,
                "tag": one.tag_,
                "pos": one.pos_,
                "morph": str(one.morph),
                "dep": one.dep_,
                "head": one.head.i,
                "sentence": sentences[one.i],
            }
            for one in doc
        ]
    )


def english(folder: Path, pipeline: Path, texts: list[str]) -> None:
    import spacy

    shutil.copytree(pipeline, folder / "english")
    nlp = spacy.load(pipeline)
    docs = list(nlp.pipe(texts))
    outputs = {
        "entities": [entities(doc) for doc in docs],
        "tokens": [english_tokens(doc) for doc in docs],
    }
    keep(folder, "english", texts, outputs)


def claims(folder: Path, rows: list[dict[str, Any]], texts: list[str]) -> None:
    import spacy
    from spacy.training import Example

    nlp = spacy.blank("en")
    model = {"@architectures": "spacy.TextCatBOW.v3", "exclusive_classes": True, "ngram_size": 2}
    textcat = nlp.add_pipe(
        "textcat", config={"model": {**model, "length": 262144, "no_output_layer": False}}
    )
    for label in ("claim", "other"):
        textcat.add_label(label)
    examples = [
        Example.from_dict(
            nlp.make_doc(row["text"]),
            {"cats": {"claim": float(row["label"]), "other": 1.0 - float(row["label"])}},
        )
        for row in rows
    ]
    nlp.initialize(lambda: examples)
    for _ in range(2):
        random.shuffle(examples)
        for first in range(0, len(examples), 64):
            nlp.update(examples[first : first + 64])
    nlp.to_disk(folder / "claims")
    found = [nlp(text).cats for text in texts]
    probability = [[one["claim"], one["other"]] for one in found]
    best = [max(one, key=lambda label: one[label]) for one in found]
    keep(folder, "claims", texts, {"probability": probability, "prediction": best})


def chinese(folder: Path, drawing: random.Random) -> None:
    import spacy

    nlp = spacy.blank("zh", config={"nlp": {"tokenizer": {"segmenter": "jieba"}}})
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns(
        [{"label": "PLACE", "pattern": "北京"}, {"label": "ORG", "pattern": "国家电网"}]
    )
    nlp.add_pipe("sentencizer")
    nlp.to_disk(folder / "chinese")
    parts = [
        "北京",
        "的",
        "空气质量",
        "国家电网",
        "用电量",
        "增加了",
        "三成",
        "水位",
        "2026年",
        "。",
        "，",
    ]
    texts = ["".join(drawing.choices(parts, k=drawing.randint(1, 20))) for _ in range(TEXTS)]
    docs = [nlp(text) for text in texts]
    told = []
    for doc in docs:
        sentences = {token.i: at for at, sentence in enumerate(doc.sents) for token in sentence}
        told.append(
            as_json(
                [
                    {
                        "start": one.idx,
                        "end": one.idx + len(one.text),
                        "text": one.text,
                        "sentence": sentences[one.i],
                    }
                    for one in doc
                ]
            )
        )
    keep(folder, "chinese", texts, {"entities": [entities(doc) for doc in docs], "tokens": told})


def main(folder: Path, pipeline: Path, path: Path, site: str) -> None:
    sys.path.append(site)
    random.seed(7)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    texts = [row["text"] for row in rows][:TEXTS]
    english(folder, pipeline, texts)
    claims(folder, rows[-600:], texts)
    chinese(folder, random.Random(7))  # noqa: S311 - texts, no secrets


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
