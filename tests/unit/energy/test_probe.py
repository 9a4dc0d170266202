"""Which meter is chosen, why, and what nobody can know."""

from pathlib import Path
from typing import Protocol

from lichen.core.figures import Method
from lichen.energy.probe import HostPaths, best_meter, survey


class Tree(Protocol):
    folder: Path


def host(
    folder: Path, powercap: Path | None = None, cpuinfo: str = "", cgroup: str = ""
) -> HostPaths:
    (folder / "cpuinfo").write_text(cpuinfo)
    (folder / "cgroup").write_text(cgroup)
    (folder / "vendor").write_text("Dell Inc.\n")
    (folder / "stat").write_text("cpu 1 2 3 4 5 6 7 8 9\n")
    return HostPaths(
        powercap or folder / "none",
        folder / "stat",
        folder / "cpuinfo",
        folder / "vendor",
        folder / "cgroup",
        (folder / ".dockerenv",),
    )


def test_counters_are_chosen_over_the_model(tmp_path: Path, powercap: Tree) -> None:
    paths = host(tmp_path, powercap.folder, "model name\t: AMD EPYC 7B13\nflags\t\t: fpu sse\n")
    found = survey(paths)
    assert (found.chosen, found.method) == ("rapl", Method.MEASURED)
    assert found.measured == ("processor packages", "memory")
    assert found.processor == "AMD EPYC 7B13"
    assert not found.virtual_machine
    assert not found.container
    assert "counters can be read" in found.why


def test_without_counters_the_model_is_chosen_and_says_so(tmp_path: Path) -> None:
    found = survey(host(tmp_path))
    assert (found.chosen, found.method) == ("model", Method.MODELLED)
    assert found.measured == ()
    assert [option.available for option in found.options] == [False, True]
    assert "no RAPL counters" in found.why
    assert found.unknowable


def test_a_virtual_machine_and_a_container_are_noticed(tmp_path: Path) -> None:
    paths = host(tmp_path, None, "flags\t: fpu hypervisor\n", "0::/system.slice/docker-1.scope\n")
    found = survey(paths)
    assert found.virtual_machine
    assert found.container
    assert "virtual machine" in found.why
    assert any("guests" in line for line in found.unknowable)


def test_a_mark_file_tells_a_container(tmp_path: Path) -> None:
    (tmp_path / ".dockerenv").touch()
    assert survey(host(tmp_path)).container


def test_this_machine_always_has_a_meter() -> None:
    meter = best_meter()
    assert meter.read().at_ns > 0
    meter.close()
    found = survey()
    assert found.chosen == meter.name
    assert found.threads >= 1
