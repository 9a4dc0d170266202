"""What the platform says of itself, from files that other processes keep."""

import os
from pathlib import Path

import pytest

from lichen.core.errors import Unavailable
from lichen.core.figures import Method
from lichen.energy.page import PageContent, PageWriter, Rate
from lichen.server.home import Home, write_json
from lichen.server.observations import Observations
from lichen.server.sections import Settings
from lichen.server.settings import load

RATE = Rate(2.0, 1.0, 4.0, Method.MODELLED, "a test", 7)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    found = load({"home": tmp_path / "home", "runtime": tmp_path, "powercap": tmp_path}, {})
    Home(found.home).prepare()
    return found


def test_addresses_are_there_once_the_supervisor_wrote_them(settings: Settings) -> None:
    observations = Observations(settings)
    with pytest.raises(Unavailable, match="still starting"):
        observations.platform()
    written = {"http": "a", "control": "b", "pids": {"worker": 7, "dataplane": None}}
    write_json(Home(settings.home).addresses, written)
    said = observations.platform()
    assert (said.addresses.http, said.addresses.control, said.pids) == ("a", "b", {"worker": 7})


def test_meters_before_and_after_the_first_window(settings: Settings) -> None:
    observations = Observations(settings)
    before = observations.meters()
    assert (before.chosen, before.window, before.nj_per_cpu_ns) == ("model", None, None)
    usable = {one.name: one.usable for one in before.meters}
    assert (usable["rapl"], usable["prometheus"], usable["model"]) == (False, False, True)
    assert (before.threads, before.measured) == (os.cpu_count(), [])
    writer = PageWriter(settings.runtime)
    assert observations.meters().window is None
    writer.publish(PageContent(7, 0, 1, 0, 0, 0, RATE))
    after = observations.meters()
    assert (after.window, after.nj_per_cpu_ns, after.source) == (7, 2.0, "a test")
    writer.close()


def test_progress_that_is_not_there_or_not_whole(settings: Settings) -> None:
    observations = Observations(settings)
    assert observations.progress("job-1") is None
    folder = Home(settings.home).job("job-1")
    folder.mkdir()
    (folder / "progress.json").write_text('{"stage":"Ridge","frac')
    assert observations.progress("job-1") is None
    (folder / "progress.json").write_text('{"stage":"Ridge","fraction":0.5}')
    progress = observations.progress("job-1")
    assert progress is not None
    assert progress.fraction == 0.5
