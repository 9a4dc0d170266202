"""How well, and how dearly, images are classified: digits and Fashion-MNIST.

    python benchmarks/images.py [digits] [fashion] [cnn ...]

Digits: scikit-learn's 1,797 images of 8 x 8, five folds, stratified, shuffled with seed 0; each is
scored by a network trained on the other four. Fashion-MNIST (Debian's `dataset-fashion-mnist`):
trained on its 60,000 images, scored on its 10,000. One thread; CPU-seconds are of the training
alone. Then `auto`, the whole walk from cheap to dear with all that belongs to it, as
`lichen train image-classification` runs it.
"""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import process_time
from zipfile import ZipFile

import numpy as np

from lichen.core.batch import Batch
from lichen.core.clock import SystemClock
from lichen.data.datasets import Datasets
from lichen.evaluation.intervals import wilson
from lichen.evaluation.splits import Fold, folds_of, stratified_positions
from lichen.frameworks.networks.multiplications import multiplications
from lichen.frameworks.networks.network import TrainedNetwork
from lichen.frameworks.networks.pictures import IMAGE, image_model
from lichen.frameworks.onnx import OnnxPredictor
from lichen.protocol.training import ImageClassificationTraining
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import MemoryDocuments
from lichen.training.images.portfolio import TITLES
from lichen.training.images.problem import ImageProblem, chosen
from lichen.training.images.study import ImageStudy, study_of
from lichen.training.images.task import train_images
from lichen.training.materials import Materials
from lichen.training.spending import Spending
from lichen.training.watch import NoGauge, NoWatch

FASHION = Path("/usr/share/datasets/fashion-mnist")
FOLDS = 5
ROUNDS, BATCH = 30, 64


def materials(name: str, folder: Path) -> Materials:
    """A dataset as `lichen data add` makes it."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 - only digits need it

    if name == "digits":
        path = folder / "digits.npz"
        held = load_digits()
        np.savez(path, images=held.images, labels=held.target)
    else:
        path = folder / "fashion.zip"
        with ZipFile(path, "w") as archive:
            for file in sorted(FASHION.glob("*.gz")):
                archive.write(file, file.name)
    datasets = Datasets(MemoryDocuments(), LocalBlobs(folder / "blobs"), SystemClock())
    version = datasets.ingest(name, path)
    return Materials(
        dataset=version,
        rows=lambda columns, until=None: datasets.read(version, columns, until),
        file=lambda: datasets.file(version),
        watch=NoWatch(),
        gauge=NoGauge(),
        scratch=folder,
    )


def splits(name: str, study: ImageStudy) -> Sequence[Fold]:
    """What is trained on, and what is scored."""
    if name == "digits":
        return folds_of(stratified_positions(study.truth, 0), FOLDS)
    return (Fold(study.known, study.test),)


def microseconds(network: TrainedNetwork, image: np.ndarray, rows: int) -> float:
    """CPU of one image as it is served, in batches of so many; the least of several rounds."""
    predictor = OnnxPredictor(image_model(network))
    batch = Batch({IMAGE: np.repeat(image.transpose(0, 2, 3, 1), rows, axis=0)})
    predictor.predict(batch)
    took = []
    for _ in range(ROUNDS):
        start = process_time()
        predictor.predict(batch)
        took.append(process_time() - start)
    predictor.close()
    return 1e6 * min(took) / rows


def row_of(name: str, algorithm: str, problem: ImageProblem) -> str:
    """One line of the table."""
    study = problem.study
    wrong, scored, seconds = 0, 0, 0.0
    for fold in splits(name, study):
        start = process_time()
        network = problem.fitted(algorithm, {}, fold.fit, lambda: None)
        seconds += process_time() - start
        said = chosen(network.raw(study.pixels[fold.held]))
        wrong += int((said != study.truth[fold.held]).sum())
        scored += len(fold.held)
    share = 1 - wrong / scored
    interval = wilson(share, scored)
    work = multiplications(network.layers, network.shape)
    one, many = (microseconds(network, study.pixels[:1], rows) for rows in (1, BATCH))
    return (
        f"| {name} | {algorithm} | {share:.2%} ({interval.low:.2%} to {interval.high:.2%}) "
        f"| {network.epochs} | {seconds / len(splits(name, study)):.1f} | {work:,} "
        f"| {one:.0f} | {many:.0f} |"
    ).replace("%", " %")


def main() -> None:
    asked = sys.argv[1:]
    sets = [one for one in asked if one in ("digits", "fashion")] or ["digits", "fashion"]
    algorithms = [one for one in asked if one in TITLES] or list(TITLES)
    print(
        "| data | algorithm | accuracy (95 %) | passes | CPU-s a training | mult. an image "
        f"| CPU us an image, alone | in {BATCH} |"
    )
    print("|---|---|---|---:|---:|---:|---:|---:|")
    for name in sets:
        with tempfile.TemporaryDirectory() as folder:
            held = materials(name, Path(folder))
            spec = ImageClassificationTraining(data=name)
            problem = ImageProblem(study_of(spec, held), Spending(NoGauge(), NoWatch(), None))
            for algorithm in algorithms:
                print(row_of(name, algorithm, problem), flush=True)
            if algorithms == list(TITLES):
                start = process_time()
                made = train_images(spec, held)
                first = made.metrics[0]
                print(
                    f"\n{name}, auto: {made.algorithm}, {first.name} {first.value:.4f} on the "
                    f"{first.split} rows, {process_time() - start:.1f} CPU-s in all: "
                    f"{made.parameters['choice']}\n",
                    flush=True,
                )


if __name__ == "__main__":
    main()
