"""`multipart/form-data` (RFC 7578) as it comes: fields in memory, one file straight to disk."""

from dataclasses import dataclass, field
from email.message import Message
from typing import BinaryIO

from lichen.core.errors import InvalidInput

MOST_HEAD_BYTES, MOST_FIELD_BYTES, MOST_FIELDS = 8 * 2**10, 4 * 2**10, 32
_LONGEST_BOUNDARY = 70
_END = b"\r\n\r\n"


@dataclass(slots=True)
class Form:
    """What came: fields by name, and the name that the file had; None without a file."""

    fields: dict[str, str] = field(default_factory=dict)
    filename: str | None = None


def boundary_of(content_type: str) -> bytes:
    """What stands between the parts.

    Raises:
        InvalidInput: the content type is another, or says no boundary.
    """
    said = Message()
    said["content-type"] = content_type
    boundary = said.get_param("boundary")
    if said.get_content_type() != "multipart/form-data" or not isinstance(boundary, str):
        raise InvalidInput(
            "the body is no form: send multipart/form-data with `purpose` and `file`"
        )
    if not 0 < len(boundary) <= _LONGEST_BOUNDARY or not boundary.isascii():
        raise InvalidInput("the boundary of the form is not usable: take up to 70 ASCII characters")
    return boundary.encode()


class FormReader:
    """Takes a form in pieces of any size; the content of the field `file` goes to `target`."""

    def __init__(self, boundary: bytes, target: BinaryIO) -> None:
        self.form = Form()
        self._mark = b"\r\n--" + boundary
        self._target = target
        self._held = b"\r\n"  # the first boundary has no line before it
        self._parts = 0
        self._name: str | None = None
        self._value = b""
        self._is_in_head = False
        self._is_over = False

    def take(self, piece: bytes) -> None:
        """More of the body.

        Raises:
            InvalidInput: it is no such form.
        """
        self._held += piece
        while not self._is_over and self._step():
            pass

    def finish(self) -> Form:
        """The form, which must be whole.

        Raises:
            InvalidInput: it is cut off.
        """
        if not self._is_over:
            raise InvalidInput("the form ended before its last boundary: send it whole")
        return self.form

    def _step(self) -> bool:
        """Read one head, or one content as far as it is there; is there perhaps more?"""
        return self._read_head() if self._is_in_head else self._read_content()

    def _read_head(self) -> bool:
        if self._held.startswith(b"--"):
            self._is_over = True
            return False
        end = self._held.find(_END)
        if end < 0:
            if len(self._held) > MOST_HEAD_BYTES:
                raise InvalidInput("the head of a part of the form is too long")
            return False
        self._begin_part(self._held[:end])
        self._held = self._held[end + len(_END) :]
        self._is_in_head = False
        return True

    def _begin_part(self, head: bytes) -> None:
        said = Message()
        for line in head.decode("utf-8", "replace").split("\r\n"):
            title, _, value = line.partition(":")
            if title.strip().lower() == "content-disposition":
                said["content-disposition"] = value.strip()
        name = said.get_param("name", header="content-disposition")
        if not isinstance(name, str):
            raise InvalidInput("a part of the form has no name: give each one")
        self._parts += 1
        if self._parts > MOST_FIELDS:
            raise InvalidInput(
                f"the form has over {MOST_FIELDS} parts: send the file and its purpose"
            )
        if name == "file" and self.form.filename is not None:
            raise InvalidInput("the form has two files: send one at a time")
        self._name, self._value = name, b""
        if name == "file":
            self.form.filename = _filename(said)

    def _read_content(self) -> bool:
        end = self._held.find(self._mark)
        if end < 0:
            keep = len(self._mark) - 1
            self._keep(self._held[:-keep])
            self._held = self._held[-keep:]
            return False
        if len(self._held) < end + len(self._mark) + 2:
            return False  # whether it was the last is not here yet
        self._keep(self._held[:end])
        if self._name is not None and self._name != "file":
            self.form.fields[self._name] = self._value.decode("utf-8", "replace")
        self._held = self._held[end + len(self._mark) :]
        if self._held.startswith(b"\r\n"):
            self._held = self._held[2:]
        self._is_in_head = True
        return True

    def _keep(self, content: bytes) -> None:
        if self._name == "file":
            self._target.write(content)
            return
        self._value += content if self._name is not None else b""
        if len(self._value) > MOST_FIELD_BYTES:
            raise InvalidInput(f"field {self._name!r} of the form is over {MOST_FIELD_BYTES} bytes")


def _filename(said: Message) -> str:
    """The name that the file had; RFC 2231 lets its sender choose any encoding for it."""
    try:
        name = said.get_filename() or "file"
        name.encode()
    except UnicodeError:
        raise InvalidInput("the name of the file cannot be read: send it in UTF-8") from None
    return name
