"""Settings: file, then environment, then flags; unknown keys and unusable values by name."""

from pathlib import Path

import pytest

from lichen.core.errors import InvalidInput
from lichen.energy.runtime import host_runtime_folder
from lichen.server.sections import Settings
from lichen.server.settings import SETTINGS_FILE, as_environment, documented, load
from lichen.server.settings_page import main, page

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "settings.md"


def test_later_sources_win(tmp_path: Path) -> None:
    written = '[addresses]\nhttp = 1\ngrpc = 2\ncontrol = 3\n[carbon]\nzone = "DE"\n'
    (tmp_path / SETTINGS_FILE).write_text(written)
    environment = {"LICHEN_HOME": str(tmp_path), "LICHEN_GRPC": "20", "LICHEN_CONTROL": "30"}
    settings = load({"control": 300, "http": None}, environment)
    assert settings.home == tmp_path
    where = settings.addresses
    assert (where.http, where.grpc, where.control) == (1, 20, 300)
    assert settings.carbon.zone == "DE"


def test_defaults_stand_without_any_source(tmp_path: Path) -> None:
    settings = load({"home": tmp_path}, {})
    assert settings == Settings(tmp_path, host_runtime_folder())


def test_a_child_loads_exactly_what_its_parent_had(tmp_path: Path) -> None:
    parent = load(
        {"home": tmp_path, "http": 0, "intensity_g_per_kwh": 12.5, "anonymous_role": "viewer"}, {}
    )
    (tmp_path / SETTINGS_FILE).write_text("[addresses]\nhttp = 9\n")
    assert load({}, as_environment(parent)) == parent


def test_the_environment_of_the_process_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LICHEN_HOME", str(tmp_path))
    monkeypatch.setenv("LICHEN_ANONYMOUS_ROLE", "predictor")
    assert load().security.anonymous_role == "predictor"


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({"LICHEN_HTPP": "1"}, "LICHEN_HTPP is not a setting; did you mean 'http'"),
        ({"LICHEN_QWERTY": "1"}, "LICHEN_QWERTY is not a setting; known are"),
        ({"LICHEN_HTTP": "eighty"}, "http is 'eighty'"),
        ({"LICHEN_HTTP": "-1"}, "http is '-1'; it must be at least 0"),
        ({"LICHEN_HTTP": "1.5"}, "http is '1.5'"),
        ({"LICHEN_HTTP": "65536"}, "http is '65536'; it must be at most 65535"),
        ({"LICHEN_PUE": "nan"}, "pue is 'nan'"),
        ({"LICHEN_PUE": "inf"}, "pue is 'inf'; it must be a finite number"),
        ({"LICHEN_ACCELERATORS": "tpu"}, "accelerators is 'tpu'; choose one of auto"),
    ],
)
def test_what_is_not_usable_is_refused_by_name(
    environment: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        load({"home": tmp_path}, environment)


@pytest.mark.parametrize(
    ("written", "sentence"),
    [
        ("[addresses]\nhtpp = 1\n", r"key addresses\.htpp is not a setting; did you mean 'http'"),
        ("[adresses]\nhttp = 1\n", "'adresses' is no section"),
        ("[carbon]\nhttp = 1\n", r"key carbon\.http is not a setting"),
        ("http = 1\n", "'http' is no section"),
        ("not toml", "cannot be read"),
        ("[addresses]\nhttp = true\n", "http is True"),
    ],
)
def test_a_wrong_file_is_refused_by_its_path(written: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / SETTINGS_FILE).write_text(written)
    with pytest.raises(InvalidInput, match=sentence) as refused:
        load({"home": tmp_path}, {})
    assert sentence.startswith("http is") or SETTINGS_FILE in str(refused.value)


def test_the_runtime_folder_can_be_set_in_the_file(tmp_path: Path) -> None:
    (tmp_path / SETTINGS_FILE).write_text(f'runtime = "{tmp_path}/run"\n')
    assert load({"home": tmp_path}, {}).runtime == tmp_path / "run"


def test_variables_that_kubernetes_sets_are_nobodys_mistake(tmp_path: Path) -> None:
    environment = {"LICHEN_SERVICE_HOST": "10.0.0.1", "LICHEN_PORT_8080_TCP": "tcp://10.0.0.1"}
    assert load({"home": tmp_path}, environment).addresses.http == 8080


def test_names_are_unique_so_that_one_variable_means_one_setting() -> None:
    names = [one.name for one in documented()]
    assert len(names) == len(set(names))


def test_every_setting_is_documented() -> None:
    written = PAGE.read_text(encoding="utf-8")
    missing = [one.name for one in documented() if f"`{one.variable}`" not in written]
    assert missing == [], "run python -m lichen.server.settings_page docs/reference/settings.md"
    assert written == page()


def test_the_page_is_written_where_it_is_asked_for(tmp_path: Path) -> None:
    assert main([str(tmp_path / "settings.md")]) == 0
    assert (tmp_path / "settings.md").read_text(encoding="utf-8") == page()
