"""The text format of protocol buffers, in which Caffe's networks are described, as plain messages.

https://protobuf.dev/reference/protobuf/textformat-spec/, without extensions. No schema is needed
to read it: who takes a field out of a message says what it holds.
"""

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field

from lichen.core.errors import InvalidInput

LARGEST_BYTES = 32 * 2**20
_DEEPEST = 32
_TOKEN = re.compile(
    r"""\s+ | \#[^\n]*
    | (?P<word> [A-Za-z_][\w.]* | [+-]?(?:\d|\.\d)[\w.]*(?:(?<=[eE])[+-]\d+)? | -\s*(?:inf|nan)\w* )
    | (?P<text> "(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*' )
    | (?P<mark> [{}<>:;,\[\]] )""",
    re.VERBOSE,
)
_OPENING = {"{": "}", "<": ">"}
_ESCAPE = re.compile(rb"\\([0-7]{1,3}|[xX][0-9A-Fa-f]{1,2}|.)", re.DOTALL)
_ESCAPED = {b"n": b"\n", b"t": b"\t", b"r": b"\r"}
_NAME = re.compile(r"[A-Za-z_]\w*")
_TRUTHS = {"true": True, "True": True, "t": True, "1": True} | {
    "false": False, "False": False, "f": False, "0": False,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Message:
    """Fields by name, each with all its values: texts as they were written, or messages."""

    fields: Mapping[str, tuple["str | Message", ...]] = field(default_factory=dict)

    def check(self, known: Set[str]) -> None:
        """Refuse fields that would be passed over.

        Raises:
            InvalidInput: it has another field.
        """
        others = sorted(self.fields.keys() - known)
        if others:
            raise InvalidInput(f"it has the setting {others[0]!r}, which is not known here")

    def messages(self, name: str) -> tuple["Message", ...]:
        """All messages of a field.

        Raises:
            InvalidInput: it holds something else.
        """
        values = self.fields.get(name, ())
        found = tuple(one for one in values if isinstance(one, Message))
        if len(found) < len(values):
            raise InvalidInput(f"{name} holds a value where {{ ... }} is expected")
        return found

    def message(self, name: str) -> "Message":
        """The message of a field; an empty one where there is none."""
        found = self.messages(name)
        if len(found) > 1:
            raise InvalidInput(f"{name} stands {len(found)} times: once is allowed")
        return found[0] if found else Message()

    def texts(self, name: str) -> tuple[str, ...]:
        """All values of a field, as written."""
        values = self.fields.get(name, ())
        found = tuple(one for one in values if isinstance(one, str))
        if len(found) < len(values):
            raise InvalidInput(f"{name} holds {{ ... }} where a value is expected")
        return found

    def text(self, name: str, default: str = "") -> str:
        """The value of a field."""
        found = self.texts(name)
        if len(found) > 1:
            raise InvalidInput(f"{name} stands {len(found)} times: once is allowed")
        return found[0] if found else default

    def integers(self, name: str) -> tuple[int, ...]:
        """All whole numbers of a field."""
        return tuple(_integer(name, one) for one in self.texts(name))

    def integer(self, name: str, default: int) -> int:
        """The whole number of a field."""
        return _integer(name, self.text(name, str(default)))

    def numbers(self, name: str) -> tuple[float, ...]:
        """All numbers of a field."""
        return tuple(_number(name, one) for one in self.texts(name))

    def number(self, name: str, default: float) -> float:
        """The number of a field."""
        return _number(name, self.text(name, str(default)))

    def truth(self, name: str, *, default: bool) -> bool:
        """The truth of a field."""
        written = self.text(name, str(default))
        if written not in _TRUTHS:
            raise InvalidInput(f"{name} is {written!r}, and not true or false")
        return _TRUTHS[written]


def read_text(content: bytes) -> Message:
    """The message that a text describes.

    Raises:
        InvalidInput: it is no such text; the message says in which line.
    """
    if len(content) > LARGEST_BYTES:
        raise InvalidInput(f"it is over {LARGEST_BYTES:,} bytes, as no description of a network is")
    try:
        written = content.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"it is no text: {error}") from error
    return _Reader(written).whole()


