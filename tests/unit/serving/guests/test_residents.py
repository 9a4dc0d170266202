"""Versions that a runtime of ours serves: no leave is needed, and what is missing is named."""

from pathlib import Path

import numpy as np
import pytest

from lichen.core.errors import InvalidInput
from lichen.frameworks.language.residents import RESIDENTS, RUNTIME_FILE, Resident, runtime_file
from lichen.frameworks.language.subwords import subword_files
from lichen.serving.charging import NoMetering
from lichen.serving.guests.environments import Environments
from lichen.serving.guests.starting import GuestRules, Guests

WORDS = {
    RUNTIME_FILE: runtime_file("fasttext"),
    **subword_files(["a"], np.ones((1, 2), np.float32), np.ones((3, 2), np.float32), (2, 3)),
}


def house(folder: Path) -> Guests:
    """One that runs no foreign code."""
    return Guests(folder / "run", Environments(folder, {}), NoMetering(), GuestRules())


def test_a_runtime_of_ours_needs_no_leave_for_foreign_code(tmp_path: Path) -> None:
    guests = house(tmp_path)
    guest = guests.resident("words", WORDS)
    assert guest.predict(guest.example(2))["vector"].tolist() == [[1.0, 1.0], [0.0, 0.0]]
    guests.close()
    assert list((tmp_path / "run").iterdir()) == []


def test_a_framework_that_is_missing_is_named_with_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lacking = Resident(name="lacking", model="none:none", needs=("no_such_module",), extra="spacy")
    monkeypatch.setitem(RESIDENTS, "lacking", lacking)
    with pytest.raises(InvalidInput, match=r"no_such_module.*'lichen\[spacy\]'"):
        house(tmp_path).resident("lacking", {RUNTIME_FILE: runtime_file("lacking")})


def test_damaged_files_say_that_they_do_not_load(tmp_path: Path) -> None:
    broken = {**WORDS, "vectors.npy": b"\x80\x04."}
    with pytest.raises(InvalidInput, match="does not load"):
        house(tmp_path).resident("broken", broken)
