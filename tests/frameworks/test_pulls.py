"""Models pulled into a real platform, from servers that speak as those of the world do."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lichen.cli.main import run
from lichen.client.connection import Lichen, connect
from lichen.fetching.replay import COMMIT, Kept, Shelf, hub_shelf
from lichen.frameworks.onnx_writer import linear_core
from lichen.server.listening import listen
from lichen.server.setting import Value
from lichen.server.settings import as_environment, inherited_environment, load

MODEL = linear_core(np.arange(6, dtype=np.float64).reshape(3, 2))
README = b"# Lines\n"
REPOSITORY = "acme/lines"
PATIENCE_SECONDS = 60.0
Say = Callable[..., tuple[int, Any, str]]


@dataclass(frozen=True, slots=True)
class Pulling:
    """A platform that may pull from this machine, and the folder that it may read."""

    home: Path
    runtime: Path
    folder: Path
    client: Lichen


@pytest.fixture(scope="module")
def cdn() -> Iterator[Shelf]:
    with Shelf({"/model.onnx": Kept(MODEL), "/b/lines.onnx": Kept(MODEL)}) as shelf:
        yield shelf


@pytest.fixture(scope="module")
def hub(cdn: Shelf) -> Iterator[Shelf]:
    files = {"model.onnx": MODEL, "README.md": README, "pytorch_model.bin": b"\x80\x04."}
    with Shelf(hub_shelf(REPOSITORY, files, large=["model.onnx"], cdn=cdn.url)) as shelf:
        for kept in shelf.files.values():
            kept.token = "hf-s3cret"  # noqa: S105 - of nobody
        yield shelf


@pytest.fixture(scope="module")
def pulling(tmp_path_factory: pytest.TempPathFactory, hub: Shelf) -> Iterator[Pulling]:
    folder = tmp_path_factory.mktemp("pulling")
    allowed = folder / "allowed"
    allowed.mkdir()
    ports = {}
    for name in ("http", "grpc", "control"):
        with listen("127.0.0.1", 0, name) as bound:
            ports[name] = bound.getsockname()[1]
    own: dict[str, Value] = {"home": folder / "home", "runtime": folder / "run", "zone": "DE"}
    pull: dict[str, Value] = {
        "pull_networks": "127.0.0.0/8",
        "pull_http": True,
        "pull_hub_url": hub.url,
        "pull_hub_token": "hf-s3cret",
        "pull_folders": str(allowed),
    }
    settings = load({**own, **ports, **pull}, {})
    read_end, write_end = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "lichen.server.supervisor", "--ready", str(write_end)],
        env={**inherited_environment(), **as_environment(settings)},
        pass_fds=[write_end],
    )
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        assert pipe.read(1) == b"1", "the platform did not start"
    with connect(home=settings.home) as client:
        yield Pulling(settings.home, settings.runtime, allowed, client)
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_SECONDS) == 0


@pytest.fixture
def say(
    pulling: Pulling, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Say:
    """One command line: its exit code, what it says as JSON, and what it says is wrong."""
    monkeypatch.setenv("LICHEN_HOME", str(pulling.home))
    monkeypatch.setenv("LICHEN_RUNTIME", str(pulling.runtime))

    def ask(*arguments: str | Path) -> tuple[int, Any, str]:
        code = run([*map(str, arguments), "--json"])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else None, said.err

    return ask


def test_a_repository_of_the_hub_is_an_endpoint_after_two_commands(
    pulling: Pulling, hub: Shelf, cdn: Shelf, say: Say
) -> None:
    code, said, error = say("models", "pull", f"hf://{REPOSITORY}@v1")
    assert code == 0, error
    assert (said["model"], said["version"]) == ("lines", 1)
    assert said["pulled"]["source"] == f"hf://{REPOSITORY}@v1 ({COMMIT})"
    assert said["pulled"]["fetched_bytes"] == len(MODEL) + len(README)
    assert said["pulled"]["left"] == ["pytorch_model.bin"]
    assert {one.headers.get("Authorization") for one in hub.asked} == {"Bearer hf-s3cret"}
    assert {one.headers.get("Authorization") for one in cdn.asked} == {None}
    assert say("deploy", "lines@1")[0] == 0
    answer = pulling.client.predict("lines", {"features": [[1.0, 1.0, 1.0]]})
    assert answer.outputs["raw"] == [[6.0, 9.0]]
    assert f"Origin: hf://{REPOSITORY}@v1 ({COMMIT})" in pulling.client.models.card("lines@1")
