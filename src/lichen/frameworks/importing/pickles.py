"""What a pickle is and would do, told by its opcodes; it is never read.

A pickle is a program: reading one runs it (https://docs.python.org/3/library/pickle.html). Here
its opcodes are listed, and the names it would import, as far as they stand in it as constants.
"""

import pickletools
import re
import struct
import sys
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from warnings import catch_warnings, simplefilter

_MOST_OPCODES = 2_000_000
_PROTOCOL = b"\x80"
_OLD_FORMS = tuple(
    one.code.encode("latin-1") for one in pickletools.opcodes if not one.stack_before
)
"""What one of a protocol before 2 may begin with: it has no header, and may need no list."""
_NUMPY_MAGIC = b"\x93NUMPY"
_OF_OBJECTS = re.compile(rb"['\"][<>|=]?O\d*['\"]|object")
"""What a header of NumPy says of values that are pickled, alone or as fields."""
_NO_TEXT = "?"
_UNREAD = "?.beyond_what_is_looked_at"
_UNTOLD = "?.computed_as_it_is_read"
"""Whoever lets only some names through lets none through that nobody looked at or can tell."""
_FRAMEWORKS = (
    *("gensim", "joblib", "keras", "lightgbm", "mlflow", "nltk", "numpy", "onnx", "onnxruntime"),
    *("pandas", "pkg_resources", "scipy", "setuptools", "sklearn", "skops", "spacy", "sympy"),
    *("tensorflow", "torch", "torchvision", "transformers", "xgboost", "lichen"),
)
_WITH_PYTHON = frozenset(
    (*sys.stdlib_module_names, "__builtin__", "copy_reg", *_FRAMEWORKS, _NO_TEXT)
)
"""Packages that there are where models are read; and those whose names cannot be told."""
_STRINGS = frozenset(
    (
        "SHORT_BINUNICODE",
        "BINUNICODE",
        "BINUNICODE8",
        "UNICODE",
        "SHORT_BINSTRING",
        "BINSTRING",
        "STRING",
    )
)
_PASSIVE = frozenset(("MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "FRAME"))
_RUNS = frozenset(("REDUCE", "BUILD", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX"))


@dataclass(frozen=True, slots=True)
class Pickle:
    """One pickle that was found.

    Attributes:
        where: the file, and within an archive its member.
        names: what it would import, `module.name`, sorted; as far as can be told.
        runs: whether it would call anything at all.
        is_whole: whether it was followed to its end; one that breaks off is no pickle of a model.
    """

    where: str
    names: tuple[str, ...]
    runs: bool
    is_whole: bool = True

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages of its names."""
        return tuple(dict.fromkeys(name.partition(".")[0] for name in self.names))


def may_be_pickle(head: bytes) -> bool:
    """Whether what begins so may be one, or an array that holds one."""
    return head.startswith((_PROTOCOL, _NUMPY_MAGIC, *_OLD_FORMS))


def pickle_in(content: bytes, where: str) -> Pickle | None:
    """The pickle that some bytes are; None where they are none.

    An array of objects as NumPy saves it holds a pickle after its header. One that is cut short, as
    the beginning of a compressed one is, or that breaks off on purpose, counts once it imported
    something: reading it runs all that stands before the break.
    """
    if content.startswith(_NUMPY_MAGIC):
        begins = _after_header(content)
        return pickle_in(content[begins:], where) if _OF_OBJECTS.search(content[:begins]) else None
    reading = _Reading()
    is_whole = is_endless = False
    try:
        with catch_warnings():
            simplefilter("ignore")  # of a backslash in a text, such as the time in a zip's header
            for count, (opcode, argument, _) in enumerate(pickletools.genops(content)):
                reading.take(opcode.name, argument)
                is_whole = opcode.name == "STOP"
                if count > _MOST_OPCODES:
                    is_endless = True
                    reading.names.add(_UNREAD)
                    break
    except (ValueError, IndexError, OverflowError):
        is_whole = False
    has_header = content.startswith(_PROTOCOL)
    is_one = is_endless if is_endless else is_whole and (has_header or bool(reading.names))
    if not is_one and not (reading.names and (has_header or reading.calls_python)):
        return None
    return Pickle(where, tuple(sorted(reading.names)), reading.runs, is_whole)


def _after_header(content: bytes) -> int:
    """Where the values of NumPy's file begin (numpy.lib.format: the length after the version)."""
    is_first = content[6:7] == b"\x01"
    form, at = ("<H", 10) if is_first else ("<I", 12)
    length = content[8:at]
    if len(length) < at - 8:
        return len(content)
    return at + int(struct.unpack(form, length)[0])


@dataclass(slots=True)
class _Reading:
    """What has been seen of a pickle: the names it imports, and the texts that these are made of.

    Only texts that surely lie on top of its stack are kept: what the last two opcodes put there,
    those it remembers too. After any other opcode nobody can tell without following the stack.
    """

    names: set[str] = field(default_factory=set)
    runs: bool = False
    top: tuple[str | None, str | None] = (None, None)
    memory: dict[int, str | None] = field(default_factory=dict)

    @property
    def calls_python(self) -> bool:
        """Whether it calls something of a module that is at hand, or of one that nobody can tell.

        Of a text that only looks like a pickle none is ever one: its lines are names of no module.
        """
        return self.runs and any(one.partition(".")[0] in _WITH_PYTHON for one in self.names)

    def take(self, opcode: str, argument: object) -> None:
        """One more opcode."""
        self.runs = self.runs or opcode in _RUNS
        if opcode in ("GLOBAL", "INST"):
            self.names.add(str(argument).replace(" ", "."))
        elif opcode == "STACK_GLOBAL":
            module, name = self.top
            self.names.add(_UNTOLD if module is None or name is None else f"{module}.{name}")
        elif opcode == "MEMOIZE":
            self.memory[len(self.memory)] = self.top[1]
        elif opcode in ("PUT", "BINPUT", "LONG_BINPUT"):
            self.memory[_number(argument)] = self.top[1]
        if opcode not in _PASSIVE:
            self.top = (self.top[1], self._text(opcode, argument))

    def _text(self, opcode: str, argument: object) -> str | None:
        if opcode in _STRINGS:
            return str(argument)
        if opcode in ("GET", "BINGET", "LONG_BINGET"):
            return self.memory.get(_number(argument))
        return None


def _number(argument: object) -> int:
    return int(argument) if isinstance(argument, int | str) else -1


_SAVE_INSTEAD = {
    "sklearn": 'skops.io.dump(model, "model.skops")',
    "xgboost": 'model.save_model("model.ubj")',
    "lightgbm": 'model.booster_.save_model("model.txt")',
    "torch": 'torch.export.save(torch.export.export(model, (example,)), "model.pt2"), or its '
    "weights by safetensors.torch.save_file beside an architecture.json,",
    "keras": 'model.save("model.keras")',
    "tensorflow": 'model.save("model.keras")',
    "spacy": 'nlp.to_disk("model")',
    "nltk": "lichen.frameworks.importing.language.nltk_document.as_json (docs: three lines)",
    "gensim": 'model.wv.save_word2vec_format("vectors.bin", binary=True) where it has word vectors',
}
"""By package: how the same model is saved without a pickle."""


_BY_ENDING = {".pt": "torch", ".pth": "torch", ".ckpt": "torch", ".joblib": "sklearn"}
"""What usually writes files that are called so."""


def refusal(found: Pickle, *, may_be_allowed: bool = True) -> str:
    """Why a pickle is not read, and what to do instead: one sentence.

    Args:
        found: the pickle.
        may_be_allowed: whether there is a converter that would read it by leave.
    """
    ending = PurePosixPath(found.where.partition("/")[0]).suffix
    packages = [one for one in (*found.packages, _BY_ENDING.get(ending)) if one is not None]
    advice = next((_SAVE_INSTEAD[one] for one in packages if one in _SAVE_INSTEAD), None)
    shown = ", ".join(found.names[:3]) + (", ..." if len(found.names) > 3 else "")
    holds = f" (it would call {shown})" if shown else ""
    instead = f"save it by {advice}" if advice else "export it as ONNX"
    by_leave = ", or let an administrator import it with --allow-unsafe" if may_be_allowed else ""
    return (
        f"{found.where} is a Python pickle, which runs its author's code when it is read{holds}: "
        f"where the model was made, {instead} and import that{by_leave}"
    )
