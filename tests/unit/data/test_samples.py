from pathlib import Path

import numpy as np
import pytest

from lichen.core.errors import NotFound
from lichen.core.ids import digest_of
from lichen.data.datasets import Datasets
from lichen.data.samples import SAMPLES, VICTORIA_2014, sample
from lichen.data.schema import Role

NOTE = (VICTORIA_2014.path.parent / "PROVENANCE.md").read_text()


def test_the_sample_is_a_year_of_half_hours(datasets: Datasets) -> None:
    version = datasets.ingest("vic", VICTORIA_2014.path, VICTORIA_2014.options)
    assert (version.rows, version.step_seconds) == (17_520, 1800)
    assert str(version.start) == "2013-12-31 14:00:00+00:00"
    assert [(c.name, c.unit, c.role) for c in version.schema] == [
        ("Time", "UTC", Role.TIME),
        ("Demand", "GW", Role.TARGET),
        ("Temperature", "°C", Role.KNOWN),
        ("WorkDay", None, Role.KNOWN),
    ]
    assert version.findings == ()
    table = datasets.read(version)
    assert table.column("Demand")[0] == pytest.approx(3.914647)
    assert table.column("Temperature")[0] == 18.2
    days = table.column("WorkDay").reshape(-1, 48)
    assert np.ptp(days, axis=1).max() == 0
    assert days[:, 0].sum() == 251


def test_the_note_tells_the_file_that_ships() -> None:
    content = VICTORIA_2014.path.read_bytes()
    assert len(content) < 400_000
    assert digest_of(content) in NOTE
    assert f"{len(content):,} bytes" in NOTE


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_has_its_note(name: str) -> None:
    found = sample(name)
    assert found.path.is_file()
    assert Path(found.path).name in NOTE
    assert found.attribution in NOTE


def test_an_unknown_sample_is_refused() -> None:
    with pytest.raises(NotFound, match="there are: victoria-2014"):
        sample("mars")
