"""The XML of an OpenVINO model, looked through before OpenVINO reads it.

https://docs.openvino.ai/2026/documentation/openvino-ir-format.html: layers of named operator sets,
whose constants are pieces of the `.bin` file beside it. Only what a whole, plain model may hold is
let through: no entities, no layers of extensions, no state that one caller would leave to the next.
"""

import re
from dataclasses import dataclass, field
from xml.parsers import expat  # entities are refused, and no other file is read

from lichen.core.errors import InvalidInput

LARGEST_BYTES = 512 * 2**20
_VERSIONS = ("10", "11")
_OPERATORS = re.compile(r"opset\d{1,2}")
_STATE = {"Assign", "ReadValue"}
_OF_CODE = {"FrameworkNode"}
_MOST_LAYERS = 1_000_000


@dataclass(slots=True)
class Description:
    """What a description says.

    Attributes:
        version: of the format.
        bytes_needed: how far into the file of weights its constants reach.
        layers: how many there are, those within loops and branches too.
    """

    version: str = ""
    bytes_needed: int = 0
    layers: int = 0
    _layer: tuple[str, str] = field(default=("", ""), repr=False)

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Take the beginning of an element."""
        if not self.layers and not self.version:
            if name != "net":
                raise InvalidInput(f"the XML is a {name!r}, and no network of OpenVINO")
            self.version = attributes.get("version", "?")
            if self.version not in _VERSIONS:
                raise InvalidInput(
                    f"it is of version {self.version} of OpenVINO's format, and 10 and 11 are "
                    "read: convert the model again with OpenVINO 2022.1 or newer"
                )
        elif name == "layer":
            self._start_layer(attributes)
        elif name == "data" and self._layer[0] == "Const":
            self._reach(attributes)

    def _start_layer(self, attributes: dict[str, str]) -> None:
        kind, operators = attributes.get("type", "?"), attributes.get("version", "?")
        self._layer = (kind, attributes.get("name", "?"))
        self.layers += 1
        if self.layers > _MOST_LAYERS:
            raise InvalidInput(f"it has over {_MOST_LAYERS:,} layers, as no model does")
        if not _OPERATORS.fullmatch(operators) or kind in _OF_CODE:
            raise InvalidInput(
                f"layer {self._layer[1]!r} is {kind} of {operators!r}, an extension, which is code "
                "of its own and never loaded here: convert the model without extensions"
            )
        if kind in _STATE:
            raise InvalidInput(
                f"layer {self._layer[1]!r} ({kind}) keeps a state from one call to the next, which "
                "may be another caller's: convert the model so that it takes its state and gives it"
            )

    def _reach(self, attributes: dict[str, str]) -> None:
        said = attributes.get("offset", ""), attributes.get("size", "")
        if not all(one.isdecimal() and len(one) < 19 for one in said):
            raise InvalidInput(f"constant {self._layer[1]!r} does not say where its numbers stand")
        self.bytes_needed = max(self.bytes_needed, int(said[0]) + int(said[1]))


def read_description(content: bytes) -> Description:
    """What the XML of a model says.

    Raises:
        InvalidInput: it is no such XML, or holds what is not let through.
    """
    if len(content) > LARGEST_BYTES:
        raise InvalidInput(f"its XML is over {LARGEST_BYTES:,} bytes, as no model's is")
    said = Description()
    parser = expat.ParserCreate()
    parser.StartElementHandler = said.start
    parser.StartDoctypeDeclHandler = _refuse_types
    parser.EntityDeclHandler = _refuse_types
    try:
        parser.Parse(content, True)  # noqa: FBT003 - its own form: this is all
    except (expat.ExpatError, ValueError) as error:
        raise InvalidInput(f"its XML cannot be read ({error}): convert the model again") from error
    if not said.layers:
        raise InvalidInput("its XML has no layers: convert the model again")
    return said


def check_weights(said: Description, weights: int, name: str) -> None:
    """Refuse a file of weights that is shorter than the constants reach.

    Raises:
        InvalidInput: it is.
    """
    if weights < said.bytes_needed:
        raise InvalidInput(
            f"{name} has {weights:,} bytes, and the constants of its model reach to "
            f"{said.bytes_needed:,}: copy both files again, those that were written together"
        )


def _refuse_types(*_: object) -> None:
    raise InvalidInput(
        "its XML declares types or entities, as OpenVINO's never does: convert the model again"
    )
