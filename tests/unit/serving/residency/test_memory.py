"""How much memory there is, how much is used, and who gives it back first."""

import subprocess
import sys
from pathlib import Path

import pytest

from lichen.serving.residency.memory import Resident, machine_bytes, to_sleep, used_bytes

MEBIBYTE = 2**20
HOLDER = "held = bytearray(b'x') * (40 * 2**20); print('held', flush=True); input()"


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        (0, []),
        (1, ["old"]),
        (30, ["old"]),
        (31, ["old", "middle"]),
        (999, ["old", "middle", "new"]),
    ],
)
def test_the_least_recently_used_give_back_no_more_than_is_needed(
    over: int, expected: list[str]
) -> None:
    residents = [Resident("new", 10, 3), Resident("old", 30, 1), Resident("middle", 20, 2)]
    assert to_sleep(residents, over) == expected


@pytest.mark.parametrize(
    ("limits", "meminfo", "expected"),
    [
        (["max\n"], "MemTotal:  2048 kB\nMemFree: 1 kB\n", 2 * MEBIBYTE),
        (["1048576\n"], "MemTotal:  2048 kB\n", MEBIBYTE),
        (["1048576\n"], "nothing of the kind", MEBIBYTE),
        ([], "", None),
    ],
)
def test_a_container_has_what_its_limit_says_and_a_machine_what_it_has(
    tmp_path: Path, limits: list[str], meminfo: str, expected: int | None
) -> None:
    paths = []
    for number, text in enumerate(limits):
        paths.append(tmp_path / str(number))
        paths[-1].write_text(text)
    (tmp_path / "meminfo").write_text(meminfo)
    assert machine_bytes([*paths, tmp_path / "absent"], tmp_path / "meminfo") == expected


def test_what_a_process_holds_is_seen_and_what_is_gone_is_nothing() -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    assert 40 * MEBIBYTE < used_bytes(holder.pid) < 80 * MEBIBYTE
    holder.communicate(b"\n")
    assert used_bytes(holder.pid) == 0
    assert used_bytes() > MEBIBYTE
