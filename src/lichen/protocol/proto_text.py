"""Proto3 text -> its file descriptor: as much of the language as our own file needs.

The published text can so be the source that is read at start, with no generated code beside it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from google.protobuf.descriptor_pb2 import (  # type: ignore[import-untyped]
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    MessageOptions,
)

from lichen.core.errors import InvalidInput

_COMMENT = re.compile(r"//[^\n]*")
_TOKEN = re.compile(r'"[^"]*"|[A-Za-z_][\w.]*|\d+|\S')
_SCALARS: Mapping[str, int] = {
    name: FieldDescriptorProto.Type.Value(f"TYPE_{name.upper()}")
    for name in ("bool", "string", "bytes", "float", "double", "int32", "int64", "uint32", "uint64")
}
_ONE, _MANY = FieldDescriptorProto.LABEL_OPTIONAL, FieldDescriptorProto.LABEL_REPEATED


def file_descriptor(name: str, text: str) -> FileDescriptorProto:
    """The descriptor of a file, as `protoc` would make it.

    Raises:
        InvalidInput: the text holds what is not read here, or names a type that it does not hold.
    """
    reader = _Reader(name, _TOKEN.findall(_COMMENT.sub("", text)))
    return reader.read()


class _Reader:
    """The text's words, and how far they are read."""

    def __init__(self, name: str, words: list[str]) -> None:
        self._words = words
        self._at = 0
        self._file = FileDescriptorProto(name=name)

    def read(self) -> FileDescriptorProto:
        """The whole file."""
        while self._at < len(self._words):
            match self._next():
                case "syntax":
                    self._file.syntax = self._after("=").strip('"')
                    self._expect(";")
                case "package":
                    self._file.package = self._next()
                    self._expect(";")
                case "message":
                    self._message(self._file.message_type.add())
                case "enum":
                    self._enumeration()
                case "service":
                    self._service()
                case other:
                    raise self._refusal(other)
        self._resolve()
        return self._file

    def _message(self, message: DescriptorProto) -> None:
        message.name = self._next()
        for word in self._block():
            match word:
                case "message":
                    self._message(message.nested_type.add())
                case "oneof":
                    message.oneof_decl.add(name=self._next())
                    for kind in self._block():
                        field = self._field(message, kind, _ONE)
                        field.oneof_index = len(message.oneof_decl) - 1
                case "repeated":
                    self._field(message, self._next(), _MANY)
                case "map":
                    self._map(message)
                case kind:
                    self._field(message, kind, _ONE)

    def _field(self, message: DescriptorProto, kind: str, label: int) -> FieldDescriptorProto:
        field = message.field.add(name=self._next(), number=int(self._after("=")), label=label)
        self._expect(";")
        if kind in _SCALARS:
            field.type = _SCALARS[kind]
        else:
            field.type_name = kind
        return field

    def _map(self, message: DescriptorProto) -> None:
        """A map is a list of entries: a message of its own, beside the field."""
        key = self._after("<")
        value = self._after(",")
        self._expect(">")
        entry = "".join(part.title() for part in self._words[self._at].split("_")) + "Entry"
        self._field(message, entry, _MANY)
        made = message.nested_type.add(name=entry, options=MessageOptions(map_entry=True))
        made.field.add(name="key", number=1, label=_ONE, type=_SCALARS[key])
        made.field.add(name="value", number=2, label=_ONE, type_name=value)

    def _enumeration(self) -> None:
        made = self._file.enum_type.add(name=self._next())
        for word in self._block():
            made.value.add(name=word, number=int(self._after("=")))
            self._expect(";")

    def _service(self) -> None:
        service = self._file.service.add(name=self._next())
        for _ in self._block():
            method = service.method.add(name=self._next())
            method.client_streaming, method.input_type = self._side()
            self._expect("returns")
            method.server_streaming, method.output_type = self._side()
            self._expect(";")

    def _side(self) -> tuple[bool, str]:
        """What goes one way through a method: a message, or a stream of them."""
        word = self._after("(")
        is_stream = word == "stream"
        kind = self._next() if is_stream else word
        self._expect(")")
        return is_stream, f".{self._file.package}.{kind}"

    def _block(self) -> Iterator[str]:
        """The words at which the parts of a block begin; whoever asks reads each part whole."""
        self._expect("{")
        while (word := self._next()) != "}":
            yield word

    def _next(self) -> str:
        if self._at == len(self._words):
            raise InvalidInput(f"{self._file.name} ends too early")
        self._at += 1
        return self._words[self._at - 1]

    def _after(self, mark: str) -> str:
        self._expect(mark)
        return self._next()

    def _expect(self, mark: str) -> None:
        word = self._next()
        if word != mark:
            raise self._refusal(word)

    def _refusal(self, word: str) -> InvalidInput:
        return InvalidInput(f"{self._file.name}: {word!r} is not understood at word {self._at}")

    def _resolve(self) -> None:
        """Say of each name of a type whose it is: the nearest scope that has it."""
        kinds = {f".{self._file.package}.{one.name}": "TYPE_ENUM" for one in self._file.enum_type}
        scopes = list(_scopes(f".{self._file.package}", self._file.message_type))
        kinds |= {scope: "TYPE_MESSAGE" for scope, _ in scopes}
        for scope, message in scopes:
            for field in message.field:
                if field.type_name:
                    field.type_name = self._found(field.type_name, scope, kinds)
                    field.type = FieldDescriptorProto.Type.Value(kinds[field.type_name])

    def _found(self, name: str, scope: str, kinds: Mapping[str, str]) -> str:
        while scope:
            if f"{scope}.{name}" in kinds:
                return f"{scope}.{name}"
            scope = scope.rpartition(".")[0]
        raise InvalidInput(f"{self._file.name} has no type {name!r}")


def _scopes(
    scope: str, messages: Iterable[DescriptorProto]
) -> Iterator[tuple[str, DescriptorProto]]:
    for message in messages:
        name = f"{scope}.{message.name}"
        yield name, message
        yield from _scopes(name, message.nested_type)
