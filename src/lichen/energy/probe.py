"""Choose the best meter that this machine offers, or the one that is asked for (M1, M4, M5).

Meters are loaded by name when they are chosen, so that looking at one costs nothing of another.
Third parties add theirs to the entry-point group `lichen.meters`: a name, and a function without
arguments that gives a `Meter` or raises `Unavailable`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from lichen.core.errors import InvalidInput, Unavailable
from lichen.core.plugins import installed, load_object
from lichen.energy.cards.cards import Cards
from lichen.energy.cgroup import CgroupPaths
from lichen.energy.host_cpu import PROC_STAT
from lichen.energy.meter import Meter
from lichen.energy.power.machine import Assumption, assume, this_machine
from lichen.energy.power.processors import CPUINFO, MEMINFO
from lichen.energy.readers.rapl import POWERCAP, RaplMeter
from lichen.energy.surroundings import SurroundingPaths

AUTO, NONE = "auto", "none"
GROUP = "lichen.meters"
METERS = ("rapl", "prometheus", "container", "model")
"""Those that come with the package; the best first."""
CARDS = {
    "nvml": "lichen.energy.cards.nvml:Nvml",
    "amdsmi": "lichen.energy.cards.amdsmi:AmdSmi",
    "hwmon": "lichen.energy.cards.hwmon:Hwmon",
}
"""Libraries of accelerators, by the name that the setting gives them."""
CARD_DEVICES = {"nvml": ("nvidiactl", "dxg"), "amdsmi": ("kfd",), "hwmon": ()}
"""What their drivers put into /dev (`dxg` within WSL2): without it no library is imported."""


@dataclass(frozen=True, slots=True)
class HostPaths:
    """Where the kernel shows the host; tests give a recorded tree."""

    powercap: Path = POWERCAP
    stat: Path = PROC_STAT
    drm: Path = Path("/sys/class/drm")
    devices: Path = Path("/dev")
    cpuinfo: Path = CPUINFO
    meminfo: Path = MEMINFO
    cgroup: CgroupPaths = field(default_factory=CgroupPaths)
    surroundings: SurroundingPaths = field(default_factory=SurroundingPaths)
    calibration: Path | None = None


THIS_HOST = HostPaths()


@dataclass(frozen=True, slots=True)
class MeterChoice:
    """Which meter is wanted, by the settings' names, and where its parts stand.

    `meter` is `auto`, one of `METERS`, or what an installed package adds; `accelerators` is
    `auto`, `none` or one of `CARDS`.
    """

    meter: str = AUTO
    accelerators: str = AUTO
    prometheus_url: str | None = None
    paths: HostPaths = THIS_HOST


BEST = MeterChoice()


def best_meter(choice: MeterChoice = BEST) -> Meter:
    """What is chosen; `auto` always gives one: counters if they can be read, otherwise the model.

    Raises:
        InvalidInput: there is no meter of that name, or its address is none.
        Unavailable: the one that is asked for by name cannot be read here.
    """
    processors = _processors(choice)
    cards = _cards(choice)
    if cards is None:
        return processors
    try:
        made: Meter = load_object("lichen.energy.readers.host_meter:with_cards")(processors, cards)
    except Unavailable:
        processors.close()
        raise
    return made


def assumed(paths: HostPaths = THIS_HOST) -> Assumption:
    """What the model takes for this host, and why."""
    return assume(this_machine(paths.cpuinfo, paths.meminfo), paths.calibration)


def check(choice: MeterChoice) -> None:
    """Refuse a name that means nothing, before anything is opened.

    Raises:
        InvalidInput: the message names those there are.
    """
    known = (AUTO, *METERS, *installed(GROUP))
    if choice.meter not in known:
        raise InvalidInput(
            f"setting meter is {choice.meter!r}, and no installed package adds a meter of that "
            f"name; choose one of {', '.join(known)}"
        )
    if choice.accelerators not in (AUTO, NONE, *CARDS):
        raise InvalidInput(
            f"setting accelerators is {choice.accelerators!r}; "
            f"choose one of {', '.join((AUTO, NONE, *CARDS))}"
        )
    if choice.prometheus_url is not None:
        load_object("lichen.energy.readers.scraping:Endpoint")(choice.prometheus_url)
    if choice.meter == "prometheus" and choice.prometheus_url is None:
        raise InvalidInput("setting meter is 'prometheus': say where, in setting prometheus_url")


def open_named(name: str, choice: MeterChoice) -> Meter:
    """One meter of the processors.

    Raises:
        InvalidInput: there is none of that name.
        Unavailable: it cannot be read here.
    """
    made: Meter
    match name:
        case "rapl":
            return RaplMeter(choice.paths.powercap)
        case "model":
            return assumed(choice.paths).meter()
        case "container":
            made = load_object("lichen.energy.readers.container:container_meter")(
                assumed(choice.paths), choice.paths.cgroup
            )
        case "prometheus":
            check(choice)
            made = load_object("lichen.energy.readers.prometheus:PrometheusMeter")(
                choice.prometheus_url
            )
        case _:
            made = _third_party(name)
    return made


def _third_party(name: str) -> Meter:
    loader = installed(GROUP).get(name)
    if loader is None:
        raise InvalidInput(
            f"no meter is called {name!r}: {', '.join((*METERS, *installed(GROUP)))}"
        )
    try:
        factory: Callable[[], Meter] = loader()
    except (ImportError, AttributeError) as error:
        raise Unavailable(f"the meter {name!r} cannot be loaded: {error}") from error
    return factory()


def _processors(choice: MeterChoice) -> Meter:
    if choice.meter != AUTO:
        check(choice)
        return open_named(choice.meter, choice)
    for name in counted(choice):
        try:
            return open_named(name, choice)
        except Unavailable:
            continue
    return assumed(choice.paths).meter()


def counted(choice: MeterChoice) -> tuple[str, ...]:
    """The counters that `auto` tries, in this order; an endpoint only where its address is set."""
    return ("rapl",) if choice.prometheus_url is None else ("rapl", "prometheus")


def open_cards(name: str, choice: MeterChoice) -> Cards:
    """One library of accelerators.

    Raises:
        Unavailable: it is not installed, or finds no card with a counter.
    """
    wanted = CARD_DEVICES[name]
    if wanted and not any((choice.paths.devices / one).exists() for one in wanted):
        raise Unavailable(
            f"no such card here: its driver would show {choice.paths.devices / wanted[0]}"
        )
    made = load_object(CARDS[name])
    cards: Cards = made(choice.paths.drm) if name == "hwmon" else made()
    return cards


def _cards(choice: MeterChoice) -> Cards | None:
    if choice.accelerators == NONE:
        return None
    if choice.accelerators != AUTO:
        check(choice)
        return open_cards(choice.accelerators, choice)
    for name in CARDS:
        try:
            return open_cards(name, choice)
        except Unavailable:
            continue
    return None
