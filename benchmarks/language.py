"""What a text costs a pipeline of spaCy in its guest, and how much of that is charged.

    python benchmarks/language.py PIPELINE PYTHON

PIPELINE is a folder that spaCy saved, PYTHON an interpreter with spaCy. Texts are made up of words
that the pipeline knows, and asked one at a time and 64 at a time. Charged is what the guest's clock
counts while it answers (A1); beside it stands all that its process spent meanwhile.
"""

import sys
import tempfile
from pathlib import Path

from lichen.core.batch import Batch
from lichen.energy.counters import process_clock_ns
from lichen.frameworks.importing.language.spacy_folder import (
    PIPELINE_TAR,
    packed,
    pipeline_contents,
)
from lichen.frameworks.importing.source import laid_out
from lichen.frameworks.language.residents import RUNTIME_FILE, runtime_file
from lichen.serving.charging import NoMetering
from lichen.serving.guests.environments import Environments
from lichen.serving.guests.guest import Guest
from lichen.serving.guests.starting import GuestRules, Guests

TEXTS = 512
WATTS_PER_THREAD = 3.80
"""SPECpower servers from 2017 on, the median (M2)."""


def asked(guest: Guest, at_once: int) -> tuple[float, float]:
    """CPU milliseconds a text, and the share of the process's CPU that was charged."""
    batch = guest.example(TEXTS)
    pid = guest.keeper.pid
    assert pid is not None  # noqa: S101 - it runs
    guest.predict(guest.example(8))
    charged, spent = guest.keeper.worked_ns, process_clock_ns(pid)
    for first in range(0, TEXTS, at_once):
        guest.predict(Batch({"text": batch["text"][first : first + at_once]}))
    charged, spent = guest.keeper.worked_ns - charged, process_clock_ns(pid) - spent
    return charged / TEXTS / 1e6, charged / spent


def main(pipeline: Path, python: Path) -> None:
    contents, _ = pipeline_contents(laid_out(pipeline, pipeline.name))
    files = {RUNTIME_FILE: runtime_file("spacy"), PIPELINE_TAR: packed(contents)}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        house = Guests(
            place / "run",
            Environments(place, {}),
            NoMetering(),
            GuestRules(),
            lambda _resident, _charges: python,
        )
        guest = house.resident(pipeline.name, files)
        print("| texts at once | CPU ms a text | modelled mJ a text | charged of its CPU |")
        print("|---|---|---|---|")
        for at_once in (1, 64):
            cost_ms, share = asked(guest, at_once)
            print(f"| {at_once} | {cost_ms:.2f} | {cost_ms * WATTS_PER_THREAD:.1f} | {share:.1%} |")
        house.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
