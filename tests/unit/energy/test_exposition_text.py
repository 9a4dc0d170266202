"""Samples out of the text format, and what an exporter shows of its host."""

import pytest

from lichen.core.errors import Unavailable
from lichen.core.figures import Method
from lichen.energy.readers.exposition import samples
from lichen.energy.readers.prometheus import exposed

KEPLER = b"""# HELP kepler_node_cpu_joules_total Energy consumption of cpu at node level in joules
# TYPE kepler_node_cpu_joules_total counter
kepler_node_cpu_joules_total{node_name="n1",path="/sys/powercap/intel-rapl:0",zone="package"} 1234.5
kepler_node_cpu_joules_total{node_name="n1",path="/sys/powercap/intel-rapl:1",zone="package"} 1e+03
kepler_node_cpu_joules_total{node_name="n1",path="/sys/x",zone="core"} 900
kepler_node_cpu_joules_total{node_name="n1",path="/sys/y",zone="dram"} 100.25
kepler_node_cpu_joules_total{node_name="n1",path="/sys/z",zone="psys"} 9000
kepler_process_cpu_joules_total{pid="7",comm="kepler_node_cpu_joules_total{",zone="package"} 3
"""
BEFORE = b"""kepler_node_info{components_power_source="%s",cpu_architecture="Cascade Lake"} 1
kepler_node_package_joules_total{instance="n1",mode="dynamic",package="0",source="rapl-sysfs"} 40
kepler_node_package_joules_total{instance="n1",mode="idle",package="0",source="rapl-sysfs"} 60
kepler_node_dram_joules_total{instance="n1",mode="dynamic",package="0",source="rapl-sysfs"} 5
kepler_node_platform_joules_total{instance="n1",mode="dynamic",source="acpi"} 300
"""


def joules(body: bytes) -> float:
    return sum(nj for _, nj in exposed(body).series) / 1e9


def test_of_kepler_packages_and_memory_are_counted_once() -> None:
    found = exposed(KEPLER)
    assert (found.exporter, found.method, len(found.series)) == ("kepler", Method.MEASURED, 3)
    assert joules(KEPLER) == 1234.5 + 1000 + 100.25


def test_kepler_before_its_rewrite_splits_by_mode() -> None:
    assert joules(BEFORE % b"rapl-sysfs") == 105
    assert exposed(BEFORE % b"rapl-sysfs").method is Method.MEASURED


def test_what_kepler_estimated_is_modelled() -> None:
    assert exposed(BEFORE % b"estimator").method is Method.MODELLED


def test_scaphandre_counts_microjoules() -> None:
    body = b"scaph_host_power_microwatts 7000000\nscaph_host_energy_microjoules 2500000\n"
    assert joules(body) == 2.5


@pytest.mark.parametrize("value", ["NaN", "-3", "+Inf", "1e300", "many", ""])
def test_garbage_is_refused(value: str) -> None:
    with pytest.raises(Unavailable, match="garbage"):
        exposed(f"scaph_host_energy_microjoules {value}\n".encode())


def test_labels_without_an_end_are_garbage() -> None:
    with pytest.raises(Unavailable, match="without an end"):
        exposed(b'kepler_node_cpu_joules_total{zone="package" 4\n')


def test_several_hosts_are_refused() -> None:
    body = KEPLER + KEPLER.replace(b'"n1"', b'"n2"')
    with pytest.raises(Unavailable, match="2 hosts"):
        exposed(body)


@pytest.mark.parametrize(
    "body", [b"", b"<html>hello</html>", b"up 1\n# kepler\n", b"\xff\x00" * 99]
)
def test_an_endpoint_of_something_else_is_refused(body: bytes) -> None:
    with pytest.raises(Unavailable, match="neither kepler_node_cpu_joules_total"):
        exposed(body)


def test_escapes_braces_and_times_are_read() -> None:
    body = b'x{a="q\\"}\\\\",b="}"} 4.5 1700000000000\nx_sum 9\nx 3'
    found = list(samples(body, "x"))
    assert [(one.label("a"), one.label("b"), one.value) for one in found] == [
        ('q"}\\', "}", 4.5),
        ("", "", 3.0),
    ]
