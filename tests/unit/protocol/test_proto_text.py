"""The text of a file becomes its descriptor, and what is not understood is refused."""

import pytest
from google.protobuf.descriptor_pb2 import (  # type: ignore[import-untyped]
    FieldDescriptorProto,
)

from lichen.core.errors import InvalidInput
from lichen.protocol.grpc_messages import POOL, SERVICE, request_class, response_class
from lichen.protocol.proto_text import file_descriptor

HEAD = 'syntax = "proto3";\npackage p;\n'


def test_types_are_found_in_the_nearest_scope() -> None:
    text = HEAD + "message A { message B {} B b = 1; C c = 2; } message B { A.B a = 3; } enum C {}"
    outer, other = file_descriptor("f.proto", text).message_type
    assert [field.type_name for field in outer.field] == [".p.A.B", ".p.C"]
    assert outer.field[1].type == FieldDescriptorProto.TYPE_ENUM
    assert (other.field[0].type_name, other.field[0].number) == (".p.A.B", 3)


def test_a_map_is_a_list_of_entries() -> None:
    (message,) = file_descriptor(
        "f.proto", HEAD + "message A { map<string, A> a_b = 1; }"
    ).message_type
    (entry,) = message.nested_type
    assert (entry.name, entry.options.map_entry) == ("ABEntry", True)
    assert [(one.name, one.number) for one in entry.field] == [("key", 1), ("value", 2)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import other;", "'import' is not understood"),
        ("message A { B b = 1; }", "no type 'B'"),
        ("message A { bool b = 1 }", "'}' is not understood"),
        ("message A { bool b = 1;", "ends too early"),
    ],
)
def test_what_is_not_understood(text: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        file_descriptor("f.proto", HEAD + text)


def test_every_method_has_its_messages() -> None:
    for method in POOL.FindServiceByName(SERVICE).methods:
        assert request_class(method.name)().SerializeToString() == b""
        assert response_class(method.name)().SerializeToString() == b""
