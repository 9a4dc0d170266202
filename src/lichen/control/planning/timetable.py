"""Jobs on places, one put down or taken up at a time: never more on a place than it holds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lichen.control.planning.cheapest import soonest_block, soonest_spread
from lichen.control.planning.course import FAR
from lichen.control.planning.need import Need, Spans
from lichen.control.planning.option import Option
from lichen.control.planning.pieces import Pieces, pieces_of
from lichen.control.planning.places import Place, holds
from lichen.control.planning.workload import Site, Workload

MOST_TRIED = 16
"""Places of one zone that are compared for one job, once one of them will do."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A job on a place; `planned_g` as in `Option.planned_g`."""

    option: Option
    place: Place
    spans: Spans
    planned_g: float

    @property
    def need(self) -> Need:
        """Whose."""
        return self.option.need

    @property
    def late(self) -> int:
        """Microseconds by which it misses its deadline."""
        return max(0, self.spans[-1][1] - self.need.due)


class Timetable:
    """Who runs where and when."""

    def __init__(self, sites: Sequence[Site]) -> None:
        self._places: dict[str, list[Place]] = {}
        for site in sites:
            self._places.setdefault(site.zone, []).append(Place(site))
        self.placed: dict[str, Placed] = {}

    @property
    def is_on_time(self) -> bool:
        """Whether only those are late that would be late alone."""
        return all(one.need.is_late or not one.late for one in self.placed.values())

    def put(self, placed: Placed) -> None:
        """The job is to run there and then."""
        placed.place.take(placed.need.workload, placed.spans)
        self.placed[placed.need.workload.id] = placed

    def take_up(self, placed: Placed) -> None:
        """The opposite of `put`."""
        placed.place.give_back(placed.need.workload, placed.spans)
        del self.placed[placed.need.workload.id]

    def cheapest(self, options: Sequence[Option]) -> Placed | None:
        """The cheapest time in free places that endangers no deadline; None where there is none."""
        found = [one for option in options for one in self._cheapest_in(option)]
        return min(found, key=lambda one: one.planned_g, default=None)

    def soonest(self, options: Sequence[Option]) -> Placed:
        """The time in free places that ends soonest, whatever the carbon and the deadline."""
        found = [one for option in options for one in self._soonest_in(option)]
        return min(found, key=lambda one: (one.spans[-1][1], one.planned_g))

    def fitting(self, option: Option, spans: Spans) -> Placed | None:
        """A place of the option's zone that is free in these spans; None where none is."""
        workload = option.need.workload
        for place in self._places_for(option.zone, workload):
            if place.is_free(workload, spans):
                return Placed(option, place, spans, option.planned_g(spans))
        return None

    def forced(self, option: Option) -> Placed:
        """A job that runs already and cannot pause: on a place with room, else on any."""
        spans = (option.need.at_once,)
        place = next(self._places_for(option.zone, option.need.workload))
        return self.fitting(option, spans) or Placed(option, place, spans, option.planned_g(spans))

    def places_in(self, zone: str) -> list[Place]:
        """The places of a zone."""
        return self._places.get(zone, [])

    def _cheapest_in(self, option: Option) -> Iterator[Placed]:
        workload = option.need.workload
        for tried, place in enumerate(self._places_for(option.zone, workload), start=1):
            spans = option.cheapest(place.free(workload, option.window))
            if spans is not None:
                yield Placed(option, place, spans, option.planned_g(spans))
                if tried >= MOST_TRIED:
                    return

    def _soonest_in(self, option: Option) -> Iterator[Placed]:
        need = option.need
        whole = pieces_of(option.course, need.release, FAR)
        for tried, place in enumerate(self._places_for(option.zone, need.workload)):
            if tried >= MOST_TRIED:
                return
            free = place.free(need.workload, whole)
            spans = soonest_spans(need, free)
            if spans is not None:
                yield Placed(option, place, spans, option.planned_g(spans))

    def _places_for(self, zone: str, workload: Workload) -> Iterator[Place]:
        """Those that can hold it; of places alike on which nothing runs yet, one."""
        empty: set[Site] = set()
        for place in self._places.get(zone, ()):
            if place.is_empty:
                if place.site in empty:
                    continue
                empty.add(place.site)
            if holds(place.site, workload):
                yield place


def soonest_spans(need: Need, free: Pieces) -> Spans | None:
    """The first spans in free time that are long enough."""
    if need.workload.interruptible:
        return soonest_spread(free, need.work)
    block = soonest_block(free, need.work)
    return None if block is None else (block,)
