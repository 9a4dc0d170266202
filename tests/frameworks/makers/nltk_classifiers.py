"""Classifiers of NLTK and what they answer: `nltk_classifiers.py FOLDER CLAIMS`.

CLAIMS is a file of sentences, one JSON object a line. Each classifier is pickled, beside the rows
and answers; of all features the words are truths, `first` is a text and `length` a number.
"""

import json
import pickle
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from nltk.classify import (
    DecisionTreeClassifier,
    MaxentClassifier,
    NaiveBayesClassifier,
    SklearnClassifier,
)
from sklearn.naive_bayes import BernoulliNB

ROWS, TRAINED, WORDS = 1000, 600, 30
vars(np)["NINF"] = -np.inf  # NLTK 3.10 trains by a name that NumPy 2 dropped

Features = dict[str, Any]
Asked = tuple[list[Features], list[Features]]
"""Rows that have every feature, and the same, of which some lack one."""


def features(text: str, words: list[str], *, lacks: bool) -> Features:
    found = set(text.lower().split())
    made: Features = {f"contains({word})": word in found for word in words}
    made["first"] = text[0].lower()
    if not lacks or len(text) % 5:
        made["length"] = min(len(text) // 20, 9)
    return made


def used_by(tree: Any) -> set[str]:
    if tree._fname is None:
        return set()
    below = [*(tree._decisions or {}).values(), *([tree._default] if tree._default else [])]
    return {tree._fname}.union(*map(used_by, below))


def keep(folder: Path, name: str, made: Any, asked: Asked, names: set[str]) -> None:
    rows, lacking = asked
    (folder / f"{name}.pickle").write_bytes(pickle.dumps(made))
    numbers = sorted(names - {"first"})
    inputs: dict[str, Any] = {"numbers": [[float(row[one]) for one in numbers] for row in rows]}
    if "first" in names:
        inputs["texts"] = [[row["first"]] for row in rows]
    if isinstance(made, DecisionTreeClassifier):
        labels = sorted(map(str, made.labels()))
        best = [str(made.classify(row)) for row in rows]
        chances = [[float(label == one) for label in labels] for one in best]
    else:
        labels = [str(one) for one in made.labels()]
        found = [made.prob_classify(row) for row in rows]
        chances = [[one.prob(label) for label in made.labels()] for one in found]
        best = [labels[int(np.argmax(one))] for one in chances]
    kept = [row for row, one in enumerate(chances) if abs(sorted(one)[-1] - sorted(one)[-2]) > 1e-5]
    said = {
        "inputs": {key: [values[row] for row in kept] for key, values in inputs.items()},
        "outputs": {
            "probability": [chances[row] for row in kept],
            "prediction": [best[row] for row in kept],
        },
        "rows": lacking,
        "predictions": [str(made.classify(row)) for row in lacking],
    }
    (folder / f"{name}.json").write_text(json.dumps(said), encoding="utf-8")


def main(folder: Path, path: Path) -> None:
    told = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    counted = Counter(word for row in told for word in row["text"].lower().split())
    words = [word for word, _ in counted.most_common(WORDS)]
    rows = [features(row["text"], words, lacks=True) for row in told]
    labelled = [
        (row, "claim" if one["label"] else "other") for row, one in zip(rows, told, strict=True)
    ]
    whole = [features(row["text"], words, lacks=False) for row in told[:ROWS]]
    train, asked = labelled[-TRAINED:], (whole, rows[:ROWS])
    names = set(whole[0])
    keep(folder, "bayes", NaiveBayesClassifier.train(train), asked, names)
    entropy = MaxentClassifier.train(train, algorithm="gis", trace=0, max_iter=4)
    keep(folder, "maxent", entropy, asked, names)
    tree = DecisionTreeClassifier.train(train, depth_cutoff=6, support_cutoff=8)
    keep(folder, "tree", tree, asked, used_by(tree))
    bernoulli = SklearnClassifier(BernoulliNB(), sparse=False).train(train)
    keep(folder, "bernoulli", bernoulli, asked, names)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
