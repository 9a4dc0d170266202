"""Where a confined program works: its folder, the job's word to it, and what it is told."""

import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import lichen
from lichen.protocol.training import ScriptTraining
from lichen.store.failures import storage_failures
from lichen.store.whole_files import replace_file
from lichen.training.scripts.inside import STOP

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}\.py")
_SEARCHED = "/usr/local/bin:/usr/bin:/bin"
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
_SEEDS = 2**32


@dataclass(frozen=True, slots=True)
class Place:
    """The folders of one script.

    Attributes:
        work: all that it may write, and where it starts; it survives a pause.
        control: what it may read and not write: the job's word to it.
        script: the program.
    """

    work: Path
    control: Path
    script: Path

    @property
    def is_told_to_stop(self) -> bool:
        """Whether the script is to save what it has, and end."""
        return (self.control / STOP).exists()

    def tell_to_stop(self, *, should_stop: bool) -> None:
        """Let it stop, or take that back.

        Raises:
            StorageFailed: the disk does not take the word.
        """
        with storage_failures(self.control):
            if should_stop:
                (self.control / STOP).touch()
            else:
                (self.control / STOP).unlink(missing_ok=True)


def laid_out(scratch: Path, asked: ScriptTraining) -> Place:
    """Make the folders, or take up those of an earlier attempt, and write the program.

    Raises:
        StorageFailed: the disk is full or read-only.
    """
    named = Path(asked.filename).name
    place = Place(
        work=scratch / "work",
        control=scratch / "control",
        script=scratch / "control" / (named if _NAME.fullmatch(named) else "script.py"),
    )
    with storage_failures(scratch):
        place.work.mkdir(exist_ok=True)
        shutil.rmtree(place.work / "tmp", ignore_errors=True)
        (place.work / "tmp").mkdir(exist_ok=True)
        place.control.mkdir(exist_ok=True)
    place.tell_to_stop(should_stop=False)
    replace_file(place.script, asked.source.encode())
    return place


def variables(place: Place, seed: int, python: Path) -> dict[str, str]:
    """All variables that a script has; no setting and no key of this process among them.

    An environment of its own finds the platform behind its own packages (`add_platform`).
    """
    is_own = str(python) != sys.executable
    return {
        **({} if is_own else {"PYTHONPATH": str(Path(lichen.__file__).parents[1])}),
        "PATH": _SEARCHED,
        "LANG": "C.UTF-8",
        "HOME": str(place.work),
        "TMPDIR": str(place.work / "tmp"),
        "PYTHONHASHSEED": str(seed % _SEEDS),
        "PYTHONDONTWRITEBYTECODE": "1",
        **dict.fromkeys(_THREAD_VARIABLES, "1"),
    }
