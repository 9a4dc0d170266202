"""Models of gensim and what it answers: `gensim_models.py FOLDER`.

Of gensim's own test models: `euclidean_vectors.bin` (word2vec, binary),
`test_glove.txt` (text), `lee_fasttext_new.bin`,
`word2vec_3.3` and `lda_3_0_1_model` (pickles). Made here, of its test
corpus: `topics` (LDA, saved with its dictionary) and `weights` (TF-IDF).
"""

import json
import random
import shutil
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import gensim
import numpy as np
from gensim.corpora import Dictionary
from gensim.models import KeyedVectors, LdaModel, TfidfModel, Word2Vec
from gensim.models.fasttext import load_facebook_vectors
from gensim.test.utils import datapath

TEXTS = 1000
TOP = 10


class Still:
    """In place of gensim's random numbers: the mean of what it would draw."""

    def gamma(self, shape: float, scale: float, size: tuple[int, ...]) -> Any:
        return np.full(size, shape * scale)


def keep(folder: Path, name: str, texts: list[str], outputs: dict[str, list[Any]]) -> None:
    said = {"inputs": {"text": texts}, "outputs": outputs}
    (folder / f"{name}.json").write_text(json.dumps(said), encoding="utf-8")


def drawn(words: list[str], drawing: random.Random) -> str:
    parts = drawing.choices(words, k=drawing.choice([1, 1, 2, 4, 12]))
    return " ".join([*parts, "qzx"] if drawing.random() < 0.05 else parts)


def vectors(folder: Path, name: str, made: KeyedVectors, drawing: random.Random) -> None:
    """Texts whose most similar words are in an order that no rounding turns about."""
    texts: list[str] = []
    kept: dict[str, list[Any]] = {"vector": [], "similar": [], "similarity": [], "unknown": []}
    top = min(TOP, len(made))
    while len(texts) < TEXTS:
        text = drawn(made.index_to_key, drawing)
        known = [one for one in text.split() if one in made]
        found = made.most_similar(positive=known, topn=top + 1) if known else []
        if any(abs(one[1] - other[1]) < 2e-6 for one, other in pairwise(found)):
            continue
        texts.append(text)
        padded = [*found[:top], *[("", 0.0)] * (top - len(found[:top]))]
        zero = np.zeros(made.vector_size)
        mean = np.mean([made[one] for one in known], axis=0) if known else zero
        kept["vector"].append([float(one) for one in mean])
        kept["similar"].append([word for word, _ in padded])
        kept["similarity"].append([float(score) for _, score in padded])
        kept["unknown"].append(
            " ".join(one for one in text.split() if one not in made.key_to_index)
        )
    keep(folder, name, texts, kept)


def topics(folder: Path, name: str, model: LdaModel, words: dict[str, int]) -> None:
    drawing = random.Random(3)  # noqa: S311 - texts, no secrets
    model.random_state = Still()
    texts: list[str] = []
    shares: list[list[float]] = []
    while len(texts) < TEXTS:
        text = drawn(list(words), drawing)
        bag: dict[int, int] = {}
        for word in text.split():
            if word in words:
                bag[words[word]] = bag.get(words[word], 0) + 1
        parameters, _ = model.inference([sorted(bag.items())])
        texts.append(text)
        shares.append([float(one) for one in parameters[0] / parameters[0].sum()])
    keep(folder, name, texts, {"membership": shares})


def corpus(folder: Path) -> None:
    lines = Path(datapath("lee_background.cor")).read_text(encoding="utf-8").splitlines()
    documents = [gensim.utils.simple_preprocess(line) for line in lines]
    dictionary = Dictionary(documents)
    dictionary.filter_extremes(no_below=5, no_above=0.4)
    bags = [dictionary.doc2bow(one) for one in documents]
    (folder / "topics").mkdir()
    lda = LdaModel(bags, num_topics=8, id2word=dictionary, random_state=0, passes=3)
    lda.save(str(folder / "topics" / "lda.model"))
    topics(folder, "topics", lda, dictionary.token2id)
    (folder / "weights").mkdir()
    weights = TfidfModel(bags, smartirs="ltc")
    weights.save(str(folder / "weights" / "tfidf.model"))
    dictionary.save(str(folder / "weights" / "words.dict"))
    texts = [" ".join(one) for one in documents]
    drawing = random.Random(4)  # noqa: S311 - texts, no secrets
    texts += [drawn(list(dictionary.token2id), drawing) for _ in range(TEXTS - len(texts))]
    rows = []
    for text in texts:
        row = [0.0] * len(dictionary)
        for at, weight in weights[dictionary.doc2bow(text.split())]:
            row[at] = float(weight)
        rows.append(row)
    keep(folder, "weights", texts, {"vector": rows})


def main(folder: Path) -> None:
    drawing = random.Random(2)  # noqa: S311 - texts, no secrets
    for name, how in (
        ("euclidean_vectors.bin", {"binary": True}),
        ("test_glove.txt", {"no_header": True}),
    ):
        shutil.copyfile(datapath(name), folder / name)
        loaded = KeyedVectors.load_word2vec_format(datapath(name), **how)
        vectors(folder, name.partition(".")[0], loaded, drawing)
    shutil.copyfile(datapath("word2vec_3.3"), folder / "word2vec_3.3")
    vectors(folder, "word2vec_3", Word2Vec.load(datapath("word2vec_3.3")).wv, drawing)
    shutil.copyfile(datapath("lee_fasttext_new.bin"), folder / "lee_fasttext_new.bin")
    parts = load_facebook_vectors(datapath("lee_fasttext_new.bin"))
    vectors(folder, "lee_fasttext_new", parts, drawing)
    (folder / "lda").mkdir()
    for part in ("", ".expElogbeta.npy", ".id2word", ".state"):
        shutil.copyfile(
            datapath(f"lda_3_0_1_model{part}"), folder / "lda" / f"lda_3_0_1_model{part}"
        )
    old = LdaModel.load(datapath("lda_3_0_1_model"))
    topics(folder, "lda", old, {word: at for at, word in old.id2word.items()})
    corpus(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
