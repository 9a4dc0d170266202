"""Which meter is chosen, why, and what nobody can know."""

import sys
from pathlib import Path
from typing import Protocol

import pytest

from lichen.core.errors import InvalidInput, Unavailable
from lichen.core.figures import Method
from lichen.energy.cards.replay_cards import ReplayCard, ReplayNvml
from lichen.energy.cgroup import CgroupPaths
from lichen.energy.meter import Meter
from lichen.energy.probe import HostPaths, MeterChoice, best_meter, check
from lichen.energy.surroundings import SurroundingPaths
from lichen.energy.survey import MeterSurvey, survey

KEPLER = b'kepler_node_cpu_joules_total{zone="package",node_name="n"} 5\n'
HYBRID = ("0-15\n", "16-23\n")
MODULE = """
from lichen.energy.readers.replay import NullMeter
from lichen.core.errors import Unavailable


class Wall(NullMeter):
    name = "wallbox"
    source = "wallbox at the rack"


def absent():
    raise Unavailable("the wallbox does not answer: plug it in")
"""
ENTRY_POINTS = """[lichen.meters]
wallbox = wallbox_meter:Wall
unplugged = wallbox_meter:absent
broken = wallbox_meter:Missing
"""


class Tree(Protocol):
    folder: Path


def host(
    folder: Path, powercap: Path | None = None, cpuinfo: str = "", cgroup: str = ""
) -> MeterChoice:
    (folder / "cpuinfo").write_text(cpuinfo)
    (folder / "cgroup").write_text(cgroup)
    (folder / "vendor").write_text("Dell Inc.\n")
    (folder / "stat").write_text("cpu 1 2 3 4 5 6 7 8 9\n")
    around = SurroundingPaths(
        folder / "cpuinfo",
        folder / "vendor",
        folder / "cgroup",
        (folder / ".dockerenv",),
        folder / "devices",
        folder / "model",
        folder / "mounts",
    )
    paths = HostPaths(
        powercap=powercap or folder / "none",
        stat=folder / "stat",
        drm=folder / "drm",
        devices=folder / "dev",
        cpuinfo=folder / "cpuinfo",
        meminfo=folder / "none",
        cgroup=CgroupPaths(folder / "cgroups", folder / "cgroup"),
        surroundings=around,
    )
    return MeterChoice(paths=paths)


def asking(choice: MeterChoice, meter: str = "auto", **said: str) -> MeterChoice:
    return MeterChoice(meter, paths=choice.paths, **said)


def devices(folder: Path) -> None:
    """What drivers of both makers put into /dev."""
    (folder / "dev").mkdir()
    for name in ("nvidiactl", "kfd"):
        (folder / "dev" / name).touch()


def option(found: MeterSurvey, name: str) -> tuple[bool, str]:
    (one,) = [one for one in found.options if one.name == name]
    return one.available, one.detail


def test_counters_are_chosen_over_the_model(tmp_path: Path, powercap: Tree) -> None:
    choice = host(tmp_path, powercap.folder, "model name\t: AMD EPYC 7B13\nflags\t\t: fpu sse\n")
    found = survey(choice)
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
    assert option(found, "rapl")[0] is False
    assert option(found, "model")[0] is True
    assert "no RAPL counters" in found.why
    assert found.unknowable


def test_a_virtual_machine_and_a_container_are_noticed(tmp_path: Path) -> None:
    cgroup = "0::/system.slice/docker-1.scope\n"
    found = survey(host(tmp_path, None, "flags\t: fpu hypervisor\n", cgroup))
    assert found.virtual_machine
    assert found.container
    assert "virtual machine" in found.why
    assert any("guests" in line for line in found.unknowable)


def test_a_mark_file_tells_a_container(tmp_path: Path) -> None:
    (tmp_path / ".dockerenv").touch()
    assert survey(host(tmp_path)).container


def test_hybrid_cores_are_said_to_share_one_slope(tmp_path: Path) -> None:
    for kind, cpus in zip(("cpu_core", "cpu_atom"), HYBRID, strict=True):
        (tmp_path / "devices" / kind).mkdir(parents=True)
        (tmp_path / "devices" / kind / "cpus").write_text(cpus)
    found = survey(host(tmp_path))
    assert found.cores == "16 performance + 8 efficiency threads"
    assert any("one slope" in line for line in found.modelled)


def test_an_exporter_is_read_where_counters_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lichen.energy.readers.scraping.Endpoint.get", lambda _self: KEPLER)
    choice = asking(host(tmp_path), prometheus_url="http://node:28282/metrics")
    found = survey(choice)
    assert (found.chosen, found.method) == ("kepler", Method.MEASURED)
    assert found.source == "kepler at node:28282"
    assert "exporter" in found.why
    assert any("kepler counts" in line for line in found.measured)


