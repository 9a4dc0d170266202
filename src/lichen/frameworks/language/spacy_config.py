"""What a spaCy pipeline says it is made of, read before anything of it is loaded.

A `config.cfg` names factories and registered functions, which spaCy looks up and calls. Only those
of spaCy and of its own layers are taken: no name of a package of somebody else's, nothing that
reads another file, and nothing that spaCy would unpickle.
"""

import configparser
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lichen.core.errors import InvalidInput

CONFIG_FILE, META_FILE = "config.cfg", "meta.json"
FACTORIES = frozenset(
    (
        *("attribute_ruler", "beam_ner", "beam_parser", "doc_cleaner", "entity_linker"),
        *("entity_ruler", "future_entity_ruler", "lemmatizer", "merge_entities"),
        *("merge_noun_chunks", "merge_subtokens", "morphologizer", "ner", "parser"),
        *("sentencizer", "senter", "span_cleaner", "span_finder", "span_ruler", "spancat"),
        *("spancat_singlelabel", "tagger", "textcat", "textcat_multilabel", "tok2vec"),
        *("token_splitter", "trainable_lemmatizer", "ja.morphologizer"),
    )
)
"""Of spaCy itself."""
_IN_ENGLISH_WORDS = {
    "transformer": "it needs PyTorch and a transformer, which spaCy reads by pickle",
    "curated_transformer": "it needs PyTorch and a transformer, which spaCy reads by pickle",
    "experimental_coref": "it is of spacy-experimental, and not of spaCy itself",
}
_BUILDS = frozenset(
    (
        *("@architectures", "@layers", "@tokenizers", "@scorers", "@misc", "@vectors"),
        *("@losses", "@initializers"),
    )
)
"""What a pipeline that is loaded may look up; callbacks and readers run or read what they like."""
_OWN_NAME = re.compile(r"(spacy|spacy-legacy)\.[\w.]+|(\w+)\.v\d+")
_OF_THINC = frozenset(
    (
        *("Adam", "RAdam", "SGD", "CategoricalCrossentropy", "SequenceCategoricalCrossentropy"),
        *("CosineDistance", "L2Distance", "CauchySimilarity", "ClippedLinear", "Dish", "Dropout"),
        *("Embed", "Gelu", "HardSigmoid", "HardSwish", "HardSwishMobilenet", "HardTanh"),
        *("HashEmbed", "LSTM", "LayerNorm", "Linear", "Logistic", "Maxout", "Mish"),
        *("MultiSoftmax", "ParametricAttention", "Relu", "ReluK", "Sigmoid", "Softmax"),
        *("SparseLinear", "Swish", "add", "bidirectional", "chain", "clone", "compounding"),
        *("concatenate", "constant", "constant_then", "cyclic_triangular", "decaying"),
        *("expand_window", "glorot_normal_init", "glorot_uniform_init", "he_normal_init"),
        *("he_uniform_init", "lecun_normal_init", "lecun_uniform_init", "normal_init"),
        *("list2array", "list2padded", "list2ragged", "noop", "padded2list", "premap_ids"),
        *("ragged2list", "reduce_first", "reduce_last", "reduce_max", "reduce_mean"),
        *("reduce_sum", "remap_ids", "residual", "resizable", "siamese", "sigmoid_activation"),
        *("slanted_triangular", "softmax_activation", "strings2arrays", "tuplify"),
        *("uniform_init", "uniqued", "warmup_linear", "with_array", "with_array2d", "with_cpu"),
        *("with_flatten", "with_getitem", "with_list", "with_padded", "with_ragged"),
        *("with_reshape", "zero_init"),
    )
)
"""Layers, losses, schedules of thinc, on which spaCy stands; none that wraps another framework."""
_NEVER = ("torch", "tensorflow", "mxnet", "kbfromfile", "lookupsdataloader", "copy_from_base")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_LONGEST_CONFIG = 1 << 20
_SEGMENTERS = ("char", "jieba")


@dataclass(frozen=True, slots=True)
class PipelineMakeup:
    """What a pipeline is made of.

    Attributes:
        language: such as `en`.
        components: the factory of each component that runs, by its name, in their order.
    """

    language: str
    components: Mapping[str, str]


