"""A demo that is ended takes its platform with it, however it is ended."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_no_process_of_the_platform_outlives_the_demo(tmp_path: Path, number: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "lichen.cli.main", "demo"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path), "LICHEN_RUNTIME": str(tmp_path / "run")},
        start_new_session=True,
    ) as demo:
        assert demo.stdout is not None
        home = re.search(r"home (\S+)", demo.stdout.readline())
        assert home is not None
        assert processes_of(home[1])
        demo.send_signal(number)
        demo.wait(60)
    give_up = time.monotonic() + 60
    while processes_of(home[1]) and time.monotonic() < give_up:
        time.sleep(0.05)
    assert processes_of(home[1]) == []
    assert Path(home[1]).exists() == (number == signal.SIGKILL)


def processes_of(home: str) -> list[int]:
    """Whose command or environment names this home."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            said = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        except OSError:  # it has ended, or is another user's
            continue
        if home.encode() in said:
            found.append(int(folder.name))
    return found
