"""An archive of pictures or arrays into the table `rows`: an image, its class and its split."""
# ruff: noqa: S608 - the SQL names our own tables

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput
from lichen.data.engine import Engine
from lichen.data.images.archive import Archive
from lichen.data.images.gallery import Gallery, Labelled
from lichen.data.images.idx import holds_idx, read_idx
from lichen.data.images.npz import read_npz
from lichen.data.images.picture_folders import PictureFolders
from lichen.data.ingest import Prepared
from lichen.data.layout import ROWS, Layout
from lichen.data.options import IngestOptions
from lichen.data.raw import RawFile
from lichen.data.readers import stage_file
from lichen.data.schema import Column, Dtype, Role, Schema

SUFFIXES = (".zip", ".npz")
"""Of files that hold images."""

IMAGE, LABEL, SPLIT = "image", "label", "split"
"""The columns of a dataset of images."""

_CHUNK = "pictures"


def prepare_images(engine: Engine, path: Path, options: IngestOptions) -> Prepared:
    """Read an archive into `rows`.

    Raises:
        InvalidInput: it holds no images that fit together; nothing was stored.
        TooLarge: it is over a limit.
    """
    staged, digest = stage_file(engine, path, options.limits)
    gallery = _opened(Archive(staged, path.name, options.limits), options)
    rows = _fill(engine, gallery)
    file = RawFile(path.name, digest, (), rows, 0, 1, ".")
    schema = _schema(gallery)
    keys = tuple(f"c{place}" for place in range(len(schema.columns)))
    return Prepared(Layout(schema, keys, "UTC"), file, rows, options, gallery.notes())


def _opened(archive: Archive, options: IngestOptions) -> Gallery:
    is_npz = archive.name.lower().endswith(".npz")
    if not is_npz and not holds_idx(archive):
        return PictureFolders(archive, options.limits, options.size)
    if options.size is not None:
        raise InvalidInput(
            f"{archive.name} holds arrays, which --size does not change: leave it out, or resize "
            "them yourself"
        )
    return (read_npz if is_npz else read_idx)(archive, options.limits)


def _schema(gallery: Gallery) -> Schema:
    columns = [
        Column(IMAGE, Dtype.IMAGE, shape=gallery.shape),
        Column(LABEL, Dtype.TEXT, role=Role.TARGET),
    ]
    if gallery.has_splits:
        columns.append(Column(SPLIT, Dtype.TEXT))
    return Schema(tuple(columns))


def _fill(engine: Engine, gallery: Gallery) -> int:
    split = ", c2 VARCHAR" if gallery.has_splits else ""
    engine.run(
        f"CREATE TABLE {ROWS} (n BIGINT, utc BIGINT, label VARCHAR, c0 BLOB, c1 VARCHAR{split})"
    )
    rows = 0
    for chunk in gallery.chunks():
        engine.session.register(_CHUNK, _columns(chunk, rows))
        engine.run(
            f"INSERT INTO {ROWS} SELECT n, NULL, '', c0, c1{', c2' if split else ''} FROM {_CHUNK}"
        )
        engine.session.unregister(_CHUNK)
        rows += len(chunk.labels)
    return rows


def _columns(chunk: Labelled, before: int) -> dict[str, NDArray[np.generic]]:
    count = len(chunk.labels)
    images = np.empty(count, dtype=object)
    images[:] = [image.tobytes() for image in chunk.pixels]
    columns = {
        "n": np.arange(before + 1, before + count + 1),
        "c0": images,
        "c1": _text(chunk.labels),
    }
    return {**columns, "c2": _text(chunk.splits)} if chunk.splits else columns


def _text(values: tuple[str, ...]) -> NDArray[np.generic]:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
