"""A platform whose ledger is the worked example, and a browser that looks at it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import worked_example as example

from browser import Browser, chromium, opened

STOP_SECONDS = 60.0
ABSENT = "no browser: install Debian's chromium"
DECLARED = {
    "ORGANISATION": "Example Energy Agency",
    "HOST_OWNERSHIP": "owned",
    "MARKET_G_PER_KWH": "50",
    "MARKET_INSTRUMENT": "supplier",
    "MARKET_SOURCE": "Example Power, product mix 2025",
    "MARKET_EVIDENCE": "invoice 2026-117",
    "DIRECT_G_PER_KWH": "250",
    "DIRECT_SOURCE": "example of a national inventory, 2024",
    "WATER_L_PER_KWH": "1.8",
    "WATER_SOURCE": "example of the building's water meter, 2025",
}


@pytest.fixture(scope="session")
def program() -> str:
    """The browser of this machine."""
    found = chromium()
    if found is None:
        pytest.skip(ABSENT)
    return found


@pytest.fixture(scope="session")
def platform(program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """Address of the control plane, and the key."""
    del program  # without it nothing is started
    folder = tmp_path_factory.mktemp("browser")
    example.write_ledger(folder / "home" / "ledger.db")
    free = ["--http", "0", "--grpc", "0", "--control", "0", "--json"]
    clean = {name: text for name, text in os.environ.items() if not name.startswith("LICHEN_")}
    declared = {f"LICHEN_{name}": text for name, text in DECLARED.items()}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "lichen.cli.main", "up", "--home", folder / "home", *free],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env={**clean, **declared, "LICHEN_RUNTIME": str(folder / "runtime")},
        )
    assert process.stdout is not None
    said = ""
    while not said.rstrip().endswith("}"):
        line = process.stdout.readline()
        assert line, (folder / "log").read_text()
        said += line
    yield json.loads(said)["control"], Path(folder, "home", "admin.key").read_text().strip()
    process.send_signal(signal.SIGTERM)
    assert process.wait(STOP_SECONDS) == 0
    process.stdout.close()


@pytest.fixture
def browser(program: str, platform: tuple[str, str]) -> Iterator[Browser]:
    """A browser whose requests to the platform carry the key."""
    origin, key = platform
    with opened(program, origin, {"Authorization": f"Bearer {key}"}) as made:
        yield made
