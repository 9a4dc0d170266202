"""A metered command beside a platform: booked as its work when asked, else host/other (L1, M3)."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from lichen.carbon.ledger.accounts import AccountTotal, LedgerReader
from lichen.server.home import Home
from lichen.server.metering import open_metering
from lichen.server.setting import Value
from lichen.server.settings import load

LICHEN = [sys.executable, "-W", "ignore", "-m", "lichen.cli.main", "meter", "run"]
BURN = "import time\nwhile time.process_time() < {}: pass\n"
TREE = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', '''{BURN.format(0.3)}'''])\n"


class Host:
    """The meters and books of a platform, kept by a thread of this process until closed."""

    def __init__(self, folder: Path) -> None:
        flags: dict[str, Value] = {
            "home": folder / "home",
            "runtime": folder / "run",
            "meter": "model",
            "zone": "DE",
        }
        self.settings = load(flags, {})
        self.settings.home.mkdir()
        self._metering = open_metering(self.settings)
        self._stopping = Event()
        self._thread = Thread(target=self._sample)
        self._thread.start()

    def _sample(self) -> None:
        while not self._stopping.wait(0.1):
            self._metering.sample()
        self._metering.close()

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()

    def run(self, *arguments: str) -> Any:  # noqa: ANN401 - a JSON document
        folders = {
            "LICHEN_HOME": str(self.settings.home),
            "LICHEN_RUNTIME": str(self.settings.runtime),
        }
        done = subprocess.run(
            [*LICHEN, "--json", *arguments, sys.executable, "-c", TREE + BURN.format(1.2)],
            env={**os.environ, **folders},
            text=True,
            capture_output=True,
            check=True,
        )
        return json.loads(done.stderr)

    def accounts(self) -> Mapping[str, AccountTotal]:
        """The books once they are closed."""
        self.close()
        statement = LedgerReader(Home(self.settings.home).ledger).statement()
        assert sum(one.nj for one in statement.accounts) == 0
        return {one.account: one for one in statement.accounts}


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    platform = Host(tmp_path)
    yield platform
    platform.close()


def test_with_an_account_the_receipt_is_what_the_ledger_debits(host: Host) -> None:
    report = host.run("--account", "nightly", "--tenant", "lab", "--zone", "DE")
    accounts = host.accounts()

    name = "work/lab/nightly/command/run"
    assert report["booked"] == name
    assert accounts[name].nj == report["receipt"]["energy"]["nj"]
    assert accounts[name].ng == report["receipt"]["carbon"]["ng"]
    assert accounts[name].units == 1
    assert report["cpu_ns"] >= 1_500_000_000
    assert accounts["overhead/meter-run"].nj > 0
    variance = accounts.get("rate-variance")
    assert variance is None or abs(variance.nj) <= 0.02 * accounts[name].nj


def test_without_one_it_is_the_work_of_nobody_here(host: Host) -> None:
    report = host.run()
    accounts = host.accounts()

    assert report["booked"] == "host/other"
    assert not [name for name in accounts if name.startswith("work/")]
    # the host counts in ticks, and what a hypervisor took meanwhile is in one clock alone
    assert accounts["host/other"].nj >= 0.5 * report["receipt"]["energy"]["nj"]
