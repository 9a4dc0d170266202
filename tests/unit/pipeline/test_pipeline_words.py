import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from lichen.pipeline.declaration import Words
from lichen.pipeline.terms import LONGEST_TEXT, plain_text, terms_of
from lichen.pipeline.words import WordsEncoding

CHINESE = [
    "自来水有股怪味，已经三天了。",
    "工厂夜里排放黑烟，气味刺鼻！",
    "PM2.5 超标，空气很差",
    "水",
]


def declared(fitted: TfidfVectorizer, said: Words) -> Words:
    return Words(
        column=said.column,
        analyzer=said.analyzer,
        language=said.language,
        ngrams=said.ngrams,
        terms=fitted.get_feature_names_out().tolist(),
        weights=fitted.idf_.tolist(),
        is_sublinear=said.is_sublinear,
    )


def claims(shared_data: Path) -> list[str]:
    lines = (shared_data / "environmental_claims_train.jsonl").read_text().splitlines()
    return [json.loads(line)["text"] for line in lines[:400]]


def encoded(
    said: Words, texts: Sequence[str], projection: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    encoding = WordsEncoding(said, 0, projection)
    features = np.zeros((len(texts), encoding.width), dtype=np.float32)
    encoding.fill([text.encode() for text in texts], features)
    return features


def asked(**said: Any) -> Words:  # noqa: ANN401
    return Words(column="text", terms=[], weights=[], **said)


@pytest.mark.parametrize(
    ("analyzer", "said"),
    [
        ("word", asked(ngrams=(1, 2))),
        ("word", asked(ngrams=(2, 3), is_sublinear=False)),
        ("char_wb", asked(analyzer="char", ngrams=(2, 5))),
    ],
)
def test_features_are_those_of_scikit_learn_on_real_texts(
    shared_data: Path, analyzer: str, said: Words
) -> None:
    texts = claims(shared_data)
    fitted = TfidfVectorizer(
        analyzer=analyzer,
        preprocessor=plain_text,
        token_pattern=r"[^\W_]+" if analyzer == "word" else None,
        ngram_range=said.ngrams,
        sublinear_tf=said.is_sublinear,
        max_features=3000,
    ).fit(texts[:300])
    mine = encoded(declared(fitted, said), texts)
    np.testing.assert_allclose(mine, fitted.transform(texts).toarray(), rtol=0, atol=1e-6)


def test_chinese_is_parted_into_words_and_counted_as_scikit_learn_would() -> None:
    said = asked(language="zh", ngrams=(1, 2))
    assert "自来水" in terms_of(said)(CHINESE[0])
    words = terms_of(asked(language="zh"))
    fitted = TfidfVectorizer(tokenizer=words, token_pattern=None, ngram_range=(1, 2))
    fitted.set_params(sublinear_tf=True).fit(CHINESE)
    mine = encoded(declared(fitted, said), CHINESE)
    np.testing.assert_allclose(mine, fitted.transform(CHINESE).toarray(), rtol=0, atol=1e-6)


def test_a_projection_gives_what_the_whole_row_times_it_gives() -> None:
    said = Words(
        column="text",
        terms=["air", "water", "smell"],
        weights=[1.0, 2.0, 3.0],
        projection="lsa",
        is_directed=False,
    )
    matrix = np.arange(6, dtype=np.float32).reshape(3, 2)
    texts = ["Water, water!", "a smell in the air", "", "nothing of it"]
    whole = encoded(replace(said, projection=None), texts)
    np.testing.assert_allclose(encoded(said, texts, matrix), whole @ matrix, rtol=1e-6)


def test_a_direction_has_length_1_and_an_unknown_text_has_none() -> None:
    said = Words(column="text", terms=["air", "water"], weights=[1.0, 2.0], projection="lsa")
    matrix = np.array([[1.0, 2.0], [3.0, -1.0]], dtype=np.float32)
    made = encoded(said, ["air and water", "neither"], matrix)
    np.testing.assert_allclose(np.linalg.norm(made, axis=1), [1.0, 0.0], atol=1e-6)


def test_of_a_very_long_text_only_the_beginning_counts() -> None:
    said = Words(
        column="text", analyzer="char", ngrams=(1, 1), terms=["a", "b"], weights=[1.0, 1.0]
    )
    text = "a " * (LONGEST_TEXT // 2) + "b " * 500_000
    assert encoded(said, [text]).tolist() == [[1.0, 0.0]]
