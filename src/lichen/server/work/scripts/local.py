"""A run outside any platform: metered here, registered into a folder."""

import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from lichen.carbon.tracker.metered import Metered, metered
from lichen.core.clock import SystemClock
from lichen.core.ids import checked_name, digest_of
from lichen.data.datasets import Datasets
from lichen.registry.bundle import CARD_FILE, write_folder
from lichen.registry.card import model_card
from lichen.registry.manifest import (
    MANIFEST_FILE,
    Draft,
    File,
    Metric,
    encode_manifest,
    numbered,
)
from lichen.server.work.scripts.served import served_form
from lichen.store.blobs import LocalBlobs
from lichen.store.documents import SqliteDocuments
from lichen.store.failures import storage_failures
from lichen.training.scripts.dataset import ScriptDataset
from lichen.training.scripts.desk import Registration, Spent
from lichen.training.scripts.options import SPLIT, LocalOptions
from lichen.training.scripts.settled import Settled

_ORIGIN = "lichen.run() outside a platform"


def local_desk(options: LocalOptions) -> tuple["LocalDesk", Settled]:
    """The desk of a run that nobody started, which begins to be metered now.

    Raises:
        InvalidInput: the file cannot be read as a table.
        StorageFailed: the folder cannot be written.
    """
    checked_name(options.name, "model")
    with storage_failures(options.folder):
        options.folder.mkdir(parents=True, exist_ok=True)
    dataset = None if options.data is None else _dataset(options.data, options.folder)
    settled = Settled(dataset, options.arguments, options.seed, options.folder)
    return LocalDesk(options.name, options.folder, metered(options.name).start()), settled


def _dataset(file: Path, folder: Path) -> ScriptDataset:
    """The rows of a file, read just as a platform reads them."""
    kept = folder / "data"
    kept.mkdir(exist_ok=True)
    documents = SqliteDocuments(kept / "datasets.db")
    try:
        datasets = Datasets(documents, LocalBlobs(kept / "blobs"), SystemClock())
        found = datasets.ingest("data", file)
        return ScriptDataset(file.stem, 0, datasets.file(found), found.schema, found.rows)
    finally:
        documents.close()


class LocalDesk:
    """Says metrics aloud and keeps the model in a folder."""

    should_stop = False

    def __init__(self, name: str, folder: Path, block: Metered) -> None:
        self._name = name
        self._folder = folder
        self._block = block
        self._metrics: dict[str, float] = {}

    def log(self, step: int | None, values: Mapping[str, float]) -> None:
        """Say them on standard error."""
        self._metrics |= values
        where = "" if step is None else f"step {step}: "
        sys.stderr.write(where + ", ".join(f"{n} {v:.6g}" for n, v in values.items()) + "\n")

    def progress(self, fraction: float) -> None:
        """Nobody looks on."""

    def spent(self) -> Spent | None:
        """What was charged so far, now included."""
        span = self._block.span
        if span is None:
            return None
        self._block.charge_window()
        parts = span.tally.spent()
        return Spent(sum(one.nj for one in parts), sum(one.carbon().ng for one in parts))

    def register(self, asked: Registration) -> str:
        """Write the version into the folder; the receipt is of everything up to now.

        Raises:
            InvalidInput: it cannot be served.
            StorageFailed: the disk is full.
        """
        form = served_form(asked)
        receipt = self._block.stop()
        metrics = {**self._metrics, **asked.metrics}
        draft = Draft(
            model=self._name,
            task="script",
            algorithm=asked.model.algorithm,
            signature=form.signature,
            code_version=version("lichen"),
            metrics=tuple(Metric(name, value, None, SPLIT) for name, value in metrics.items()),
            parameters=asked.model.parameters,
            receipt=receipt,
            origin=_ORIGIN,
            provenance=form.provenance,
        )
        number = 1
        while (folder := self._folder / f"{self._name}-{number}").exists():
            number += 1
        files = tuple(
            File(name, len(content), digest_of(content))
            for name, content in sorted(form.files.items())
        )
        manifest = numbered(draft, number, files, SystemClock().now())
        write_folder(
            folder,
            {
                **form.files,
                MANIFEST_FILE: encode_manifest(manifest),
                CARD_FILE: model_card(manifest).encode(),
            },
        )
        return str(folder)
