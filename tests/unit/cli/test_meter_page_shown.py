"""`lichen meter` shows what the owner of the meters reads now, nothing of one that ended."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lichen.cli.main import run
from lichen.core.clock import SystemClock
from lichen.core.figures import Method
from lichen.core.units import NANOSECONDS_PER_SECOND
from lichen.energy.page import PageContent, PageWriter, Rate

RATE = Rate(3.5, 1.2, 4.1, Method.MODELLED, "model of a test", 7)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LICHEN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LICHEN_RUNTIME", str(tmp_path))
    monkeypatch.setenv("LICHEN_POWERCAP", str(tmp_path / "no-powercap"))
    return tmp_path


def test_a_page_is_shown_while_its_owner_lives(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    now_ns = SystemClock().unix_seconds() * NANOSECONDS_PER_SECOND
    content = PageContent(7, now_ns - NANOSECONDS_PER_SECOND, now_ns, 5, 1, 9, RATE)
    writer = PageWriter(folder)
    writer.publish(content)
    assert run(["meter"]) == 0
    assert "reading: window 7, 3.5 J per busy CPU-second" in capsys.readouterr().out

    ended_ns = now_ns - 60 * NANOSECONDS_PER_SECOND
    writer.publish(replace(content, ended_unix_ns=ended_ns))
    writer.close()
    assert run(["meter"]) == 0
    assert "reading: no owner publishes a reading now" in capsys.readouterr().out
    assert run(["meter", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["nj_per_cpu_ns"] is None
