"""Is an exported program of PyTorch safe to load? Its archive is looked through before that.

`torch.export.load` is no safe reader by itself (PyTorch 2.13, `export/pt2_archive`): weights and
constants may be marked as pickled, texts of shapes go through SymPy's `sympify`, which evaluates
them, operators are found by following names from `torch`, and specifications of structures import
modules. So what may stand in an archive is listed here, and everything else is refused.
"""

import json
import re
import zipfile
from collections.abc import Iterator
from typing import Any

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.pytorch.archives import check_pickle
from lichen.frameworks.importing.source import (
    ZIP_MAGIC,
    Source,
    opened_inner_zip,
    opened_zip,
    zip_member,
)

_IT = "it"
_LARGEST_JSON = 256 * 2**20
_LARGEST_SAMPLES = 2**30
SAMPLES = "data/sample_inputs/model.pt"
_PROGRAM = "models/model.json"
_CONFIGS = ("data/weights/model_weights_config.json", "data/constants/model_constants_config.json")
_MEMBERS = re.compile(
    r"archive_format|archive_version|byteorder|version|\.data/\w+|\.format_version"
    r"|\.storage_alignment|extra/.*|models/model\.json|data/sample_inputs/model\.pt"
    r"|data/(weights/(weight_\d+|model_weights_config\.json)"
    r"|constants/(tensor_\d+|model_constants_config\.json))"
)
_SHAPE_FUNCTIONS = frozenset(
    (  # noqa: SIM905 - a list of one a line hides them
        "FloorDiv ModularIndexing Where PythonMod Mod CleanDiv CeilToInt FloorToInt CeilDiv LShift "
        "RShift PowByNatural FloatPow FloatTrueDiv IntTrueDiv TruncToFloat TruncToInt RoundToInt "
        "RoundDecimal ToFloat Max Min Abs Eq Ne Lt Le Gt Ge And Or Not true false True False oo "
        "int_oo zoo floor ceiling Identity Add Mul Pow Integer Rational Infinity NegativeInfinity "
        "StrictLessThan StrictGreaterThan LessThan GreaterThan Equality Unequality BooleanTrue "
        "BooleanFalse"
    ).split()
)
_SYMBOL = re.compile(r"z?u?[suf]\d+|e\d*")
_QUOTED = re.compile(
    r"Symbol\('z?u?[suf]+\d+'(, [a-z]+=(True|False))*\)|Float\('[\d.e+-]+', precision=\d+\)"
)
"""How SymPy writes a symbol and a number out in full, the only places with texts in them."""
_SHAPE_CHARACTERS = re.compile(r"[\w\s+\-*/%(),<>=&|~.]*")
_NAME = re.compile(r"[A-Za-z_]\w*")
_ATTRIBUTE = re.compile(r"\.\s*[A-Za-z_]")
_OPERATORS = re.compile(
    r"torch\.ops\.(aten|prims|prim|higher_order|_c10d_functional|quantized_decomposed)\.\w+(\.\w+)?"
    r"|torch\.(_)?sym_(max|min|int|float|not|sum|ite|sqrt)|torch\._check\w*"
    r"|_operator\.(add|sub|mul|floordiv|truediv|mod|pow|neg|pos|getitem|eq|ne|lt|le|gt|ge"
    r"|and_|or_|xor|not_|abs|lshift|rshift)"
    r"|math\.(ceil|floor|trunc|sqrt)"
)
_TOUCHES_FILES = re.compile(r"torch\.ops\.aten\.(from_file|save|_print)\b")
_STRUCTURES = frozenset(
    ("builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict")
)


def check_program(source: Source) -> None:
    """Does loading a program run nothing but PyTorch's own operators?

    Raises:
        InvalidInput: it might run something else, or is damaged; the message says what was found.
    """
    name = source.only or source.name
    with opened_zip(source.path(name)) as archive:
        root = _root(archive, _IT)
        within = [one.removeprefix(root) for one in archive.namelist()]
        for one in within:
            if not _MEMBERS.fullmatch(one):
                raise InvalidInput(
                    f"it holds {one}, which an exported program of plain tensors does "
                    "not: compiled code and objects of one's own are not taken; export the model "
                    "by torch.export.save alone"
                )
        for config in _CONFIGS:
            _check_config(_IT, _json(archive, root + config))
        if SAMPLES in within:
            _check_samples(_IT, zip_member(archive, root + SAMPLES, _LARGEST_SAMPLES))
        _check_graph(_IT, _json(archive, root + _PROGRAM))


