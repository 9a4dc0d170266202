"""Files that look like models of scikit-learn and must be refused, each for its own reason."""

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import skops.io
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import DBSCAN
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline


class Doubled(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Somebody's own."""

    def fit(self, rows: Any, target: Any = None) -> "Doubled":
        """Keep nothing."""
        del rows, target
        self.fitted_ = True
        return self

    def transform(self, rows: Any) -> Any:
        """Twice the rows."""
        return rows * 2


def main(folder: Path) -> None:
    """Write each."""
    rows, target = np.random.default_rng(0).normal(size=(50, 2)), np.arange(50.0)
    fitted = Ridge().fit(rows, target)
    skops.io.dump(make_pipeline(Doubled(), Ridge()).fit(rows, target), folder / "own.skops")
    skops.io.dump(Ridge(), folder / "unfitted.skops")
    skops.io.dump(DBSCAN().fit(rows), folder / "dbscan.skops")
    skops.io.dump(fitted, folder / "whole.skops")
    with zipfile.ZipFile(folder / "whole.skops") as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(files["schema.json"])
    written(folder / "newer.skops", files, {**schema, "protocol": 99, "_skops_version": "9.0"})
    written(folder / "lie.skops", files, {"a": 1})
    arrays = {name: b"\x93NUMPY" for name in files if name != "schema.json"}
    written(folder / "damaged.skops", arrays, schema)
    with zipfile.ZipFile(folder / "bomb.skops", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", json.dumps(schema))
        archive.writestr("weights.npy", bytes(100 * 2**20))


def written(path: Path, files: dict[str, bytes], schema: object) -> None:
    """An archive of these, with another description."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, body in files.items():
            if name != "schema.json":
                archive.writestr(name, body)
        archive.writestr("schema.json", json.dumps(schema))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
