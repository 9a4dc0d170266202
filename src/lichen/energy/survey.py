"""What this host offers: each meter, why it can be read or not, and what nobody can know (M5)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from lichen.core.errors import LichenError, Unavailable
from lichen.core.figures import Method
from lichen.core.plugins import installed
from lichen.energy.meter import Meter
from lichen.energy.power.machine import Assumption
from lichen.energy.power.processors import UNKNOWN
from lichen.energy.probe import (
    AUTO,
    BEST,
    CARDS,
    GROUP,
    METERS,
    NONE,
    HostPaths,
    MeterChoice,
    assumed,
    best_meter,
    open_cards,
    open_named,
)
from lichen.energy.readers.rapl import zones
from lichen.energy.surroundings import Surroundings, look_at


@dataclass(frozen=True, slots=True)
class MeterOption:
    """One way to meter this host: whether it works here and, if not, what would make it work."""

    name: str
    available: bool
    detail: str


@dataclass(frozen=True, slots=True)
class MeterSurvey:
    """What this host offers: the meter chosen and why; what is measured, modelled, unknowable.

    `cores` says which kinds of cores there are, empty where all are alike; `sockets` is None where
    the kernel does not say.
    """

    chosen: str
    method: Method
    source: str
    why: str
    options: tuple[MeterOption, ...]
    measured: tuple[str, ...]
    modelled: tuple[str, ...]
    unknowable: tuple[str, ...]
    processor: str
    threads: int
    sockets: int | None
    cores: str
    virtual_machine: bool
    container: bool


def survey(choice: MeterChoice = BEST) -> MeterSurvey:
    """Look at every meter this host might have, choose, and say what it can know.

    Raises:
        InvalidInput: the meter that is asked for does not exist.
    """
    machine = look_at(choice.paths.surroundings)
    assumption = assumed(choice.paths)
    options = tuple(_options(choice, assumption))
    chosen, method, source, absent = _chosen(choice, options)
    return MeterSurvey(
        chosen=chosen,
        method=method,
        source=source,
        why=absent or _why(chosen, choice, options, machine),
        options=options,
        measured=tuple(_measured(chosen, method, choice.paths)),
        modelled=tuple(_modelled(chosen, method, machine, assumption)),
        unknowable=tuple(_unknowable(chosen, machine, at_wall=_at_wall(chosen, source))),
        processor=_named(assumption, machine),
        threads=machine.threads,
        sockets=machine.sockets,
        cores=machine.cores,
        virtual_machine=machine.virtual_machine,
        container=machine.container,
    )


def _chosen(
    choice: MeterChoice, options: tuple[MeterOption, ...]
) -> tuple[str, Method, str, str | None]:
    """Name, method and source of the meter, and why it cannot be read now, if so."""
    silent = any(one.name == "prometheus" and not one.available for one in options)
    if choice.meter == AUTO and silent:  # it was asked already: nobody waits for it twice
        choice = replace(choice, prometheus_url=None)
    try:
        meter = best_meter(choice)
    except Unavailable as error:
        why = f"the setting asks for it, and it cannot be read now: {error}"
        return choice.meter, Method.MODELLED, f"{choice.meter}, silent", why
    told = meter.name, meter.method, meter.source, None
    meter.close()
    return told


def _options(choice: MeterChoice, assumption: Assumption) -> Iterator[MeterOption]:
    for name in METERS:
        yield _of_processors(name, choice, assumption)
    for name in CARDS:
        yield _of_cards(name, choice)
    for name in installed(GROUP):
        yield _of_processors(name, choice, assumption)


def _of_processors(name: str, choice: MeterChoice, assumption: Assumption) -> MeterOption:
    if name == "prometheus" and choice.prometheus_url is None:
        says = "no address: set prometheus_url to Kepler's or Scaphandre's exporter on this machine"
        return MeterOption(name, available=False, detail=says)
    if name == "model":
        return MeterOption(name, available=True, detail=_model_says(choice, assumption))
    return _option(name, lambda: _tried(open_named(name, choice)))


def _option(name: str, says: Callable[[], str]) -> MeterOption:
    try:
        return MeterOption(name, available=True, detail=says())
    except LichenError as error:
        return MeterOption(name, available=False, detail=str(error))


def _tried(meter: Meter) -> str:
    source = meter.source
    meter.close()
    return source


def _of_cards(name: str, choice: MeterChoice) -> MeterOption:
    def says() -> str:
        cards = open_cards(name, choice)
        found = ", ".join(one.name for one in cards.devices)
        cards.close()
        return f"counters of {found}"

    if choice.accelerators == NONE:
        return MeterOption(name, available=False, detail="not looked at: accelerators = none")
    return _option(name, says)


def _model_says(choice: MeterChoice, assumption: Assumption) -> str:
    seen = "of the whole host" if choice.paths.stat.exists() else "of our own processes alone"
    return f"CPU time {seen} at {assumption.parameters.slope.watts} per busy thread"


def _named(assumption: Assumption, machine: Surroundings) -> str:
    """The processor's name; that of an ARM is put together from its parts."""
    known = assumption.machine.processor.name
    return machine.processor if known == UNKNOWN else known


