"""Code of one's own from a folder to an answer, over the command line, as the how-to says it."""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest


class Ended(Protocol):
    code: int
    out: str
    sentence: str


Cli = Callable[..., Ended]
PATIENCE_SECONDS = 300.0
PAGE = Path(__file__).parents[3] / "docs/how-to/serve-your-own-code.md"


@pytest.fixture
def heating(tmp_path: Path) -> Path:
    """The folder of the how-to, with what an interpreter leaves in one."""
    folder = tmp_path / "heating"
    (folder / "__pycache__").mkdir(parents=True)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    (folder / "predictor.py").write_text(code)
    (folder / "curve.json").write_text("[-0.5, 10.0]")
    (folder / "README.md").write_text("Heat.")
    return folder


def booked(cli: Cli, *names: str) -> dict[str, int]:
    """The ledger, once it holds these accounts."""
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = json.loads(cli("ledger", "--json").out)["accounts"]
        accounts = {one["account"]: one["nj"] for one in found}
        if accounts.keys() >= set(names):
            return accounts
        assert time.monotonic() < give_up
        time.sleep(0.2)


def test_a_folder_with_a_predictor_becomes_a_deployment(
    cli_of: Callable[[Path], Cli], heating: Path, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "lichen.toml").write_text("[security]\ncustom_predictors = true\n")
    cli = cli_of(home)
    made = json.loads(cli("models", "import", heating, "--json").out)
    assert (made["model"], made["algorithm"]) == ("heating", "custom")
    assert made["signature"]["inputs"][0]["name"] == "celsius"
    assert json.loads(cli("deploy", "heating@1", "--json").out)["state"] == "ready"
    asked = tmp_path / "rows.json"
    tensor = {"name": "celsius", "datatype": "FP64", "shape": [2], "data": [2.0, 60.0]}
    asked.write_text(json.dumps({"inputs": [tensor]}))
    answer = json.loads(cli("predict", "heating", "--input", asked, "--json").out)
    assert answer["outputs"]["kilowatt"] == [9.0, -10.0]
    accounts = booked(cli, "work/default/heating/heating@1/fp32", "overhead/guest")
    assert accounts["work/default/heating/heating@1/fp32"] == answer["receipt"]["energy"]["nj"]
    assert accounts["overhead/guest"] > 0
    assert sum(accounts.values()) == 0
    exported = tmp_path / "exported"
    assert cli("models", "export", "heating@1", exported).code == 0
    again = json.loads(cli("models", "import", exported, "--name", "again", "--json").out)
    assert (again["model"], again["version"]) == ("again", 1)
    (heating / "predictor.py").write_text("import no_such_thing")
    ended = cli("models", "import", heating)
    assert ended.code == 2
    assert "ModuleNotFoundError: No module named 'no_such_thing'" in ended.sentence
    ended = cli("deploy", "heating@1", "--threads", "many")
    assert ended.sentence == "--threads is 'many': give a whole number, or auto"


def test_a_platform_that_runs_no_foreign_code_refuses_it_by_the_setting_s_name(
    cli: Cli, heating: Path
) -> None:
    ended = cli("models", "import", heating / "predictor.py", "--name", "own")
    assert ended.code == 4
    assert "set custom_predictors = true under [security]" in ended.sentence
    assert cli("models", "show", "own@1").code == 3
