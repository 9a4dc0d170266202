"""What a spaCy pipeline names is read before anything is loaded, and only spaCy's own is taken."""

import pytest

from lichen.core.errors import InvalidInput
from lichen.frameworks.language.spacy_config import read_makeup

SOUND = """
[paths]
train = null

[nlp]
lang = "en"
pipeline = ["tok2vec","ner","senter"]
disabled = ["senter"]
before_creation = null
tokenizer = {"@tokenizers":"spacy.Tokenizer.v1"}

[components]

[components.tok2vec]
factory = "tok2vec"

[components.tok2vec.model]
@architectures = "spacy.Tok2Vec.v2"
width = ${paths.train}

[components.ner]
factory = "ner"
scorer = {"@scorers":"spacy.ner_scorer.v1"}

[components.senter]
factory = "senter"

[initialize.lookups]
@misc = "spacy.LookupsDataLoader.v1"
"""


def test_a_sound_pipeline_tells_its_language_and_the_components_that_run() -> None:
    makeup = read_makeup(SOUND.encode())
    assert makeup.language == "en"
    assert dict(makeup.components) == {"tok2vec": "tok2vec", "ner": "ner"}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('factory = "ner"', 'factory = "my_secret_component"', "'my_secret_component'"),
        ('factory = "ner"', 'factory = "transformer"', "needs PyTorch"),
        ('factory = "ner"', 'source = "/etc/another"', "another pipeline"),
        ("spacy.Tok2Vec.v2", "evil.Runs.v1", "'evil.Runs.v1'"),
        ("spacy.Tok2Vec.v2", "Runs.v1", "'Runs.v1'"),
        ("spacy.Tok2Vec.v2", "PyTorchWrapper.v1", "'PyTorchWrapper.v1'"),
        ("spacy.Tok2Vec.v2", "spacy.TorchBiLSTMEncoder.v1", "'spacy.TorchBiLSTMEncoder.v1'"),
        (
            "before_creation = null",
            'before_creation = {"@callbacks":"spacy.copy_from_base_model.v1"}',
            "'spacy.copy_from_base_model.v1' of @callbacks",
        ),
        (
            '{"@scorers":"spacy.ner',
            '{"inner":[{"@misc":"evil.Deep.v1"}],"@scorers":"spacy.ner',
            "evil",
        ),
        ("spacy.LookupsDataLoader.v1", "evil.Loader.v1", "'evil.Loader.v1'"),
        ('lang = "en"', 'lang = "../../evil"', "none of spaCy"),
        ('lang = "en"', 'lang = "en"\nlang = "de"', "cannot be read"),
        ("[nlp]", "[other]", "has no [nlp]"),
        (
            'tokenizer = {"@tokenizers":"spacy.Tokenizer.v1"}',
            '[nlp.tokenizer]\n@tokenizers = "spacy.zh.ChineseTokenizer"\nsegmenter = "pkuseg"',
            "'pkuseg'",
        ),
    ],
)
def test_what_is_not_spacys_own_is_refused_by_its_name(old: str, new: str, says: str) -> None:
    assert old in SOUND
    with pytest.raises(InvalidInput) as refused:
        read_makeup(SOUND.replace(old, new).encode())
    assert says in str(refused.value)
