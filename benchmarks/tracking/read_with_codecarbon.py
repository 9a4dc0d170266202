"""Let CodeCarbon's own code read and continue a file: by hand, in an environment that has it.

    python benchmarks/tracking/read_with_codecarbon.py emissions.csv

Its writer must take the header for its own and append below it without a backup; the code of its
dashboard must make a project, a summary and the maps of it. Works on a copy.
"""

import shutil
import sys
import tempfile
from pathlib import Path

import pandas as pd
from codecarbon import OfflineEmissionsTracker
from codecarbon.viz.components import Components
from codecarbon.viz.data import Data


def main(path: Path) -> None:
    folder = Path(tempfile.mkdtemp())
    copy = folder / "emissions.csv"
    shutil.copy(path, copy)
    before = pd.read_csv(copy)
    with OfflineEmissionsTracker(
        country_iso_code="DEU", output_dir=str(folder), log_level="error", measure_power_secs=1
    ):
        pass
    after = pd.read_csv(copy)
    assert not list(folder.glob("*.bak")), "CodeCarbon took the header for another and moved it"
    assert len(after) == len(before) + 1, "CodeCarbon did not append below"

    name = before.project_name.iloc[-1]
    data, components = Data(), Components()
    table = data.get_project_data(after, name)
    summary = data.get_project_summary(table.data)
    kwh = summary["total"]["energy_consumed"]
    components.get_global_emissions_choropleth_figure(
        data.get_global_emissions_choropleth_data(kwh)
    )
    data.get_car_miles(summary["total"]["emissions"])
    print(f"{len(before)} rows read and continued; {name}: {kwh} kWh in {summary['country_name']}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
