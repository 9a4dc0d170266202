"""The messages of `inference.proto`, in a descriptor pool of their own.

Every program that speaks this protocol registers messages of these names; two files of them in one
process's shared pool would clash.
"""

from importlib.resources import files
from typing import Any

from google.protobuf.descriptor_pool import DescriptorPool  # type: ignore[import-untyped]
from google.protobuf.message_factory import GetMessageClass  # type: ignore[import-untyped]

from lichen.protocol.proto_text import file_descriptor

Message = Any
"""A message of a class that is made at run time."""

FILE = "inference.proto"
SERVICE = "inference.GRPCInferenceService"
POOL = DescriptorPool()
POOL.Add(file_descriptor(FILE, files("lichen.protocol").joinpath(FILE).read_text("utf-8")))


def _class(name: str) -> Any:  # noqa: ANN401 - a class made at run time
    return GetMessageClass(POOL.FindMessageTypeByName(f"inference.{name}"))


InferRequest = _class("ModelInferRequest")
InferResponse = _class("ModelInferResponse")
StreamResponse = _class("ModelStreamInferResponse")


def request_class(method: str) -> Any:  # noqa: ANN401 - a class made at run time
    """The class of a method's requests."""
    return GetMessageClass(POOL.FindServiceByName(SERVICE).methods_by_name[method].input_type)


def response_class(method: str) -> Any:  # noqa: ANN401 - a class made at run time
    """The class of a method's answers."""
    return GetMessageClass(POOL.FindServiceByName(SERVICE).methods_by_name[method].output_type)