def read_makeup(content: bytes) -> PipelineMakeup:
    """What a `config.cfg` says.

    Raises:
        InvalidInput: it cannot be read, or names what is not spaCy's own; the message says which.
    """
    config = _parsed(content)
    for section in config.sections():
        for key, value in config[section].items():
            for registry, name in _named(key, _value(value)):
                _check_name(section, registry, name)
    _check_segmenter(config)
    language = _value(config.get("nlp", "lang", fallback="null"))
    if not isinstance(language, str) or not _LANGUAGE.fullmatch(language):
        raise InvalidInput(
            f"{CONFIG_FILE} states the language {language!r}, which is none of spaCy"
        )
    return PipelineMakeup(language, _components(config))


def _parsed(content: bytes) -> configparser.ConfigParser:
    config = configparser.ConfigParser(interpolation=None, delimiters=("=",), strict=True)
    config.optionxform = str  # type: ignore[method-assign, assignment]  # names keep their case
    try:
        if len(content) > _LONGEST_CONFIG:
            raise InvalidInput(
                f"{CONFIG_FILE} is over {_LONGEST_CONFIG} bytes: it is none of spaCy"
            )
        config.read_string(content.decode())
    except (UnicodeDecodeError, configparser.Error) as error:
        said = " ".join(str(error).split())[:200]
        raise InvalidInput(f"{CONFIG_FILE} cannot be read: {said}") from error
    if not config.has_section("nlp"):
        raise InvalidInput(f"{CONFIG_FILE} has no [nlp]: it is none of spaCy")
    return config


def _value(written: str) -> object:
    """A value as spaCy reads it: JSON, or a plain text."""
    try:
        return json.loads(written)
    except ValueError:
        return written


def _named(key: str, value: object) -> Iterator[tuple[str, str]]:
    """Every function that a setting names, with its registry, however deep."""
    if key.startswith("@"):
        yield key, str(value)
    if isinstance(value, dict):
        for inner, one in value.items():
            yield from _named(str(inner), one)
    if isinstance(value, list):
        for one in value:
            yield from _named("", one)


def _check_name(section: str, registry: str, name: str) -> None:
    is_built = section.split(".")[0] in ("nlp", "components")
    is_barred = registry not in _BUILDS or any(one in name.lower() for one in _NEVER)
    if is_built and is_barred:
        raise InvalidInput(
            f"{CONFIG_FILE} names {name!r} of {registry} in [{section}], which would run or read "
            "something when the pipeline is loaded: remove it and save the pipeline again"
        )
    if not _is_own(name):
        raise InvalidInput(
            f"{CONFIG_FILE} names {name!r} of {registry} in [{section}], which is none of spaCy's "
            "own functions: code of others is never imported; replace it and save the pipeline "
            "again"
        )


def _is_own(name: str) -> bool:
    found = _OWN_NAME.fullmatch(name)
    return found is not None and (found[1] is not None or found[2] in _OF_THINC)


def _components(config: configparser.ConfigParser) -> dict[str, str]:
    """The components that run, each with its factory, which must be spaCy's own."""
    pipeline = _value(config.get("nlp", "pipeline", fallback="[]"))
    disabled = _value(config.get("nlp", "disabled", fallback="[]"))
    if not isinstance(pipeline, list) or not isinstance(disabled, list):
        raise InvalidInput(f"{CONFIG_FILE} does not list its pipeline: save it again")
    found = {}
    for name in pipeline:
        factory = _value(config.get(f"components.{name}", "factory", fallback="null"))
        if factory not in FACTORIES:
            shown = factory if isinstance(factory, str) else "source, which is another pipeline"
            why = _IN_ENGLISH_WORDS.get(str(factory), "code of others is never imported")
            raise InvalidInput(
                f"the component {name!r} is made by {shown!r}, which is none of spaCy's own "
                f"factories ({why}): leave it out (nlp.remove_pipe) and save the pipeline again"
            )
        if name not in disabled:
            found[str(name)] = str(factory)
    return found


def _check_segmenter(config: configparser.ConfigParser) -> None:
    """Of Chinese: words by jieba or single signs; pkuseg brings models of its own."""
    segmenter = _value(config.get("nlp.tokenizer", "segmenter", fallback='"char"'))
    if segmenter not in _SEGMENTERS:
        raise InvalidInput(
            f"{CONFIG_FILE} parts Chinese text by {segmenter!r}, which needs a package and a model "
            'of its own: take segmenter = "jieba" or "char", and train the pipeline on that'
        )
