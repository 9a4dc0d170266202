"""What the kernel shows of a processor, and the TDP that a table knows of it."""

from pathlib import Path

import pytest

from lichen.core.errors import Unavailable
from lichen.energy.power.processors import (
    TdpTable,
    installed_gib,
    normal_name,
    processor,
    tdp_table,
)

BARE = """processor\t: 0
model name\t: Intel(R) Xeon(R) Platinum 8280 CPU @ 2.70GHz
siblings\t: 56
flags\t\t: fpu vme sse

processor\t: 1
model name\t: another
"""
TABLE = """Name,TDP
Intel Xeon Platinum 8280,205.0
AMD EPYC 7763,280.0
Intel Celeron 1000A,27.29.5
Intel Atom E625CT,3.3
Intel Atom E625CT,3.6
Broken,
Absurd,1e9
Negative,-5
"Intel EP80579 Integrated, 1066 MHz",18.0
"""


def table(folder: Path, text: str = TABLE) -> TdpTable:
    path = folder / "cpu_power.csv"
    path.write_text(text)
    return TdpTable(path, "made up 1.0")


def test_a_bare_machine_shows_the_threads_of_a_socket(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(BARE)
    found = processor(tmp_path / "cpuinfo")
    assert found.name == "Intel(R) Xeon(R) Platinum 8280 CPU @ 2.70GHz"
    assert (found.socket_threads, found.virtual) == (56, False)


def test_a_virtual_machine_does_not(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(BARE.replace("fpu", "fpu hypervisor"))
    found = processor(tmp_path / "cpuinfo")
    assert (found.socket_threads, found.virtual) == (None, True)


@pytest.mark.parametrize("text", ["", "garbage", "siblings: many\n", "siblings: 0\n"])
def test_what_the_kernel_does_not_say_is_unknown(tmp_path: Path, text: str) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    found = processor(tmp_path / "cpuinfo")
    assert (found.name, found.socket_threads) == ("unknown processor", None)
    assert processor(tmp_path / "absent").socket_threads is None


def test_installed_memory_is_what_the_kernel_counts(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal:       16777216 kB\nMemFree:  1 kB\n")
    assert installed_gib(tmp_path / "meminfo") == 16
    (tmp_path / "meminfo").write_text("nothing")
    assert installed_gib(tmp_path / "meminfo") is None
    assert installed_gib(tmp_path / "absent") is None


@pytest.mark.parametrize(
    ("shown", "tabled"),
    [
        ("Intel(R) Xeon(R) Platinum 8280 CPU @ 2.70GHz", "Intel Xeon Platinum 8280"),
        ("AMD EPYC 7763 64-Core Processor", "AMD EPYC 7763"),
        ("11th Gen Intel(R) Core(TM) i7-1165G7 @ 2.80GHz", "Intel Core i7-1165G7"),
        ("AMD Ryzen 7 5700G with Radeon Graphics", "AMD Ryzen 7 5700G"),
    ],
)
def test_names_of_the_kernel_and_of_tables_meet(shown: str, tabled: str) -> None:
    assert normal_name(shown) == normal_name(tabled)


def test_the_same_name_finds_its_tdp(tmp_path: Path) -> None:
    known = table(tmp_path)
    assert known.watts("Intel(R) Xeon(R) Platinum 8280 CPU @ 2.70GHz") == 205
    assert known.watts("AMD EPYC 7763 64-Core Processor") == 280


@pytest.mark.parametrize(
    "name",
    ["AMD EPYC", "AMD EPYC 7763X", "Intel Atom E625CT", "Intel Celeron 1000A", "Broken", "Absurd"],
)
def test_a_near_an_ambiguous_or_an_absurd_entry_finds_none(tmp_path: Path, name: str) -> None:
    assert table(tmp_path).watts(name) is None


def test_what_is_no_table_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="columns Name, TDP are missing"):
        table(tmp_path, "a,b\n1,2\n")
    with pytest.raises(Unavailable, match="cannot read"):
        TdpTable(tmp_path / "absent.csv", "x")
    (tmp_path / "bytes.csv").write_bytes(b"Name,TDP\n\xff\xfe,1\n")
    with pytest.raises(Unavailable, match="cannot read"):
        TdpTable(tmp_path / "bytes.csv", "x")


def test_the_installed_table_is_found_by_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    (site / "codecarbon" / "data" / "hardware").mkdir(parents=True)
    (site / "codecarbon-9.9.dist-info").mkdir()
    (site / "codecarbon-9.9.dist-info" / "METADATA").write_text("Name: codecarbon\nVersion: 9.9\n")
    (site / "codecarbon" / "data" / "hardware" / "cpu_power.csv").write_text(TABLE)
    (site / "codecarbon" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.syspath_prepend(str(site))
    found = tdp_table()
    assert (found.source, found.watts("AMD EPYC 7763")) == ("codecarbon 9.9", 280)


def test_without_the_package_it_says_how_to_add_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lichen.energy.power.processors.TDP_PACKAGE", "no_such_package_of_tdp")
    with pytest.raises(Unavailable, match=r"lichen\[tdp\]"):
        tdp_table()
