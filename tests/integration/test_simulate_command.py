"""`lichen simulate` as people call it: a process, files in, figures and sentences out."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

JOBS = """\
id,release,deadline,duration_s,power_w,interruptible,pause_cost_j
night,2022-01-01T00:00:00Z,2022-01-01T06:00:00Z,7200,1000,true,0
block,2022-01-01T00:00:00Z,2022-01-01T06:00:00Z,7200,1000,false,0
"""
GRAMS = (300, 100, 300, 200, 200, 50, 400, 400)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Two jobs, and eight hours of which the cheapest lie apart."""
    (tmp_path / "jobs.csv").write_text(JOBS, encoding="utf-8")
    rows = [f"2022-01-01T{hour:02}:00:00Z,{value}" for hour, value in enumerate(GRAMS)]
    (tmp_path / "grid.csv").write_text("time,g\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return tmp_path


def lichen(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`lichen simulate` in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "lichen.cli.main", "simulate", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_json_has_each_job_and_the_totals(files: Path) -> None:
    done = lichen(files, "jobs.csv", "--intensity", "grid.csv", "--forecast", "perfect", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert [job["id"] for job in said["jobs"]] == ["night", "block"]
    assert [job["grams_at_once"] for job in said["jobs"]] == [400.0, 400.0]
    assert [job["grams_clairvoyant"] for job in said["jobs"]] == [150.0, 250.0]
    assert said["totals"]["grams_clairvoyant"] == 400.0
    assert said["totals"]["nj"] == 2 * 7200 * 1000 * 10**9


def test_people_get_a_short_table_and_a_file_of_jobs(files: Path) -> None:
    done = lichen(
        files,
        *("jobs.csv", "--intensity", "DE=grid.csv", "--forecast", "perfect"),
        *("--output", "out.csv"),
    )
    assert done.returncode == 0
    assert "of the clairvoyant saving" in done.stdout
    assert "2 jobs, 14.4 MJ" in done.stdout
    rows = list(csv.DictReader((files / "out.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["id"] for row in rows] == ["night", "block"]
    assert "@DE" in rows[0]["segments"]


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (["--intensity", "none.csv"], 3, "there is no intensity file none.csv"),
        (["--intensity", "grid.csv", "--forecast", "oracle"], 2, "no forecast 'oracle'"),
        (["--intensity", "grid.csv", "--forecast", "noise:x"], 2, "'noise:x' has no share"),
        (["--intensity", "grid.csv", "--capacity", "0"], 2, "no number of cores"),
        (["--intensity", "DE=grid.csv", "--capacity", "FR=1"], 2, "no intensity of zone FR"),
        (["--intensity", "DE=grid.csv", "--zone", "FR"], 2, "no intensity of zone FR"),
        (["--intensity", "grid.csv", "--zone", "not a zone"], 2, "is not usable"),
        (["--intensity", "grid.csv", "--intensity", "DE=grid.csv"], 2, "does not say whose"),
        (["--intensity", "DE=grid.csv", "--intensity", "DE=grid.csv"], 2, "zone DE twice"),
        (["--intensity", "grid.csv", "--column", "x"], 2, "no column 'x'"),
        (
            ["--intensity", "grid.csv", "--capacity", "1", "--replan", "once"],
            2,
            "leave one of the two out",
        ),
        ([], 2, "--intensity"),
    ],
)
def test_options_that_cannot_be_are_refused_in_a_sentence(
    files: Path, arguments: list[str], code: int, complaint: str
) -> None:
    done = lichen(files, "jobs.csv", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert complaint in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("x,2021-12-31T00:00Z,2022-01-01T06:00Z,60,1,1,", "row 2: the window of job 'x'"),
        ("x,2022-01-01T08:00Z,2022-01-01T09:00Z,60,1,1,", "row 2: the window of job 'x'"),
        ("x,2022-01-01T00:00Z,2022-01-01T01:00Z,3601,1,1,", "longer than the 3600 s"),
    ],
)
def test_jobs_that_cannot_run_are_refused_with_their_row(
    files: Path, row: str, complaint: str
) -> None:
    (files / "jobs.csv").write_text(JOBS.splitlines()[0] + f"\n{row}\n", encoding="utf-8")
    done = lichen(files, "jobs.csv", "--intensity", "grid.csv")
    assert (done.returncode, done.stdout) == (2, "")
    assert complaint in done.stderr
    assert "jobs.csv, row 2" in done.stderr


def test_without_the_solver_jobs_still_take_turns(files: Path) -> None:
    command = (
        "import sys; sys.modules['highspy'] = None; from lichen.cli.main import run;"
        "sys.exit(run(sys.argv[1:]))"
    )
    arguments = ["--intensity", "grid.csv", "--forecast", "perfect", "--capacity", "1", "--json"]
    done = subprocess.run(
        [sys.executable, "-c", command, "simulate", "jobs.csv", *arguments],
        cwd=files,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    totals = json.loads(done.stdout)["totals"]
    assert totals["late"] == 0
    assert "heuristic" in totals["planner"]["methods"]


def test_without_numpy_it_is_said_what_to_install(files: Path) -> None:
    command = (
        "import sys; sys.modules['numpy'] = None; from lichen.cli.main import run;"
        "sys.exit(run(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", command, "simulate", "jobs.csv", "--intensity", "grid.csv"],
        cwd=files,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "needs numpy, which is not installed: `pip install 'lichen[all]'`" in done.stderr
