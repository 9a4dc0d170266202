"""Which requests are traced, under which settings, and what is written of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lichen.core.events import Answered, Ran, Subject
from lichen.core.ids import DEFAULT_TENANT
from lichen.monitoring.trace_settings import TraceBook, TraceChange, TraceSettings
from lichen.monitoring.tracer import TraceFile, Tracer
from lichen.store.documents import Change, MemoryDocuments

Ask = Callable[..., None]
ON = TraceChange(timestamps=True, rate=1)


def request(deployment: str = "d", compute_ns: int = 30, outcome: str = "ok") -> Answered:
    subject = Subject(deployment, "m", 2, "fp32")
    return Answered(subject, DEFAULT_TENANT, outcome, 1, 20, compute_ns, 100, None, None)


class Traced:
    """A tracer over documents in memory."""

    def __init__(self, folder: Path) -> None:
        self.book = TraceBook(MemoryDocuments())
        self.file = TraceFile(folder / "traces" / "t.jsonl")
        self.tracer = Tracer(self.book, self.file)

    def change(self, deployment: str | None, change: TraceChange) -> None:
        self.book.change(deployment, change)
        self.tracer.refresh()

    def lines(self) -> list[dict[str, Any]]:
        self.tracer.flush()
        path = self.file.path
        return [json.loads(one) for one in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def traced(tmp_path: Path) -> Traced:
    return Traced(tmp_path)


def test_a_setting_comes_from_the_deployment_else_the_platform_else_the_default() -> None:
    book = TraceBook(MemoryDocuments())
    assert book.settings() == book.settings("d") == TraceSettings()
    book.change(None, TraceChange(rate=5, count=7))
    assert book.settings("d") == TraceSettings(rate=5, count=7)
    assert book.change("d", TraceChange(timestamps=True, rate=2)) == TraceSettings(
        timestamps=True, rate=2, count=7
    )
    book.change(None, TraceChange(count=9))
    assert book.settings("d").count == 9
    assert book.change("d", TraceChange(rate=None)).rate == 5
    assert book.change(None, TraceChange(rate=None, count=None)) == TraceSettings()
    assert list(book.own()) == ["d"]
    book.change("d", TraceChange(timestamps=None))
    assert book.own() == {}, "what says nothing is not kept"


def test_a_change_that_another_process_came_before_is_made_on_top_of_it() -> None:
    documents = MemoryDocuments()
    book, other = TraceBook(documents), TraceBook(documents)
    commit = documents.commit

    def beaten(changes: list[Change]) -> int:
        documents.commit = commit  # type: ignore[method-assign]
        other.change("d", TraceChange(rate=3))
        return commit(changes)

    documents.commit = beaten  # type: ignore[method-assign,assignment]
    assert book.change("d", TraceChange(count=4)) == TraceSettings(rate=3, count=4)


def test_nothing_is_traced_until_it_is_asked_for(traced: Traced) -> None:
    traced.tracer.refresh()
    assert not traced.tracer.is_on
    traced.tracer.answered(request())
    assert traced.lines() == []


def test_a_trace_has_the_times_of_its_steps_in_order(traced: Traced) -> None:
    traced.change(None, ON)
    assert traced.tracer.is_on
    traced.tracer.answered(request())
    traced.tracer.answered(request(compute_ns=0, outcome="NotFound"))
    traced.tracer.ran(Ran(Subject("d", "m", 2, "fp32"), 1, 1, 1, 1))
    whole, refused = traced.lines()
    assert (whole["id"], whole["model_name"], whole["model_version"]) == (1, "d", 2)
    steps = {one["name"]: one["ns"] for one in whole["timestamps"]}
    assert list(steps) == [
        "REQUEST_START",
        "QUEUE_START",
        "COMPUTE_START",
        "COMPUTE_END",
        "REQUEST_END",
    ]
    start = steps["REQUEST_START"]
    assert [one - start for one in steps.values()] == [0, 0, 20, 50, 100]
    assert refused["outcome"] == "NotFound"
    assert [one["name"] for one in refused["timestamps"]][-1] == "REQUEST_END"
    assert len(refused["timestamps"]) == 3


def test_one_of_so_many_is_traced_and_only_so_many(traced: Traced) -> None:
    traced.change(None, TraceChange(timestamps=True, rate=4, count=3))
    for _ in range(40):
        traced.tracer.answered(request())
    assert len(traced.lines()) == 3
    traced.tracer.refresh()
    traced.tracer.answered(request())
    assert len(traced.lines()) == 3, "settings that are read again do not begin anew"
    traced.change(None, TraceChange(count=1, rate=1))
    for _ in range(5):
        traced.tracer.answered(request())
    assert len(traced.lines()) == 4


def test_a_deployment_goes_by_its_own_settings(traced: Traced) -> None:
    traced.change("d", ON)
    assert traced.tracer.is_on
    for name in ("d", "e", "d"):
        traced.tracer.answered(request(name))
    assert [one["model_name"] for one in traced.lines()] == ["d", "d"]
    traced.change(None, ON)
    traced.change("d", TraceChange(timestamps=False))
    traced.tracer.answered(request("d"))
    traced.tracer.answered(request("e"))
    assert [one["model_name"] for one in traced.lines()][2:] == ["e"]


def test_traces_wait_until_as_many_came_together_as_was_asked_for(traced: Traced) -> None:
    traced.change(None, TraceChange(timestamps=True, rate=1, log_frequency=3))
    for seen in (0, 0, 3):
        traced.tracer.answered(request())
        assert len(traced.lines()) == seen
    traced.tracer.answered(request())
    traced.change(None, TraceChange(timestamps=False))
    assert len(traced.lines()) == 4, "what is left is written when tracing ends"


def test_files_of_traces_do_not_grow_over_their_bound(tmp_path: Path) -> None:
    file = TraceFile(tmp_path / "t.jsonl", limit_bytes=100)
    for letter in b"abcdefgh":
        file.write(bytes([letter]) * 39 + b"\n")
    kept = sorted(one.name for one in tmp_path.iterdir())
    assert kept == ["t.jsonl", "t.old.jsonl"]
    assert (tmp_path / "t.jsonl").read_bytes()[:1] == b"g"
    assert all(one.stat().st_size <= 100 for one in tmp_path.iterdir())


def test_a_disk_that_takes_nothing_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    file = TraceFile(tmp_path / "file" / "t.jsonl")
    file.write(b"x\n")
    file.write(b"y\n")
    assert len(caplog.records) == 1
