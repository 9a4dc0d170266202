"""The form of an answer, for both lanes: JSON or bytes behind it, in a coding or plain."""

from collections.abc import Mapping
from typing import NamedTuple

from lichen.api.codings import coding_for, compressed
from lichen.protocol.binary import decode_parted, encode_parted
from lichen.protocol.classification import Ranking, classified
from lichen.protocol.codec import Decoded, decode, encode
from lichen.protocol.oip import BinaryOutputs
from lichen.serving.ticket import Answer


class Formed(NamedTuple):
    """A body; how many of its bytes are JSON when others follow; its coding if it has one."""

    body: bytes
    header_length: int | None
    coding: str | None


def read(body: bytes, header_length: str | None) -> Decoded:
    """The request in a body, whose JSON is its first `header_length` bytes when that is said.

    Raises:
        InvalidInput: it cannot be read.
    """
    return decode(body) if header_length is None else decode_parted(body, header_length)


def formed(
    answer: Answer, request_id: str | None, binary: BinaryOutputs | None, accepted: str | None
) -> Formed:
    """An answer in the form that was asked for, and a coding among those accepted.

    Raises:
        WorkFailed: an output holds what JSON has no word for.
    """
    length = None
    if binary is None:
        body = encode(answer.head, answer.outputs, request_id)
    else:
        body, length = encode_parted(answer.head, answer.outputs, request_id, binary)
        length = None if length == len(body) else length
    return coded(body, length, accepted)


def coded(body: bytes, header_length: int | None, accepted: str | None) -> Formed:
    """A body in a coding among those accepted."""
    coding = None if accepted is None else coding_for(accepted, len(body))
    return Formed(body if coding is None else compressed(body, coding), header_length, coding)


def with_classes(answer: Answer, rankings: Mapping[str, Ranking]) -> Answer:
    """The answer with those outputs as classes that were asked for so.

    Raises:
        WorkFailed: an output holds NaN, which has no rank.
    """
    outputs = {
        name: classified(values, rankings[name]) if name in rankings else values
        for name, values in answer.outputs.items()
    }
    return Answer(outputs, answer.charge, answer.head, answer.allotment)
