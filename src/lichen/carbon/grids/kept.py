"""What services said, kept in one file each: written by whoever fetches, read by every process.

A reader looks at the file again when it was replaced, and waits for nobody.
"""

import json
from bisect import bisect_right
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from lichen.carbon.grids.observations import Answer, Method, Point, moment_of
from lichen.carbon.intensity import IntensityValue, Kind, Scope, Signal
from lichen.core.errors import NotFound, Unavailable
from lichen.store.failures import storage_failures
from lichen.store.whole_files import replace_file

CARRY_GROWTH_PER_HOUR = 0.18
"""How much wider the interval of a carried value is by the hour: 5 and 95 % of what an hour is
beside the one h hours before it are within 1 / (1 + 0.18 h) and 1 + 0.18 h in Spain 2022 and
California 2021 and 2022 (Electricity Maps, life-cycle, h up to 6)."""

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of one service: its last answer, and what went wrong the last time, if so."""

    answer: Answer | None
    asked_at: datetime | None = None
    answered_at: datetime | None = None
    problem: str = ""
    failures: int = 0
    next_at: datetime | None = None


def kept_file(folder: Path, name: str) -> Path:
    """Where what the service of that name said is kept."""
    return folder / f"{name}.json"


def write_kept(path: Path, kept: Kept) -> None:
    """Replace the file whole.

    Raises:
        StorageFailed: the disk is full or read-only.
    """
    written = {
        "format": FORMAT,
        "answer": None if kept.answer is None else _answer_as_json(kept.answer),
        "asked_at": _second(kept.asked_at),
        "answered_at": _second(kept.answered_at),
        "problem": kept.problem,
        "failures": kept.failures,
        "next_at": _second(kept.next_at),
    }
    with storage_failures(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_file(path, json.dumps(written).encode())


def read_kept(path: Path) -> Kept:
    """What the file holds.

    Raises:
        Unavailable: nothing was fetched yet, or the file is damaged.
    """
    try:
        return _parsed(json.loads(path.read_bytes()))
    except FileNotFoundError:
        raise Unavailable("nothing was fetched yet") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as damage:
        raise Unavailable(
            f"{path} cannot be read and is fetched again: {type(damage).__name__}"
        ) from None


def _parsed(written: dict[str, Any]) -> Kept:
    if written["format"] != FORMAT:
        raise ValueError("another format")
    said = written["answer"]
    return Kept(
        None if said is None else _answer_of(said),
        _moment(written["asked_at"]),
        _moment(written["answered_at"]),
        str(written["problem"]),
        int(written["failures"]),
        _moment(written["next_at"]),
    )


def _answer_as_json(answer: Answer) -> dict[str, object]:
    points = [[p.start_s, p.step_s, p.g_per_kwh, p.kind.value] for p in answer.points]
    return {
        "zone": answer.zone,
        "method": asdict(answer.method),
        "points": points,
        "faults": list(answer.faults),
    }


def _answer_of(said: dict[str, Any]) -> Answer:
    method = said["method"]
    return Answer(
        str(said["zone"]),
        Method(
            str(method["says"]),
            Signal(method["signal"]),
            Scope(method["scope"]),
            float(method["spread"]),
            int(method["carry_s"]),
        ),
        tuple(
            Point(int(start), int(step), float(value), Kind(kind))
            for start, step, value, kind in said["points"]
        ),
        tuple(str(fault) for fault in said["faults"]),
    )


def _second(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def _moment(second: float | None) -> datetime | None:
    return None if second is None else moment_of(int(second))


@dataclass(frozen=True, slots=True)
class Settled:
    """The value of a step that the service spoke of, and when the step began."""

    moment: datetime
    value: IntensityValue


@dataclass(slots=True)
class KeptIntensity:
    """The intensity source of one service: answers from its file alone."""

    name: str
    path: Path
    _seen: tuple[int, int, int] | None = None
    _kept: Kept = field(default_factory=lambda: Kept(None, problem="nothing was fetched yet"))

    def at(self, zone: str, moment: datetime) -> IntensityValue:
        """The value whose step holds the moment, or the last one, carried on for a while.

        Raises:
            NotFound: the service was asked for another zone.
            Unavailable: nothing is known of the moment; the message says why, if the service did.
        """
        kept = self.kept()
        answer = kept.answer
        if answer is None:
            raise Unavailable(kept.problem or "nothing was fetched yet")
        if zone != answer.zone:
            raise NotFound(f"it was asked for {answer.zone}, not for {zone}")
        second = int(moment.timestamp())
        point = _last_before(answer.points, second)
        if point is None or second >= point.end_s + answer.method.carry_s:
            reason = f": {kept.problem}" if kept.problem else ""
            raise Unavailable(f"it has no value for the time of the work{reason}")
        return self._value(answer, point, second)

    def settled_at(self, zone: str, moment: datetime) -> Settled | None:
        """What the service says by now of the step that holds the moment; no forecast, no carry."""
        answer, second = self.kept().answer, int(moment.timestamp())
        if answer is None or answer.zone != zone:
            return None
        point = _last_before(answer.points, second)
        if point is None or second >= point.end_s or point.kind is Kind.FORECAST:
            return None
        return Settled(moment_of(point.start_s), self._value(answer, point, second))

    def kept(self) -> Kept:
        """What the file holds now."""
        try:
            status = self.path.stat()
        except OSError:
            self._seen = None
            self._kept = Kept(None, problem="nothing was fetched yet")
            return self._kept
        seen = (status.st_ino, status.st_mtime_ns, status.st_size)
        if seen != self._seen:
            try:
                self._kept = read_kept(self.path)
            except Unavailable as damage:
                self._kept = Kept(None, problem=str(damage))
            self._seen = seen
        return self._kept

    def _value(self, answer: Answer, point: Point, second: int) -> IntensityValue:
        method = answer.method
        source, kind, growth = f"{self.name}: {method.says}", point.kind, 1.0
        if second >= point.end_s:
            hours = -(-(second + 1 - point.end_s) // 3600)
            growth += CARRY_GROWTH_PER_HOUR * hours
            kind = Kind.ESTIMATED
            source += f"; carried on from {moment_of(point.start_s):%Y-%m-%d %H:%M}Z"
        return IntensityValue(
            point.g_per_kwh,
            point.g_per_kwh * (1 - method.spread) / growth,
            point.g_per_kwh * (1 + method.spread) * growth,
            answer.zone,
            source,
            method.signal,
            method.scope,
            kind,
            point.step_s,
        )


def _last_before(points: tuple[Point, ...], second: int) -> Point | None:
    place = bisect_right(points, second, key=lambda point: point.start_s) - 1
    return points[place] if place >= 0 else None
