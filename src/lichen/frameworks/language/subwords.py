"""fastText at work: vectors of words, and of words that nobody saw, from their parts.

A word's parts are its runs of a few characters, each in a bucket by the hash FNV-1a (Bojanowski et
al., 2017). It runs in the process of a guest, with the standard library and NumPy alone.
"""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput

TEXT = "text"
WORDS_FILE, VECTORS_FILE, PARTS_FILE = "words.json", "vectors.npy", "parts.npy"
MOST_SIMILAR = 10
LONGEST_TEXT = 20_000
_BEGIN, _PRIME, _MASK = 2166136261, 16777619, 0xFFFFFFFF
_SIGN, _HIGH = 0x80, 0xFFFFFF00
_EXAMPLES = ("", "nowhere-to-be-found")

Values = NDArray[Any]


def parts_of(word: str, fewest: int, most: int) -> Iterator[str]:
    """Runs of so many characters of a word between `<` and `>`; neither mark alone."""
    marked = f"<{word}>"
    for first in range(len(marked)):
        for end in range(first + fewest, min(first + most, len(marked)) + 1):
            is_mark = end == first + 1 and (first == 0 or end == len(marked))
            if not is_mark:
                yield marked[first:end]


def bucket_of(part: str, buckets: int) -> int:
    """The bucket of a part; each byte with its sign, as fastText reads them."""
    hashed = _BEGIN
    for byte in part.encode():
        hashed ^= byte | (_HIGH if byte & _SIGN else 0)
        hashed = hashed * _PRIME & _MASK
    return hashed % buckets


def subword_files(
    words: Sequence[str],
    vectors: NDArray[np.float32],
    parts: NDArray[np.float32],
    lengths: tuple[int, int],
) -> dict[str, bytes]:
    """The files of a version: the same model gives the same bytes.

    Args:
        words: the vocabulary.
        vectors: `(words, width)`.
        parts: `(buckets, width)`.
        lengths: of a part, in characters, at least and at most.
    """
    said = {"words": list(words), "fewest": lengths[0], "most": lengths[1]}
    return {
        WORDS_FILE: json.dumps(said, ensure_ascii=False).encode(),
        VECTORS_FILE: _stored(vectors),
        PARTS_FILE: _stored(parts),
    }


class SubwordModel:
    """The vectors in a folder."""

    def __init__(self, folder: Path) -> None:
        """Open them; large ones stay on the disk until they are looked at.

        Raises:
            InvalidInput: the files do not fit each other.
        """
        said = json.loads((folder / WORDS_FILE).read_bytes())
        self._words: list[str] = said["words"]
        self._lengths = int(said["fewest"]), int(said["most"])
        self._vectors, self._parts = (
            np.load(folder / name, mmap_mode="r", allow_pickle=False)
            for name in (VECTORS_FILE, PARTS_FILE)
        )
        self._width = int(self._vectors.shape[1])
        fits = self._vectors.shape == (len(self._words), self._width)
        if not fits or self._parts.shape[1:] != (self._width,) or not len(self._parts):
            raise InvalidInput("words, vectors and parts do not fit each other: import it again")
        self._places = {word: at for at, word in enumerate(self._words)}
        norms = np.linalg.norm(self._vectors, axis=1)
        self._norms = np.where(norms > 0, norms, 1.0).astype(np.float32)
        self._top = min(MOST_SIMILAR, len(self._words))

    def told(self) -> dict[str, Any]:
        """Its signature."""
        top = self._top
        return {
            "inputs": [{"name": TEXT, "datatype": "BYTES", "shape": [-1]}],
            "outputs": [
                {"name": "vector", "datatype": "FP32", "shape": [-1, self._width]},
                {"name": "similar", "datatype": "BYTES", "shape": [-1, top]},
                {"name": "similarity", "datatype": "FP32", "shape": [-1, top]},
                {"name": "unknown", "datatype": "BYTES", "shape": [-1]},
            ],
            "joins_rows": True,
        }

    def predict(self, tensors: Mapping[str, Values]) -> Mapping[str, Values]:
        """Vectors of texts, and the words most like them.

        Raises:
            InvalidInput: a text is no UTF-8.
        """
        rows = [self._answered(_words(one, row)) for row, one in enumerate(tensors[TEXT])]
        vector, similar, similarity, unknown = zip(*rows, strict=True)
        told = np.empty(len(rows), dtype=np.object_)
        told[:] = unknown
        return {
            "vector": np.stack(vector),
            "similar": np.stack(similar),
            "similarity": np.stack(similarity),
            "unknown": told,
        }

    def example(self, rows: int) -> Mapping[str, Values]:
        """Words that it knows, one that it does not, none."""
        texts = np.empty(rows, dtype=np.object_)
        known = [*_EXAMPLES, *self._words]
        texts[:] = [known[(row + 2) % len(known)].encode() for row in range(rows)]
        return {TEXT: texts}

    def _answered(self, words: Sequence[str]) -> tuple[Values, Values, Values, bytes]:
        vectors = [one for one in map(self._vector, words) if one is not None]
        mean = np.zeros(self._width, dtype=np.float32)
        similar = np.full(self._top, b"", dtype=np.object_)
        similarity = np.zeros(self._top, dtype=np.float32)
        if vectors:
            mean = np.mean(vectors, axis=0, dtype=np.float32)
            self._find_nearest(vectors, words, similar, similarity)
        unknown = " ".join(word for word in words if word not in self._places)
        return mean, similar, similarity, unknown.encode()

    def _vector(self, word: str) -> Values | None:
        """Of a word; of an unknown one the mean of its parts, None where it has none."""
        at = self._places.get(word)
        if at is not None:
            return np.asarray(self._vectors[at])
        buckets = [bucket_of(one, len(self._parts)) for one in parts_of(word, *self._lengths)]
        return self._parts[buckets].mean(axis=0, dtype=np.float32) if buckets else None

    def _find_nearest(
        self, vectors: Sequence[Values], words: Sequence[str], similar: Values, similarity: Values
    ) -> None:
        """Write the words of the largest cosines, those of the text left out."""
        lengths = [float(np.linalg.norm(one)) or 1.0 for one in vectors]
        direction = np.sum([one / of for one, of in zip(vectors, lengths, strict=True)], axis=0)
        direction /= float(np.linalg.norm(direction)) or 1.0
        cosines = self._vectors @ direction.astype(np.float32) / self._norms
        own = {self._places[word] for word in words if word in self._places}
        cosines[list(own)] = -np.inf
        nearest = np.argpartition(-cosines, self._top - 1)[: self._top]
        best = nearest[np.argsort(-cosines[nearest], kind="stable")]
        for place, at in enumerate(best.tolist()):
            if at not in own:
                similar[place], similarity[place] = self._words[at].encode(), cosines[at]


def _words(content: bytes, row: int) -> list[str]:
    try:
        text = bytes(content).decode()[:LONGEST_TEXT]
    except UnicodeDecodeError as error:
        raise InvalidInput(f"row {row} holds bytes that are no UTF-8 text") from error
    return [one for one in text.split(" ") if one]


def _stored(values: NDArray[np.float32]) -> bytes:
    written = io.BytesIO()
    np.lib.format.write_array(written, np.ascontiguousarray(values), allow_pickle=False)
    return written.getvalue()
