"""How far a script is confined is settled before it begins."""

import os
from pathlib import Path

import pytest

from lichen.core.errors import Forbidden, Refused
from lichen.energy.descendants import ended_children_ns
from lichen.protocol.training import ScriptTraining
from lichen.server.sections import SecuritySettings
from lichen.server.work.confined import footprint
from lichen.server.work.confined.confinement import confinement_of, readable_paths
from lichen.server.work.confined.family import FamilyClock
from lichen.server.work.confined.footprint import measured
from lichen.server.work.confined.kernel import Namespace
from lichen.server.work.confined.place import laid_out, variables

MODERN = 7


@pytest.fixture(autouse=True)
def landlock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lichen.server.work.confined.confinement.landlock_abi", lambda: MODERN)


def test_root_needs_no_namespace_of_users_and_others_do() -> None:
    root, other = (confinement_of(SecuritySettings(), user) for user in (0, 1000))
    assert Namespace.USERS not in root.namespaces
    assert other.namespaces == root.namespaces | Namespace.USERS
    assert Namespace.NETWORK in root.namespaces
    opened = confinement_of(SecuritySettings(script_network=True), 0)
    assert Namespace.NETWORK not in opened.namespaces
    assert (root.is_confined, root.has_network, opened.has_network) == (True, False, True)


def test_less_confinement_is_only_what_the_setting_says() -> None:
    files = confinement_of(SecuritySettings(script_confinement="files"))
    assert (files.namespaces, files.is_confined, files.has_network) == (Namespace(0), True, False)
    none = confinement_of(SecuritySettings(script_confinement="unconfined"))
    assert (none.namespaces, none.is_confined) == (Namespace(0), False)


def test_a_platform_that_takes_no_scripts_runs_none() -> None:
    with pytest.raises(Forbidden, match='set scripts = "admin"'):
        confinement_of(SecuritySettings(scripts="none"))


def test_an_old_kernel_refuses_and_says_which_setting_helps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lichen.server.work.confined.confinement.landlock_abi", lambda: 2)
    with pytest.raises(Refused, match='script_confinement = "unconfined"'):
        confinement_of(SecuritySettings())


def test_a_home_that_scripts_could_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="lies within /usr"):
        readable_paths(Path("/usr/share/lichen-home"), [])
    assert str(tmp_path / "rows") in readable_paths(tmp_path / "home", [tmp_path / "rows"])
    with pytest.raises(Refused, match=f"lies within {tmp_path}"):
        readable_paths(tmp_path / "home", [tmp_path])
    assert str(Path.cwd()) not in readable_paths(tmp_path, [])


def test_a_script_is_laid_out_under_a_safe_name(tmp_path: Path) -> None:
    for given, kept in (("a/b/train.py", "train.py"), ("..", "script.py"), ("x y.py", "script.py")):
        asked = ScriptTraining(data="rows", source="print(1)\n", filename=given)
        place = laid_out(tmp_path, asked)
        assert (place.script.name, place.script.read_text()) == (kept, "print(1)\n")
        assert place.script.parent == place.control
    place.tell_to_stop(should_stop=True)
    assert place.is_told_to_stop
    (place.work / "kept").touch()
    again = laid_out(tmp_path, asked)
    assert not again.is_told_to_stop
    assert (again.work / "kept").exists(), "what it kept survives a pause"
    assert "PYTHONPATH" not in variables(place, 3, Path("/other/python"))
    assert variables(place, 2**32 + 3, Path("/other/python"))["PYTHONHASHSEED"] == "3"


def test_a_folder_is_measured_without_following_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "file").write_bytes(os.urandom(100_000))
    (tmp_path / "link").symlink_to("/usr")
    found = measured(os.getpid(), tmp_path, 2**40)
    assert found.files == 3
    assert 100_000 <= found.disk_bytes < 200_000
    assert not found.is_crowded
    monkeypatch.setattr(footprint, "MOST_FILES", 2)
    assert measured(os.getpid(), tmp_path, 2**40).is_crowded


def test_a_family_clock_never_goes_back() -> None:
    before = ended_children_ns()
    clock = FamilyClock()
    child = os.fork()
    if child == 0:
        sum(range(2_000_000))
        os._exit(0)
    os.waitpid(child, 0)
    first = clock()
    clock.close()
    assert ended_children_ns() - before >= first > 0
    assert clock() >= first