def _why(
    chosen: str, choice: MeterChoice, options: tuple[MeterOption, ...], machine: Surroundings
) -> str:
    if choice.meter != "auto":
        return f"the setting asks for it: meter = {choice.meter}"
    processors = chosen.partition("+")[0]
    if processors == "rapl":
        return "the processor's own energy counters can be read"
    if processors != "model":
        return "no counter of the processor can be read, and an exporter on this host reads them"
    if machine.virtual_machine:
        return "a virtual machine, to which its host shows no energy counter: CPU time is modelled"
    return f"no energy counter can be read ({options[0].detail}): CPU time is modelled"


def _measured(chosen: str, method: Method, paths: HostPaths) -> Iterator[str]:
    """What a counter covers."""
    processors, _, cards = chosen.partition("+")
    if processors == "rapl":
        names = {zone.name for zone in zones(paths.powercap)}
        yield "processor packages"
        if "dram" in names:
            yield "memory"
    elif processors not in ("model", *METERS) and method is not Method.MODELLED:
        yield f"what {processors} counts of the processors and their memory"
    if cards:
        yield f"accelerators ({cards})"


def _modelled(
    chosen: str, method: Method, machine: Surroundings, assumption: Assumption
) -> Iterator[str]:
    """What a model stands for."""
    processors = chosen.partition("+")[0]
    if processors == "model":
        yield "processor and memory energy, from busy CPU time"
        yield "idle energy"
        yield from assumption.sentences
        if machine.cores:
            yield "fast and small cores alike: one slope stands for both"
        if machine.counts_container_alone:
            yield "this container alone: its runtime shows it no other CPU time"
        return
    if method is Method.MODELLED:
        yield f"processor and memory energy, by {processors}'s own estimate"
    yield "idle energy, until a quiet second was seen"
    yield "how the processor's energy divides over what ran at once: by CPU time"


def _at_wall(chosen: str, source: str) -> bool:
    """Whether watts are those of whole machines at the wall: the model, unless RAPL taught it."""
    return chosen.partition("+")[0] == "model" and "against rapl" not in source


def _unknowable(chosen: str, machine: Surroundings, *, at_wall: bool) -> Iterator[str]:
    """What nobody on this host can know; it is absent from every figure, never 0 (M5)."""
    if at_wall:
        yield "cooling of the building (PUE in settings stands for it)"
        yield "how disks and network differ from a typical server's"
    else:
        yield "power supply and cooling losses (PUE in settings stands for them)"
        yield "disks, network"
    if "+" not in chosen:
        yield "accelerators, if there are any that the list above does not show as read"
    if machine.virtual_machine:
        yield "what other guests of the same physical machine use"
    if machine.container and not machine.counts_container_alone:
        yield "whether the kernel shows this container all of its host's CPU time"
    if machine.cores and not chosen.startswith("model"):
        yield "which kind of core a second of CPU time ran on: one rate stands for both"
