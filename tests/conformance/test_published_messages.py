"""Our messages are those that the public clients were generated from, field by field."""

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import (  # type: ignore[import-untyped]
    DescriptorProto,
    FileDescriptorProto,
)

from lichen.protocol.grpc_messages import FILE, POOL

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / ".venv-clients/bin/python"
OF_KSERVE_ALONE = {
    "RepositoryModelLoadResponse",
    "RepositoryModelUnloadResponse",
}
"""Messages that Triton's file leaves empty."""
OTHERWISE_IN_KSERVE = {"RepositoryModelLoadRequest", "RepositoryModelUnloadRequest"}
"""Messages in which KServe's file gives Triton's numbers to other fields."""
TOLD = """
import json, sys
from google.protobuf.descriptor_pb2 import FileDescriptorProto
{imports}
told = []
for module in ({modules},):
    file = FileDescriptorProto()
    module.DESCRIPTOR.CopyToProto(file)
    told.append(file.SerializeToString().hex())
print(json.dumps(told))
"""
TRITON = ("from tritonclient.grpc import model_config_pb2 as a, service_pb2 as b", "a, b")
KSERVE = ("from kserve.protocol.grpc import grpc_predict_v2_pb2 as a", "a")
OURS = "from lichen.protocol.grpc_messages import InferRequest"
TOGETHER = """
{first}
{second}
mine = InferRequest(model_name="m", id="7")
mine.inputs.add(name="x", datatype="FP32", shape=[1, 2]).contents.fp32_contents.extend([1, 2])
theirs = {theirs}.ModelInferRequest.FromString(mine.SerializeToString())
assert theirs.inputs[0].contents.fp32_contents == [1, 2], theirs
assert InferRequest.FromString(theirs.SerializeToString()) == mine
"""


def asked(script: str) -> str:
    """What the clients' interpreter says; our package is on its path."""
    if not CLIENTS.exists():
        pytest.skip("the clients' environment is not there: make clients")
    ended = subprocess.run(
        [CLIENTS, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "", "PYTHONPATH": str(ROOT / "src"), "OPENBLAS_NUM_THREADS": "1"},
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def published(imports: str, modules: str) -> list[FileDescriptorProto]:
    said = asked(TOLD.format(imports=imports, modules=modules))
    return [FileDescriptorProto.FromString(bytes.fromhex(one)) for one in json.loads(said)]


def messages(files: list[FileDescriptorProto]) -> dict[str, DescriptorProto]:
    """Every message by its name within the package, inner ones too."""

    def walk(inside: str, found: Iterable[DescriptorProto]) -> dict[str, DescriptorProto]:
        told: dict[str, DescriptorProto] = {}
        for message in found:
            name = f"{inside}{message.name}"
            told |= {name: message, **walk(f"{name}.", message.nested_type)}
        return told

    return {name: one for file in files for name, one in walk("", file.message_type).items()}


def fields(message: DescriptorProto) -> dict[int, tuple[Any, ...]]:
    return {
        field.number: (
            field.name,
            field.type,
            field.label,
            field.type_name,
            message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else None,
        )
        for field in message.field
    }


@pytest.fixture(scope="module")
def ours() -> FileDescriptorProto:
    file = FileDescriptorProto()
    POOL.FindFileByName(FILE).CopyToProto(file)
    return file


def test_every_field_of_ours_is_tritons(ours: FileDescriptorProto) -> None:
    theirs = messages(published(*TRITON))
    for name, message in messages([ours]).items():
        if name not in OF_KSERVE_ALONE:
            known = fields(theirs[name])
            for number, field in fields(message).items():
                assert field == known[number], (name, number)
            assert message.options.map_entry == theirs[name].options.map_entry


def test_every_field_of_kserves_is_ours(ours: FileDescriptorProto) -> None:
    mine = messages([ours])
    for name, message in messages(published(*KSERVE)).items():
        if name not in OTHERWISE_IN_KSERVE:
            for number, field in fields(message).items():
                assert field == fields(mine[name])[number], (name, number)


def test_what_is_left_out_is_not_asked_by_an_inference(ours: FileDescriptorProto) -> None:
    mine = messages([ours])
    for name, message in messages(published(*TRITON)).items():
        if name.startswith(
            ("ModelInfer", "InferP", "InferT", "ModelMetadata", "Server", "ModelStream")
        ):
            assert set(fields(message)) == set(fields(mine[name])), name


def test_every_method_of_ours_is_tritons(ours: FileDescriptorProto) -> None:
    def methods(file: FileDescriptorProto) -> dict[str, tuple[Any, ...]]:
        return {
            one.name: (one.input_type, one.output_type, one.client_streaming, one.server_streaming)
            for one in file.service[0].method
        }

    _, service = published(*TRITON)
    assert methods(ours).items() <= methods(service).items()
    assert service.service[0].name == ours.service[0].name


def test_datatypes_of_a_configuration_are_tritons(ours: FileDescriptorProto) -> None:
    configuration, _ = published(*TRITON)
    (theirs,) = [one for one in configuration.enum_type if one.name == "DataType"]
    assert ours.enum_type[0] == theirs


@pytest.mark.parametrize("client", [TRITON, KSERVE])
@pytest.mark.parametrize("order", [1, -1])
def test_they_live_in_one_process_with_a_client(client: tuple[str, str], order: int) -> None:
    imports = [OURS, client[0]][::order]
    theirs = client[1].split(", ")[-1]
    asked(TOGETHER.format(first=imports[0], second=imports[1], theirs=theirs))
