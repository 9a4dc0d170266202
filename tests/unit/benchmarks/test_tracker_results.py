"""The comparison of trackers: what drivers tell, medians, ratios, the table, who is skipped."""

from pathlib import Path

import pytest
from tracking.goals import missed
from tracking.page import HEADINGS, page, rows_of, skipped, table
from tracking.peers import CARBONTRACKER, CODECARBON, LICHEN, PEERS, ZEUS, CannotRun, Peer
from tracking.runs import CONCURRENT, SPAN, TASKS, Plan, Results, read, run, run_all

PLAN = Plan(seconds=5, repeats=3, tasks=3400)


def results_of(peer: Peer, spans: tuple[float, ...], parts: float, whole: float) -> Results:
    results = Results()
    for cores, total in enumerate(spans):
        for off in (0.0, 1.0, -1.0):
            found = {"total_j": total + off, "attributed_j": total + off, "startup_cpu_s": 0.1}
            results.add(peer, SPAN, cores, {**found, "startup_wall_s": 0.2})
    results.add(peer, TASKS, 0, {"task_cpu_us": 5.04, "startup_cpu_s": 9.0})
    results.add(peer, CONCURRENT, 0, {"parts_j": parts, "whole_j": whole})
    return results


def test_what_a_driver_tells_is_the_last_line_of_its_output() -> None:
    assert read(0, 'noise\n{"total_j": 1.5}\n{"total_j": 2.5}\n', "") == {"total_j": 2.5}
    with pytest.raises(CannotRun, match="ended with code 1: ImportError: no numpy"):
        read(1, "", "Traceback\nImportError: no numpy\n")
    with pytest.raises(CannotRun, match="it said nothing"):
        read(0, "", "")


def test_figures_are_medians_and_ratios_are_of_medians() -> None:
    results = results_of(CODECARBON, (50, 60, 72), parts=830.0, whole=10.0)

    assert results.middle(CODECARBON, SPAN, "total_j", 1) == 60
    assert results.startup(CODECARBON, "startup_cpu_s") == 0.1
    assert results.linearity(CODECARBON, "total_j") == pytest.approx(2.2)
    assert results.over_count(CODECARBON) == pytest.approx(83)


def test_a_figure_that_does_not_follow_the_load_has_no_linearity() -> None:
    assert results_of(CARBONTRACKER, (189, 191, 194), 1, 1).linearity(CARBONTRACKER, "total_j") is (
        None
    )


def test_a_tracker_that_says_nothing_is_asked_once_and_shown_as_such() -> None:
    results = Results()
    results.add(ZEUS, SPAN, 0, {"total_j": None, "startup_cpu_s": 1.0, "startup_wall_s": 1.0})

    assert results.is_silent(ZEUS, SPAN, 0)
    assert not results.is_silent(ZEUS, SPAN, 1)
    assert not results.is_silent(ZEUS, TASKS, 0)
    (row,) = rows_of((ZEUS,), results)
    assert row == (f"Zeus {ZEUS.version}", "1.00", "1.00", "-", "-", "-", "-", "-", "-")


def test_ours_stands_in_two_rows_and_every_row_is_whole() -> None:
    results = results_of(LICHEN, (0, 10, 20), parts=9.8, whole=10.0)
    rows = rows_of((LICHEN,), results)

    assert [row[0] for row in rows] == ["Lichen: charged to the work", "Lichen: the whole host"]
    assert rows[0][-2:] == ("2.00", "0.98")
    lines = table((LICHEN,), results).splitlines()
    assert {line.count("|") for line in lines} == {len(HEADINGS) + 1}


def test_a_tracker_whose_environment_cannot_be_made_is_skipped_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_name: str, _requirements: Path) -> Path:
        raise SystemExit("uv is needed to make the peers' environments: pip install uv")

    monkeypatch.setattr("tracking.peers.python_of", refuse)
    results = run_all((CODECARBON,), PLAN)

    assert "uv is needed" in results.skipped["codecarbon"]
    assert "not run: codecarbon: its environment cannot be made" in skipped(results)
    assert rows_of((CODECARBON,), results) == []


def test_the_goals_are_ours_alone() -> None:
    good = results_of(LICHEN, (0, 10, 20.5), parts=9.8, whole=10.0)
    assert missed(good) == []
    assert missed(results_of(CODECARBON, (1, 2, 3), 83, 1)) == []
    bad = results_of(LICHEN, (0, 10, 23), parts=10.2, whole=10.0)
    assert len(missed(bad)) == 2


def test_the_page_names_versions_machine_and_what_each_asks_of_the_network() -> None:
    results = results_of(LICHEN, (0, 10, 20), 9.8, 10.0)
    results.skipped["zeus"] = "no wheel for this Python"
    text = page(PEERS, results, PLAN, ("2 x Some CPU", ["--seconds", "20"]))

    assert "2 x Some CPU" in text
    assert "`python benchmarks/trackers.py --seconds 20`" in text
    assert "- not run: zeus: no wheel for this Python" in text
    for peer in PEERS:
        assert f"| {peer.shown} | {peer.version} |" in text


def test_the_short_form_runs_our_own_tracker_at_every_work() -> None:
    results = run_all((LICHEN,), Plan(seconds=0.2, repeats=1, tasks=20))

    assert results.skipped == {}
    assert results.linearity(LICHEN, "attributed_j") == pytest.approx(2.0, abs=0.3)
    share = results.over_count(LICHEN)
    assert share is not None
    assert 0.5 < share <= 1
    assert results.middle(LICHEN, TASKS, "task_cpu_us") is not None


def test_a_driver_that_fails_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "drive_broken.py"
    broken.write_text("raise SystemExit('no meter')")

    class Broken(Peer):
        def driver(self) -> Path:
            return broken

    peer = Broken("broken", "Broken", "", "", "")
    with pytest.raises(CannotRun, match="ended with code 1: no meter"):
        run(peer, SPAN, 1, 0)