def _root(archive: zipfile.ZipFile, shown: str) -> str:
    roots = {name.partition("/")[0] for name in archive.namelist()}
    if len(roots) != 1:
        raise InvalidInput(f"{shown} holds more than one model: export one by torch.export.save")
    return f"{roots.pop()}/"


def _json(archive: zipfile.ZipFile, member: str) -> Any:  # noqa: ANN401 - as JSON has it
    try:
        return json.loads(zip_member(archive, member, _LARGEST_JSON))
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{member} of the program is no JSON: export the model again") from error


def _check_config(shown: str, config: object) -> None:
    """Are all weights plain numbers?"""
    payloads = config.get("config") if isinstance(config, dict) else None
    for weight, said in (payloads if isinstance(payloads, dict) else {}).items():
        if not isinstance(said, dict) or said.get("use_pickle") or not said.get("tensor_meta"):
            raise InvalidInput(
                f"{shown} keeps {weight!r} as a pickle, which runs code when it is read: export "
                "the model with plain tensors on the CPU"
            )


def _check_samples(shown: str, content: bytes) -> None:
    """The example inputs are a file of `torch.save`: do they hold tensors alone?"""
    if not content.startswith(ZIP_MAGIC):
        raise InvalidInput(
            f"{shown} hides a pickle where its example inputs should be: export the model again"
        )
    with opened_inner_zip(content, SAMPLES) as archive:
        inner = [name for name in archive.namelist() if name.endswith(".pkl")]
        for member in inner:
            check_pickle(shown, member, zip_member(archive, member, _LARGEST_SAMPLES))
    if len(inner) != 1:
        raise InvalidInput(f"{shown} has damaged example inputs: export the model again")


def _check_graph(shown: str, program: object) -> None:
    for key, value in _entries(program):
        if key in ("target", "as_operator") and isinstance(value, str):
            _check_operator(shown, value)
        elif key in ("expr_str", "as_expr") and isinstance(value, str):
            _check_shape(shown, value)
        elif key in ("in_spec", "out_spec") and isinstance(value, str):
            _check_structure(shown, value)
        elif key == "range_constraints" and isinstance(value, dict):
            for symbol in value:
                _check_shape(shown, symbol)
        elif key in ("as_custom_obj", "custom_obj") and value:
            raise InvalidInput(
                f"{shown} holds an object of a class of its own: export it with tensors alone"
            )


def _entries(said: object) -> Iterator[tuple[str, Any]]:
    """Every key of every record in it, and what stands there."""
    waiting: list[object] = [said]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield from one.items()
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _check_operator(shown: str, target: str) -> None:
    if not _OPERATORS.fullmatch(target) or _TOUCHES_FILES.match(target):
        raise InvalidInput(
            f"{shown} uses {target!r}, which is no operator of PyTorch itself on tensors: export "
            "the model without custom operators"
        )


def _check_shape(shown: str, text: str) -> None:
    """Is it arithmetic of symbols? It is evaluated when it is loaded."""
    rest = _QUOTED.sub("0", text)
    names = _NAME.findall(rest)
    is_plain = _SHAPE_CHARACTERS.fullmatch(rest) and not _ATTRIBUTE.search(rest)
    if not is_plain or not all(one in _SHAPE_FUNCTIONS or _SYMBOL.fullmatch(one) for one in names):
        raise InvalidInput(
            f"{shown} states a shape as {text[:60]!r}, which is no arithmetic of sizes: it is "
            "refused; export the model again with PyTorch itself"
        )


def _check_structure(shown: str, text: str) -> None:
    """Are inputs and outputs tuples, lists and dicts? Others import modules of their own."""
    for key, value in _entries(_within(shown, text)):
        if key == "type" and value is not None and value not in _STRUCTURES:
            raise InvalidInput(
                f"{shown} takes or gives a {value!r}: let the model's forward take and return "
                "tensors, tuples and dicts, and export it again"
            )
        if key == "context" and isinstance(value, str):
            keys = _within(shown, value)
            is_plain = keys is None or isinstance(keys, list)
            if not is_plain or not all(isinstance(one, str | int) for one in keys or ()):
                raise InvalidInput(f"{shown} names classes of its own: export it with plain keys")


def _within(shown: str, text: str) -> Any:  # noqa: ANN401 - as JSON has it
    """The JSON within a text of JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{shown} is damaged: export the model again") from error
