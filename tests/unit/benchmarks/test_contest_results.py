"""The arithmetic of the serving benchmark: ratios within a pass, goals, and the page."""

import math
from pathlib import Path

import pytest
from contest.asking import ColdStart
from contest.bodies import Form
from contest.goals import GBDT_1, GBDT_32, MLP_1, MLP_32, MLP_32_BINARY, Goal, goals, missed
from contest.load import Load
from contest.main import main
from contest.models import MODELS
from contest.pace import Paced
from contest.peers import DEFAULT, PEERS
from contest.results import Lives, Point, Results
from contest.table import Told, by_hand, page


def load(cpu_s_per_1000: float) -> Load:
    return Load(1000.0, 1.0, 2.0, cpu_s_per_1000)


def measured(goal: str, found: list[Goal]) -> float:
    value = next(one.measured for one in found if one.says == goal)
    assert value is not None
    return value


def test_a_ratio_is_taken_within_its_pass() -> None:
    results = Results()
    for own, others in ((1.0, 10.0), (8.0, 80.0), (3.0, 10.0)):  # the second pass was all slower
        results.loads["lichen", GBDT_1].append(load(own))
        results.loads["mosec", GBDT_1].append(load(others))
    assert results.cpu_beside("lichen", GBDT_1, "mosec", GBDT_1) == pytest.approx(0.1)
    assert results.cpu_beside("lichen", GBDT_1, "fastapi", GBDT_1) is None


def test_rows_a_cpu_second_stand_beside_the_runtime_alone() -> None:
    results = Results()
    results.loads["lichen", GBDT_32].append(load(0.2))  # 160,000 rows a CPU-second
    results.alone["gbdt", 32].append(200_000.0)
    goal = "GBDT, 32 rows: rows a CPU-second over ONNX Runtime's alone"
    assert measured(goal, goals(results)) == pytest.approx(0.8)


def test_a_goal_that_was_not_measured_is_not_missed() -> None:
    found = goals(Results())
    assert found
    assert missed(found) == 0
    assert {goal.verdict for goal in found} == {"not measured"}


@pytest.mark.parametrize(
    ("value", "is_floor", "verdict"),
    [(0.5, False, "met"), (0.6, False, "MISSED"), (0.5, True, "met"), (0.4, True, "MISSED")],
)
def test_a_goal_is_met_on_its_own_side(value: float, verdict: str, *, is_floor: bool) -> None:
    assert Goal("half", value, 0.5, is_floor).verdict == verdict


def test_the_best_peer_sets_the_latency_to_beat() -> None:
    results = Results()
    for peer, p99_ms in (("lichen", 3.0), ("fastapi", 9.0), ("mosec", 4.0), ("echo", 1.0)):
        results.paced[peer, "mlp", 500].append(Paced(500.0, 1.0, p99_ms, 0, 0.1))
    ratio = measured("mlp at 500 requests/s: p99 over the best peer's", goals(results))
    assert ratio == pytest.approx(0.75)


def test_a_rate_that_only_a_peer_bears_is_a_goal_missed() -> None:
    results = Results()
    results.paced["mosec", "mlp", 900].append(Paced(900.0, 1.0, 4.0, 0, 0.1))
    assert missed(goals(results)) == 1


def test_the_page_shows_every_figure_and_what_failed() -> None:
    results = Results()
    results.loads["lichen", MLP_1].append(load(0.0123))
    results.loads["lichen", MLP_32].append(load(0.2))
    results.loads["lichen", MLP_32_BINARY].append(load(0.11))
    results.lives["lichen", "mlp"].append(Lives(ColdStart(0.4, 0.3), 61.0, 0.2))
    results.failures["mlserver", "mlp, 1 row in binary"] = "it answered 500: b'no'"
    found = goals(results)
    assert missed(found) == 1
    peers = [peer for peer in PEERS if peer.name in DEFAULT]
    written = page(results, found, MODELS, Told(peers, 3, 3.0, "--peers all"))
    assert "| 1 | 16 | json | lichen | 1000 | 1.00 | 2.00 | 0.0123 |" in written
    assert "CPU in binary over our own in JSON | 0.550 | <= 0.500 | MISSED |" in written
    assert "- mlserver, mlp, 1 row in binary: it answered 500: b'no'" in written
    assert "| lichen | 0.40 | 0.30 | 61 |" in written


def test_goals_speak_of_servers_that_there_are() -> None:
    names = {peer.name for peer in PEERS}
    assert set(DEFAULT) <= names
    point = Point("transformer", 1, 16, Form.JSON)
    results = Results()
    for name in names:
        results.loads[name, point].append(load(1.0))
        results.loads[name, GBDT_1].append(load(1.0))
    found = [goal for goal in goals(results) if goal.measured is not None]
    assert len(found) == 3 + len(names) - 2
    assert all(math.isclose(goal.measured or 0, 1.0) for goal in found)


def test_an_unknown_server_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--peers", "lichen,nginx"])
    assert "no nginx: there are lichen, echo" in capsys.readouterr().err


def test_what_a_person_wrote_on_the_page_is_kept(tmp_path: Path) -> None:
    former = tmp_path / "serving.md"
    assert by_hand(former) == ""
    former.write_text("# Figures\n\nold\n\n## Reading it\n\nBecause of this.\n")
    assert by_hand(former) == "\n## Reading it\n\nBecause of this.\n"