def test_an_exporter_that_is_down_leaves_the_model(tmp_path: Path) -> None:
    choice = asking(host(tmp_path), prometheus_url="http://127.0.0.1:1/metrics")
    found = survey(choice)
    assert found.chosen == "model"
    available, detail = option(found, "prometheus")
    assert not available
    assert "does not answer" in detail


def test_an_exporter_that_is_asked_for_by_name_and_down_is_told_not_raised(tmp_path: Path) -> None:
    choice = asking(host(tmp_path), "prometheus", prometheus_url="http://127.0.0.1:1/metrics")
    found = survey(choice)
    assert found.chosen == "prometheus"
    assert "cannot be read now" in found.why
    assert "does not answer" in found.why
    with pytest.raises(Unavailable, match="does not answer"):
        best_meter(choice)


def test_cards_are_metered_beside_the_processors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = ReplayNvml([ReplayCard("NVIDIA L4")])
    monkeypatch.setitem(sys.modules, "pynvml", library)
    choice = host(tmp_path)
    assert survey(choice).chosen == "model"
    devices(tmp_path)
    found = survey(choice)
    assert (found.chosen, found.method) == ("model+nvml", Method.MIXED)
    assert option(found, "nvml") == (True, "counters of NVIDIA L4 0")
    assert "accelerators (nvml)" in found.measured
    assert survey(asking(choice, accelerators="none")).chosen == "model"
    assert library.started == 0


def test_cards_that_are_asked_for_and_absent_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(Unavailable, match="nvidiactl"):
        best_meter(asking(host(tmp_path), accelerators="nvml"))
    devices(tmp_path)
    with pytest.raises(Unavailable, match="nvidia-ml-py"):
        best_meter(asking(host(tmp_path), accelerators="nvml"))


def test_a_card_that_falls_away_at_once_lets_go_of_the_driver(tmp_path: Path) -> None:
    hwmon = tmp_path / "drm" / "card1" / "device" / "hwmon" / "hwmon2"
    hwmon.mkdir(parents=True)
    (hwmon / "energy1_input").write_text("nothing\n")
    with pytest.raises(Unavailable, match="energy1_input"):
        best_meter(asking(host(tmp_path), accelerators="hwmon"))
    (hwmon / "energy1_input").write_text("77\n")
    meter = best_meter(asking(host(tmp_path), accelerators="hwmon"))
    assert meter.name == "model+hwmon"
    meter.close()


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"meter": "wattson"}, "choose one of auto, rapl, prometheus"),
        ({"accelerators": "tpu"}, "choose one of auto, none, nvml"),
        ({"meter": "prometheus"}, "prometheus_url"),
        ({"prometheus_url": "kepler"}, "no address"),
    ],
)
def test_names_that_mean_nothing_are_refused(said: dict[str, str], why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        check(MeterChoice(**said))  # type: ignore[arg-type] # all of them are texts
    with pytest.raises(InvalidInput, match=why):
        best_meter(MeterChoice(**said))  # type: ignore[arg-type] # all of them are texts


def test_a_meter_that_is_asked_for_and_absent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no RAPL counters"):
        best_meter(asking(host(tmp_path), "rapl"))
    with pytest.raises(Unavailable, match="no CPU accounting"):
        best_meter(asking(host(tmp_path), "container"))


@pytest.fixture
def third_party(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another package's meter, installed as pip would: a module, and metadata with entry points."""
    site = tmp_path / "site"
    metadata = site / "wallbox_meter-1.0.dist-info"
    metadata.mkdir(parents=True)
    (site / "wallbox_meter.py").write_text(MODULE)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: wallbox-meter\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delitem(sys.modules, "wallbox_meter", raising=False)


@pytest.mark.usefixtures("third_party")
def test_an_installed_package_adds_a_meter(tmp_path: Path) -> None:
    choice = host(tmp_path)
    meter: Meter = best_meter(asking(choice, "wallbox"))
    assert (meter.name, meter.source) == ("wallbox", "wallbox at the rack")
    found = survey(choice)
    assert found.chosen == "model"
    assert option(found, "wallbox") == (True, "wallbox at the rack")
    assert option(found, "unplugged") == (False, "the wallbox does not answer: plug it in")
    assert "cannot be loaded" in option(found, "broken")[1]
    assert survey(asking(choice, "wallbox")).why == "the setting asks for it: meter = wallbox"


def test_this_machine_always_has_a_meter() -> None:
    meter = best_meter()
    assert meter.read().at_ns > 0
    meter.close()
    found = survey()
    assert found.chosen == meter.name
    assert found.threads >= 1
