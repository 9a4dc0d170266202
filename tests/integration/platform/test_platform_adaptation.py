"""Truth is appended, and the intervals that are served follow it, on a real platform."""

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np
import pytest

from lichen.client.connection import Lichen
from lichen.core.errors import InvalidInput
from lichen.protocol.admin import Job
from lichen.protocol.training import ForecastTraining
from lichen.serving.widths import WIDTHS, Adapted
from lichen.store.documents import SqliteDocuments

DAYS, START = 30, datetime(2026, 1, 1, tzinfo=UTC)
TRAINING = ForecastTraining(data="load", targets=["load"], horizon=24, algorithm="naive-day")
Until = Callable[[Callable[[], bool]], None]


class Running(Protocol):
    home: Path

    def up(self) -> None: ...

    def down(self) -> int: ...

    def client(self) -> Lichen: ...


def days(folder: Path, first: int, last: int, noise: float) -> Path:
    """A load with a daily swing, from one day to another."""
    chance = np.random.default_rng(first)
    lines = ["time,load"]
    for hour in range(24 * first, 24 * last):
        moment = f"{START + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}"
        swing = 20 * math.sin(2 * math.pi * hour / 24)
        lines.append(f"{moment},{100 + swing + noise * chance.normal():.3f}")
    path = folder / f"{first}-{last}.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@dataclass
class Asker:
    """Asks for the same forecast again and again, and keeps every different answer."""

    lichen: Lichen
    request: dict[str, Any]
    answers: list[dict[str, Any]] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self.run)

    def ask(self) -> dict[str, Any]:
        body = msgspec.json.encode(self.request)
        return dict(self.lichen.inference.infer("load", body).outputs)

    def run(self) -> None:
        while not self.over.wait(0.01):
            try:
                answer = self.ask()
            except Exception as error:  # noqa: BLE001 - whatever a caller would have met
                self.errors.append(error)
            else:
                if not self.answers or answer != self.answers[-1]:
                    self.answers.append(answer)

    def __enter__(self) -> "Asker":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()

    def widths(self) -> list[float]:
        """How wide the first step's outermost interval was, answer by answer."""
        firsts = [answer["quantiles"][0][0][0] for answer in self.answers]
        return [first[-1] - first[0] for first in firsts]


@pytest.fixture
def served(stopped: Running, tmp_path: Path) -> tuple[Running, Lichen]:
    """A platform that serves a forecaster of quiet days."""
    stopped.up()
    lichen = stopped.client()
    lichen.data.add("load", days(tmp_path, 0, DAYS, 1.0))
    lichen.deployments.deploy(f"load@{lichen.train(TRAINING).version}")
    return stopped, lichen


def append(lichen: Lichen, path: Path) -> dict[str, Any]:
    """Append, and what the job says was adapted."""
    seen: list[Job] = []
    lichen.data.append("load", path, watcher=seen.append)
    assert seen[-1].result is not None
    assert seen[-1].result["adapted"][0]["sentence"] in lichen.jobs.logs(seen[-1].id)
    found: dict[str, Any] = seen[-1].result["adapted"][0]
    return found


def kept(platform: Running) -> Adapted:
    documents = SqliteDocuments(platform.home / "lichen.db")
    document = documents.get(WIDTHS, "load")
    documents.close()
    assert document is not None
    return msgspec.json.decode(document.body, type=Adapted)


def test_noisier_truth_widens_what_is_served(
    served: tuple[Running, Lichen], tmp_path: Path, until: Until
) -> None:
    platform, lichen = served
    asker = Asker(lichen, lichen.deployments.newest_input("load").request)
    noisy = days(tmp_path, DAYS, DAYS + 10, 2.0)
    with asker:
        until(lambda: len(asker.answers) > 0)
        said = append(lichen, noisy)
        until(lambda: len(asker.answers) > 1)
        with pytest.raises(InvalidInput):
            lichen.data.append("load", noisy)
        more = append(lichen, days(tmp_path, DAYS + 10, DAYS + 11, 2.0))
        until(lambda: len(asker.answers) > 2)

    factor = said["factors"][0]
    assert (said["forecasts"], more["forecasts"], kept(platform).seen) == (10, 1, 11)
    assert said["sentence"] == f"load: 10 forecasts came true, interval {factor:.2f} times as wide"
    assert kept(platform).until == START + timedelta(days=DAYS + 11)
    assert asker.errors == []
    first = asker.answers[0]
    assert all(answer["mean"] == first["mean"] for answer in asker.answers)
    own, wider, last = asker.widths()
    assert factor > 1.2
    assert wider == pytest.approx(own * factor, rel=1e-3)
    assert last == pytest.approx(own * more["factors"][0], rel=1e-3)

    platform.down()
    platform.up()
    again = platform.client()
    until(lambda: again.deployments.show("load").state == "ready")
    assert Asker(again, asker.request).ask() == asker.answers[-1]
