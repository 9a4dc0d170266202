import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from lichen.core.errors import InvalidInput
from lichen.frameworks.estimation import no_pause
from lichen.pipeline.declaration import Words
from lichen.pipeline.terms import plain_text
from lichen.pipeline.words import WordsEncoding
from lichen.training.vocabulary import Counts, count_terms

TEXTS = ["Air, air and water", "the water smells", "", "smell of the AIR", "nothing"]


def words(**said: Any) -> Words:  # noqa: ANN401
    return Words(column="text", terms=[], weights=[], **said)


def counted(texts: list[str], said: Words) -> Counts:
    return count_terms(texts, said, no_pause)


@pytest.mark.parametrize(
    ("analyzer", "said"),
    [("word", words(ngrams=(1, 3))), ("char_wb", words(analyzer="char", ngrams=(2, 5)))],
)
def test_a_vocabulary_and_its_features_are_those_scikit_learn_fits_on_real_texts(
    shared_data: Path, analyzer: str, said: Words
) -> None:
    lines = (shared_data / "environmental_claims_train.jsonl").read_text().splitlines()
    texts = [json.loads(line)["text"] for line in lines[:300]]
    fitted = TfidfVectorizer(
        analyzer=analyzer,
        preprocessor=plain_text,
        token_pattern=r"[^\W_]+" if analyzer == "word" else None,
        ngram_range=said.ngrams,
        sublinear_tf=True,
        min_df=2,
    ).fit(texts[:200])
    counts = counted(texts, said)
    mine = counts.vocabulary(np.arange(200), 2)
    assert mine.said.terms == fitted.get_feature_names_out().tolist()
    np.testing.assert_allclose(mine.said.weights, fitted.idf_, rtol=0, atol=1e-12)
    expected = fitted.transform(texts)
    assert abs(counts.weighed(mine) - expected).max() < 1e-12


def test_what_is_counted_is_what_the_served_encoder_counts() -> None:
    counts = counted(TEXTS, words(analyzer="char", ngrams=(1, 4)))
    vocabulary = counts.vocabulary(np.array([0, 1, 3]))
    served = WordsEncoding(vocabulary.said, 0)
    features = np.zeros((len(TEXTS), served.width), dtype=np.float32)
    served.fill([text.encode() for text in TEXTS], features)
    np.testing.assert_allclose(counts.weighed(vocabulary).toarray(), features, rtol=0, atol=1e-6)


def test_terms_of_rows_that_may_not_be_looked_at_are_not_known() -> None:
    vocabulary = counted(TEXTS, words()).vocabulary(np.array([0, 1]))
    assert vocabulary.said.terms == ["air", "and", "smells", "the", "water"]


def test_a_vocabulary_that_would_be_empty_is_refused() -> None:
    counts = counted(["?!", "...", "a b"], words())
    with pytest.raises(InvalidInput, match="column 'text' has no words that stand in 1 of 2 texts"):
        counts.vocabulary(np.array([0, 1]))
