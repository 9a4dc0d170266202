"""A training script by the command line of a platform: what it makes, what it did wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

SCRIPT = """
import os
import lichen

run = lichen.run()
rows = run.dataset.arrays(["load"])["load"]
run.progress(0.5)
run.log(step=1, mean=rows.mean())
if os.fork() == 0:
    os._exit(0)
os.wait()
print(run.arguments, run.energy.joules > 0)
run.register(([[2.0], [1.0]], [float(run.seed)]), columns=["a", "b"], metrics={"rmse": 1.5})
"""


def test_a_script_becomes_a_version_and_its_mistake_a_sentence(
    served: Any,  # noqa: ANN401 - the platform of these tests, with a dataset
    cli: Callable[..., Any],
    tmp_path: Path,
) -> None:
    script, broken = tmp_path / "mine.py", tmp_path / "broken.py"
    script.write_text(SCRIPT)
    broken.write_text("x = 1\nx = = 2\n")
    asked = ("train", "script", script, "--data", "good", "--name", "scripted", "--seed", "7")
    told = cli(*asked, "--json", "--", "first", "--second")
    assert told.code == 0, told.err
    made = json.loads(told.out)
    assert made["version"]["algorithm"] == "linear"
    assert made["version"]["provenance"]["source"] == "mine.py"
    assert made["version"]["provenance"]["inputs"] == 1000
    assert {one["name"] for one in made["version"]["metrics"]} == {"mean", "rmse"}
    job = made["job"]
    assert [point[0] for point in job["result"]["metrics"]["mean"]] == [1]
    assert "['first', '--second'] True" in cli("jobs", "logs", job["id"]).out
    assert "mean: " in cli("jobs", "show", job["id"]).out
    assert cli("deploy", "scripted@1", "--name", "scripted").code == 0
    answer = served.ask(
        "POST", f"{served.http}/predict/scripted", b'{"rows": [{"a": 1, "b": 0.5}]}'
    )
    assert answer.json() == {"y_pred": [9.5]}
    refused = cli("train", "script", broken, "--data", "good")
    assert refused.code == 2
    assert refused.sentence.startswith("line 2 of broken.py is no Python")
    absent = cli("train", "script", tmp_path / "absent.py", "--data", "good")
    assert "absent.py cannot be read (No such file or directory)" in absent.sentence
    binary = tmp_path / "binary.py"
    binary.write_bytes(b"\xff\xfe")
    assert "is no UTF-8 text" in cli("train", "script", binary, "--data", "good").sentence
    assert cli("train", "script", script, "--data", "good", "--disk-limit", "much").code == 2
