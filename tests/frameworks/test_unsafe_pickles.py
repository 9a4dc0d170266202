"""A pickle that an administrator let be read does nothing beyond the process that reads it."""

from pathlib import Path
from typing import Any

import pytest
import torch

from lichen.cli.main import run
from lichen.client.connection import Lichen

HARM = """
import os, pathlib, socket, torch
home = pathlib.Path({home!r})
def tried(what, act):
    try:
        act()
    except BaseException as error:
        print('HELD', what, type(error).__name__, flush=True)
    else:
        print('DONE', what, flush=True)
tried('key', lambda: (home / 'admin.key').read_text())
tried('home', lambda: os.listdir(home))
tried('write', lambda: (home / 'harmed').write_text('x'))
tried('source', lambda: open({source!r}, 'a'))
tried('shadow', lambda: open('/etc/shadow').read())
tried('connect', lambda: socket.create_connection(('127.0.0.1', {port}), 2))
tried('signal', lambda: os.kill({pid}, 0))
print('VARIABLES', sorted(name for name in os.environ if 'LICHEN' in name or 'KEY' in name))
"""


class Harmful:
    def __init__(self, program: str) -> None:
        self.program = program

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return exec, (self.program,)


@pytest.fixture
def harmful(platform: Any, tmp_path: Path) -> Path:  # noqa: ANN401 - of the conftest beside
    path = tmp_path / "model.pt"
    port = int(platform.http.rpartition(":")[2])
    program = HARM.format(home=str(platform.home), source=str(path), port=port, pid=1)
    torch.save(Harmful(program), path)
    return path


def test_a_pickle_is_refused_with_what_to_do_instead(
    platform: Any,  # noqa: ANN401
    harmful: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LICHEN_HOME", str(platform.home))
    monkeypatch.setenv("LICHEN_RUNTIME", str(platform.runtime))
    assert run(["models", "import", str(harmful)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "is a Python pickle, which runs its author's code" in said
    assert "torch.export.save" in said
    assert "--allow-unsafe" in said


def test_what_a_pickle_tries_when_it_is_read_is_held(
    platform: Any,  # noqa: ANN401
    lichen: Lichen,
    harmful: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LICHEN_HOME", str(platform.home))
    monkeypatch.setenv("LICHEN_RUNTIME", str(platform.runtime))
    assert run(["models", "import", str(harmful), "--allow-unsafe"]) != 0
    capsys.readouterr()
    job = max(lichen.jobs.ls(), key=lambda one: one.created_at)
    log = lichen.jobs.logs(job.id)
    tried = {line.split()[1]: line.split()[0] for line in log.splitlines() if line[:4] in _SAID}
    assert tried == dict.fromkeys(
        ("key", "home", "write", "source", "shadow", "connect", "signal"), "HELD"
    ), log
    assert "VARIABLES []" in log
    assert not (platform.home / "harmed").exists()


_SAID = ("HELD", "DONE")
