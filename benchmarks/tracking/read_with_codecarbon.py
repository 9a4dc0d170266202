"""Let CodeCarbon's own code read and continue a file: by hand, in an environment that has it.

    python benchmarks/tracking/read_with_codecarbon.py emissions.csv

Its writer must take the header for its own and append below it without a backup. Every panel of its
dashboard that answers for a file of its own must answer for ours. Works on a copy.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import pandas as pd
from codecarbon import OfflineEmissionsTracker
from codecarbon.viz import carbonboard

TYPE = "application/json"


def main(path: Path) -> None:
    folder = Path(tempfile.mkdtemp())
    copy = folder / "emissions.csv"
    shutil.copy(path, copy)
    ours, own = pd.read_csv(copy), write_own(folder / "own", "emissions.csv")
    write_own(folder, copy.name)
    after = pd.read_csv(copy)
    assert not list(folder.glob("*.bak")), "CodeCarbon took the header for another and moved it"
    assert len(after) == len(ours) + 1, "CodeCarbon did not append below"

    of_own, of_ours = panels(own), panels(ours)
    print(f"{len(ours)} rows read, continued below; panels that answer:")
    for name, answers in of_own.items():
        print(f"  its own file {answers!s:5}  ours {of_ours[name]!s:5}  {name}")
    worse = [name for name, answers in of_own.items() if answers and not of_ours[name]]
    assert not worse, f"panels fail on our file alone: {worse}"


def write_own(folder: Path, name: str) -> pd.DataFrame:
    """A row by CodeCarbon itself, and all of that file."""
    folder.mkdir(exist_ok=True)
    with OfflineEmissionsTracker(
        country_iso_code="DEU", output_dir=str(folder), output_file=name, log_level="error"
    ):
        sum(range(1_000_000))
    return pd.read_csv(folder / name)


def panels(frame: pd.DataFrame) -> dict[str, bool]:
    """Which panels of the dashboard answer, asked in its order as a browser asks."""
    asked = carbonboard.render_app(frame).server.test_client()
    known = {
        ("project_name", "value"): frame.project_name.iloc[-1],
        ("energy_type", "value"): "fossil",
    }
    found = {}
    for panel in json.loads(asked.get("/_dash-dependencies").data):
        output = panel["output"]
        places = [one.rsplit(".", 1) for one in output.strip(".").split("...")]
        outputs = [{"id": name, "property": of} for name, of in places]
        inputs = [
            {**one, "value": known.get((one["id"], one["property"]))} for one in panel["inputs"]
        ]
        body = {
            "output": output,
            "outputs": outputs if output.startswith("..") else outputs[0],
            "inputs": inputs,
            "changedPropIds": [f"{one['id']}.{one['property']}" for one in inputs],
        }
        answer = asked.post("/_dash-update-component", data=json.dumps(body), content_type=TYPE)
        found[places[0][0]] = answer.status_code == 200
        if answer.status_code == 200:
            for name, values in json.loads(answer.data)["response"].items():
                known |= {(name, of): value for of, value in values.items()}
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
