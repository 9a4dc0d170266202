"""A calibration of the model to this machine: what a wall meter or a counter taught, kept."""

import json
import os
import tomllib
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lichen.core.clock import parse_rfc3339, rfc3339
from lichen.core.errors import InvalidInput, StorageFailed
from lichen.energy.power.parameters import ModelParameters, Spread

_FORM = 1
_MOST_MW = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Calibration:
    """Slope and idle watts of one machine, with 90 % intervals, and how they were found.

    `slope` is by busy hardware thread, `idle` is of the whole machine, its memory included.
    """

    processor: str
    threads: int
    slope: Spread
    idle: Spread
    at: datetime
    against: str
    points: int
    r_squared: float

    @property
    def parameters(self) -> ModelParameters:
        """As the model takes them: by hardware thread."""
        idle = self.idle.times(1 / self.threads)
        full = Spread(
            self.slope.low_mw + idle.low_mw,
            self.slope.median_mw + idle.median_mw,
            self.slope.high_mw + idle.high_mw,
        )
        source = f"model calibrated {self.at:%Y-%m-%d} against {self.against}"
        return ModelParameters(self.slope, idle, full, source)

    def mismatch(self, processor: str, threads: int) -> str | None:
        """Why it says nothing about that machine; None if it is the one that was calibrated."""
        if (processor, threads) == (self.processor, self.threads):
            return None
        return (
            f"the calibration of {self.at:%Y-%m-%d} is of {self.processor} with {self.threads} "
            f"threads, and this is {processor} with {threads}: calibrate this machine, "
            "or remove it with `lichen meter calibrate --forget`"
        )


def write_calibration(path: Path, calibration: Calibration) -> None:
    """Keep it, whole or not at all.

    Raises:
        StorageFailed: the folder cannot be written.
    """
    fresh = path.with_suffix(f".{os.getpid()}.fresh")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with fresh.open("w", encoding="utf-8") as file:
            file.write(_toml(calibration))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink()
        raise StorageFailed(
            f"cannot write {path} ({error.strerror}): free space there, or choose another home"
        ) from error


def _toml(one: Calibration) -> str:
    def spread(spread: Spread) -> str:
        return f"[{spread.low_mw}, {spread.median_mw}, {spread.high_mw}]"

    def text(value: str) -> str:
        return json.dumps(value.replace("\x7f", ""), ensure_ascii=False)

    return (
        "# Written by `lichen meter calibrate`; remove it with `lichen meter calibrate --forget`.\n"
        f"form = {_FORM}\n"
        f"processor = {text(one.processor)}\n"
        f"threads = {one.threads}\n"
        f"slope_mw = {spread(one.slope)}  # by busy thread: 90 % low, middle, high\n"
        f"idle_mw = {spread(one.idle)}  # of the whole machine\n"
        f"at = {text(rfc3339(one.at))}\n"
        f"against = {text(one.against)}\n"
        f"points = {one.points}\n"
        f"r_squared = {one.r_squared:.6f}\n"
    )


def read_calibration(path: Path) -> Calibration | None:
    """The calibration that is kept there; None if there is none.

    Raises:
        InvalidInput: the file is not one that `lichen meter calibrate` wrote.
    """
    try:
        return _calibration(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f"the calibration {path} cannot be read ({error}): calibrate again, or remove it with "
            "`lichen meter calibrate --forget`"
        ) from error


def _calibration(said: dict[str, object]) -> Calibration:
    if said["form"] != _FORM:
        raise ValueError(f"form {said['form']!r} is not known")
    threads, points, r_squared = said["threads"], said["points"], said["r_squared"]
    if not isinstance(threads, int) or not isinstance(points, int) or threads < 1:
        raise ValueError("threads and points must be whole numbers")
    if not isinstance(r_squared, float):
        raise ValueError("r_squared must be a number")  # noqa: TRY004 - one kind
    return Calibration(
        str(said["processor"]),
        threads,
        _spread(said["slope_mw"]),
        _spread(said["idle_mw"]),
        parse_rfc3339(str(said["at"])),
        str(said["against"]),
        points,
        r_squared,
    )


def _spread(said: object) -> Spread:
    if isinstance(said, list) and len(said) == 3 and all(isinstance(one, int) for one in said):
        low, middle, high = said
        if 0 <= low <= middle <= high <= _MOST_MW and middle > 0:
            return Spread(low, middle, high)
    raise ValueError(f"{said!r} is no low, middle and high in milliwatts")


def forget_calibration(path: Path) -> bool:
    """Remove it; whether there was one.

    Raises:
        StorageFailed: it cannot be removed.
    """
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StorageFailed(f"cannot remove {path} ({error.strerror})") from error
    return True
