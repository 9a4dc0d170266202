"""What a child gets from its parent."""

import os
import socket
from pathlib import Path

import pytest

from lichen.core.errors import InvalidInput
from lichen.server.inheritance import as_arguments, inherit
from lichen.server.settings import as_environment, load


@pytest.fixture(autouse=True)
def born(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in as_environment(load({"home": tmp_path}, {})).items():
        monkeypatch.setenv(name, text)


def test_sockets_settings_and_readiness(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    with socket.create_server(("127.0.0.1", 0)) as bound:
        port = bound.getsockname()[1]
        born_with = inherit(as_arguments({"http": os.dup(bound.fileno())}, write_end, 3))
        assert born_with.slot == 3
        assert born_with.settings.home == tmp_path
        with born_with.socket("http") as inherited:
            assert inherited.getsockname()[1] == port
    born_with.announce_ready()
    born_with.announce_ready()
    assert os.read(read_end, 2) == b"1"
    os.close(read_end)


def test_a_process_that_nobody_waits_for_has_nobody_to_tell() -> None:
    assert inherit([]).announce_ready() is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize("arguments", [["--socket"], ["--what", "1"]])
def test_other_arguments_are_refused(arguments: list[str]) -> None:
    with pytest.raises(InvalidInput):
        inherit(arguments)


def test_a_socket_that_was_not_given() -> None:
    with pytest.raises(InvalidInput, match="'grpc'"):
        inherit([]).socket("grpc")