def write_text(message: Message) -> str:
    """A message as text, from which the same is read."""
    lines = []
    for name, values in message.fields.items():
        for one in values:
            if isinstance(one, Message):
                lines.append(f"{name} {{ {write_text(one)} }}")
            else:
                lines.append(f"{name}: {_written(one, is_quoted=name in _QUOTED)}")
    return " ".join(lines)


_QUOTED = {"name", "type", "top", "bottom", "input", "param_str", "module", "source", "mean_file"}
"""Fields of Caffe's networks that hold text; enumerations and numbers stand bare."""


def _written(value: str, *, is_quoted: bool) -> str:
    if not is_quoted:
        return value
    kept = "".join(one if one.isalnum() or one in " _-./:+" else _escaped(one) for one in value)
    return f'"{kept}"'


def _escaped(one: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in one.encode())


class _Reader:
    """Takes one token after the other."""

    def __init__(self, written: str) -> None:
        self._tokens = _tokens(written)
        self._line = 1
        self._next: tuple[str, str] = ("", "")
        self._step()

    def whole(self) -> Message:
        return self._message("", 0)

    def _step(self) -> tuple[str, str]:
        taken = self._next
        kind, token, self._line = next(self._tokens, ("end", "", self._line))
        self._next = (kind, token)
        return taken

    def _message(self, closing: str, depth: int) -> Message:
        if depth > _DEEPEST:
            raise InvalidInput(f"line {self._line}: it is nested over {_DEEPEST} deep")
        fields: dict[str, list[str | Message]] = {}
        while self._next[1] != closing or self._next[0] == "text":
            kind, name = self._step()
            if kind == "mark" and name in ",;":
                continue
            if kind != "word" or not _NAME.fullmatch(name):
                self._refuse(f"{name!r} stands where a field's name should")
            fields.setdefault(name, []).extend(self._values(depth))
        if closing:
            self._step()
        return Message({name: tuple(values) for name, values in fields.items()})

    def _values(self, depth: int) -> list["str | Message"]:
        if self._next == ("mark", ":"):
            self._step()
        if self._next != ("mark", "["):
            return [self._value(depth)]
        self._step()
        values: list[str | Message] = []
        while self._next != ("mark", "]"):
            values.append(self._value(depth))
            if self._next == ("mark", ","):
                self._step()
        self._step()
        return values

    def _value(self, depth: int) -> "str | Message":
        kind, token = self._step()
        if kind == "mark" and token in _OPENING:
            return self._message(_OPENING[token], depth + 1)
        if kind == "word":
            return token
        if kind != "text":
            self._refuse(f"{token!r} stands where a value should" if token else "it ends too early")
        parts = [_unquoted(token)]
        while self._next[0] == "text":
            parts.append(_unquoted(self._step()[1]))
        return "".join(parts)

    def _refuse(self, why: str) -> None:
        raise InvalidInput(f"line {self._line}: {why}")


def _tokens(written: str) -> Iterator[tuple[str, str, int]]:
    at, line = 0, 1
    while at < len(written):
        found = _TOKEN.match(written, at)
        if found is None:
            raise InvalidInput(f"line {line}: {written[at : at + 20]!r} cannot be read")
        if found.lastgroup is not None:
            yield found.lastgroup, found.group(found.lastgroup), line
        line += written.count("\n", at, found.end())
        at = found.end()


def _unquoted(token: str) -> str:
    inner = token[1:-1]
    if "\\" not in inner:
        return inner
    octets = _ESCAPE.sub(_unescaped, inner.encode())
    return octets.decode(errors="replace")


def _unescaped(found: re.Match[bytes]) -> bytes:
    said = found.group(1)
    if said[:1].isdigit():
        return bytes([int(said, 8) & 0xFF])
    if said[:1] in b"xX" and len(said) > 1:
        return bytes([int(said[1:], 16)])
    return _ESCAPED.get(said, said)


def _integer(name: str, written: str) -> int:
    try:
        return int(written, 0) if written.lower().startswith("0x") else int(written)
    except ValueError as error:
        raise InvalidInput(f"{name} is {written!r}, and no whole number") from error


def _number(name: str, written: str) -> float:
    try:
        return float(written.lower().removesuffix("f") if "inf" not in written.lower() else written)
    except ValueError as error:
        raise InvalidInput(f"{name} is {written!r}, and no number") from error
