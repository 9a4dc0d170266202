"""The forms in which models come, each with who recognises it and who converts it.

A format is recognised by what its files hold, never by a name alone. To add one: a module with a
function that recognises it and one that converts it, and a line in `FORMATS`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.boosted.recognition import is_lightgbm, is_xgboost
from lichen.frameworks.importing.caffe import is_caffe
from lichen.frameworks.importing.huggingface.folder import is_folder
from lichen.frameworks.importing.language.gensim_pickles import is_gensim
from lichen.frameworks.importing.language.nltk_files import is_document, is_nltk
from lichen.frameworks.importing.language.spacy_folder import is_spacy
from lichen.frameworks.importing.language.subword_files import is_fasttext
from lichen.frameworks.importing.language.vector_file import is_vectors
from lichen.frameworks.importing.litert.recognition import is_tflite
from lichen.frameworks.importing.openvino import is_ir
from lichen.frameworks.importing.pytorch.architecture_file import is_architecture
from lichen.frameworks.importing.pytorch.archives import is_pickled, is_program, is_script
from lichen.frameworks.importing.scikit.recognition import is_estimator_pickle, is_skops
from lichen.frameworks.importing.source import Source
from lichen.frameworks.importing.tensorflow.configurations import check_hdf5_model, check_keras
from lichen.frameworks.importing.tensorflow.recognition import (
    is_keras_archive,
    is_keras_hdf5,
    is_saved_model,
)

Recognises = Callable[[Source], bool]


def nothing(source: Source) -> None:
    """Finds nothing wrong: the converter of the format looks through all of it."""


@dataclass(frozen=True, slots=True)
class Format:
    """One form.

    Attributes:
        name: what `--format` says.
        title: what people call it.
        recognises: is this one? By content alone: no framework is loaded, nothing is unpickled.
            `InvalidInput` says that it is one, and what is wrong with it.
        converter: `module:function`, called with `(Source, Wishes)` in a process of its own and
            answering a `Conversion`.
        needs: modules that the converter imports, and that this interpreter may lack.
        extra: of ours, that installs them: `torch` of `lichen[torch]`.
        environment: name of the file in `environments/` that lists them, pinned; None: they can
            only be installed beside the platform.
        memory_bytes: address space of the converter.
        seconds: the longest that it may take.
        is_pickle: whether reading it runs code, so that only an administrator may let it.
        checks_pickles: whether pickles belong to this form, and its converter itself looks at what
            they hold before it reads them; of any other form a pickle is refused.
        check: looks, without the framework, for what its converter would refuse, before an
            environment of gigabytes is built for it; raises `InvalidInput`.
    """

    name: str
    title: str
    recognises: Recognises
    converter: str
    needs: tuple[str, ...] = ()
    extra: str = "all"
    environment: str | None = None
    memory_bytes: int = 16 * 2**30
    seconds: float = 900.0
    is_pickle: bool = False
    checks_pickles: bool = False
    check: Callable[[Source], None] = nothing


_PYTORCH = "lichen.frameworks.importing.pytorch."
_TORCH_ENVIRONMENT = "torch"

PYTORCH: tuple[Format, ...] = (
    Format(
        name="torch-export",
        title="an exported program of PyTorch",
        recognises=is_program,
        converter=f"{_PYTORCH}exported:convert",
        needs=("torch", "onnxscript"),
        extra="torch",
        environment=_TORCH_ENVIRONMENT,
        checks_pickles=True,
    ),
    Format(
        name="torchscript",
        title="TorchScript",
        recognises=is_script,
        converter=f"{_PYTORCH}torchscript:convert",
        needs=("torch", "onnx"),
        extra="torch",
        environment=_TORCH_ENVIRONMENT,
        checks_pickles=True,
    ),
    Format(
        name="torch-pickle",
        title="a pickle of PyTorch",
        recognises=is_pickled,
        converter=f"{_PYTORCH}pickled:convert",
        needs=("torch", "onnxscript"),
        extra="torch",
        environment=_TORCH_ENVIRONMENT,
        is_pickle=True,
    ),
    Format(
        name="torch-weights",
        title="weights of PyTorch beside an architecture",
        recognises=is_architecture,
        converter=f"{_PYTORCH}architectures:convert",
        needs=("torch", "onnxscript", "safetensors"),
        extra="torch",
        environment=_TORCH_ENVIRONMENT,
    ),
    Format(
        name="huggingface",
        title="a folder of Hugging Face",
        recognises=is_folder,
        converter="lichen.frameworks.importing.huggingface.converter:convert",
        needs=("torch", "onnxscript", "transformers", "sentence_transformers", "tokenizers"),
        extra="huggingface",
        environment=_TORCH_ENVIRONMENT,
        checks_pickles=True,
    ),
)

_TENSORFLOW = "lichen.frameworks.importing.tensorflow."
_NEEDS_TENSORFLOW = ("tensorflow", "tf2onnx", "h5py")

KERAS: tuple[Format, ...] = (
    Format(
        name="keras",
        title="a Keras model",
        recognises=is_keras_archive,
        converter=_TENSORFLOW + "keras_models:convert_keras",
        needs=_NEEDS_TENSORFLOW,
        extra="keras",
        environment="keras",
        check=check_keras,
    ),
    Format(
        name="keras-h5",
        title="a Keras model in HDF5",
        recognises=is_keras_hdf5,
        converter=_TENSORFLOW + "keras_models:convert_hdf5",
        needs=_NEEDS_TENSORFLOW,
        extra="keras",
        environment="keras",
        check=check_hdf5_model,
    ),
    Format(
        name="savedmodel",
        title="a TensorFlow SavedModel",
        recognises=is_saved_model,
        converter=_TENSORFLOW + "saved_models:convert_saved_model",
        needs=_NEEDS_TENSORFLOW,
        extra="keras",
        environment="keras",
    ),
)

CAFFE = Format(
    name="caffe",
    title="a Caffe network",
    recognises=is_caffe,
    converter="lichen.frameworks.importing.caffe:convert_caffe",
    needs=("cv2", "onnx"),
    extra="caffe",
    environment="caffe",
)

_LANGUAGE = "lichen.frameworks.importing.language."

LANGUAGE: tuple[Format, ...] = (
    Format(
        name="spacy",
        title="a pipeline of spaCy",
        recognises=is_spacy,
        converter=f"{_LANGUAGE}spacy_conversion:convert",
        needs=("spacy",),
        extra="spacy",
        environment="spacy",
    ),
    Format(
        name="word2vec",
        title="word vectors of word2vec or GloVe",
        recognises=is_vectors,
        converter=f"{_LANGUAGE}vector_conversion:convert",
        needs=("gensim", "onnx"),
        extra="gensim",
        environment="gensim",
    ),
    Format(
        name="fasttext",
        title="a model of fastText",
        recognises=is_fasttext,
        converter=f"{_LANGUAGE}subword_conversion:convert",
        needs=("gensim",),
        extra="gensim",
        environment="gensim",
    ),
    Format(
        name="gensim",
        title="a model that gensim pickled",
        recognises=is_gensim,
        converter=f"{_LANGUAGE}gensim_conversion:convert",
        needs=("gensim", "onnx"),
        extra="gensim",
        environment="gensim",
        is_pickle=True,
    ),
    Format(
        name="nltk-json",
        title="a classifier of NLTK as JSON",
        recognises=is_document,
        converter=f"{_LANGUAGE}nltk_conversion:convert_document",
        needs=("onnx",),
    ),
    Format(
        name="nltk",
        title="a classifier that NLTK pickled",
        recognises=is_nltk,
        converter=f"{_LANGUAGE}nltk_conversion:convert_pickle",
        needs=("nltk", "onnx"),
        extra="nltk",
        environment="nltk",
        is_pickle=True,
    ),
)

OPENVINO = Format(
    name="openvino",
    title="an OpenVINO model",
    recognises=is_ir,
    converter="lichen.frameworks.importing.openvino:convert_ir",
    needs=("openvino",),  # which serves it as well: an environment of its own would not do
    extra="openvino",
)

TFLITE = Format(
    name="tflite",
    title="a TFLite model",
    recognises=is_tflite,
    converter="lichen.frameworks.importing.litert.convert:convert_tflite",
    needs=("ai_edge_litert", "onnx"),
    extra="tflite",
    environment="tflite",
)

_SCIKIT = "lichen.frameworks.importing.scikit.skops_file:"
SCIKIT: tuple[Format, ...] = (
    Format(
        name="skops",
        title="a scikit-learn model that skops saved",
        recognises=is_skops,
        converter=f"{_SCIKIT}convert",
        needs=("skops", "sklearn", "pandas", "onnx"),
        extra="scikit-learn",
        environment="scikit-learn",
    ),
    Format(
        name="scikit-learn-pickle",
        title="a pickle of scikit-learn",
        recognises=is_estimator_pickle,
        converter=f"{_SCIKIT}convert_pickle",
        needs=("sklearn", "pandas", "onnx"),
        extra="scikit-learn",
        environment="scikit-learn",
        is_pickle=True,
    ),
)

_BOOSTED = "lichen.frameworks.importing.boosted.conversion:"
BOOSTERS: tuple[Format, ...] = (
    Format(
        name="lightgbm",
        title="a text of LightGBM",
        recognises=is_lightgbm,
        converter=f"{_BOOSTED}convert_lightgbm",
        needs=("lightgbm", "onnx"),
    ),
    Format(
        name="xgboost",
        title="a model of XGBoost",
        recognises=is_xgboost,
        converter=f"{_BOOSTED}convert_xgboost",
        needs=("xgboost", "onnx"),
        extra="xgboost",
        environment="xgboost",
    ),
)

FORMATS: tuple[Format, ...] = (
    *LANGUAGE,
    *SCIKIT,
    *BOOSTERS,
    *PYTORCH,
    *KERAS,
    TFLITE,
    CAFFE,
    OPENVINO,
)
"""In the order in which they are asked: NLTK's classifiers may hold estimators of scikit-learn."""


def format_of(source: Source, asked: str | None = None) -> Format | None:
    """The format of a source, or None where no format recognises it.

    Args:
        source: what was given.
        asked: what whoever imports says that it is.

    Raises:
        InvalidInput: it is not what was asked for, there is no such format, or it is damaged.
    """
    if asked is not None:
        return _asked_for(source, asked)
    return next((one for one in FORMATS if one.recognises(source)), None)


def _asked_for(source: Source, asked: str) -> Format:
    wanted = next((one for one in FORMATS if one.name == asked), None)
    if wanted is None:
        known = ", ".join(one.name for one in FORMATS)
        raise InvalidInput(f"there is no format {asked!r}: take one of {known}")
    if wanted.recognises(source):
        return wanted
    other = next((one for one in FORMATS if one.recognises(source)), None)
    found = f"it is {other.title}" if other else "its content says otherwise"
    raise InvalidInput(f"{source.name} is not {wanted.title}: {found}; leave out --format")
