"""Read an ONNX model with what the data plane has: protobuf, and a private word of onnx.proto.

It has no `onnx` package, so the fields that matter are read through a description of them that
clashes with nobody's.
"""

from functools import lru_cache
from typing import Any

_FIELDS = {
    "Model": (
        ("graph", 7, "Graph", False),
        ("opset_import", 8, "Opset", True),
        ("metadata_props", 14, "Entry", True),
    ),
    "Entry": (("key", 1, "string", False), ("value", 2, "string", False)),
    "Opset": (("domain", 1, "string", False), ("version", 2, "int64", False)),
    "Graph": (
        ("node", 1, "Node", True),
        ("initializer", 5, "Tensor", True),
        ("input", 11, "Value", True),
        ("output", 12, "Value", True),
    ),
    "Value": (("name", 1, "string", False),),
    "Node": (
        ("input", 1, "string", True),
        ("output", 2, "string", True),
        ("op_type", 4, "string", False),
        ("attribute", 5, "Attribute", True),
        ("domain", 7, "string", False),
    ),
    "Attribute": (
        ("name", 1, "string", False),
        ("f", 2, "float", False),
        ("i", 3, "int64", False),
        ("s", 4, "bytes", False),
        ("t", 5, "Tensor", False),
        ("floats", 7, "float", True),
        ("ints", 8, "int64", True),
        ("strings", 9, "bytes", True),
        ("type", 20, "int32", False),
    ),
    "Tensor": (
        ("dims", 1, "int64", True),
        ("data_type", 2, "int32", False),
        ("float_data", 4, "float", True),
        ("int32_data", 5, "int32", True),
        ("int64_data", 7, "int64", True),
        ("name", 8, "string", False),
        ("raw_data", 9, "bytes", False),
        ("double_data", 10, "double", True),
        ("data_location", 14, "int32", False),
    ),
}
"""What is read of onnx.proto: name, number, type, and whether it is repeated."""
_PACKAGE = "lichen_onnx"


def parsed(content: bytes) -> Any:  # noqa: ANN401 - a message of ONNX
    """The few fields of an ONNX model that are described above.

    Raises:
        DecodeError: it is none.
    """
    model = _model_class()()
    model.ParseFromString(content)
    return model


@lru_cache
def _model_class() -> Any:  # noqa: ANN401 - classes made at run time
    from google.protobuf import (  # type: ignore[import-untyped]
        descriptor_pb2,
        descriptor_pool,
        message_factory,
    )

    file = descriptor_pb2.FileDescriptorProto(name=f"{_PACKAGE}.proto", package=_PACKAGE)
    field_types = descriptor_pb2.FieldDescriptorProto
    for message, fields in _FIELDS.items():
        described = file.message_type.add(name=message)
        for field, number, kind, is_repeated in fields:
            label = "LABEL_REPEATED" if is_repeated else "LABEL_OPTIONAL"
            added = described.field.add(
                name=field, number=number, label=getattr(field_types, label)
            )
            if kind in _FIELDS:
                added.type, added.type_name = field_types.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
            else:
                added.type = getattr(field_types, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Model"))
