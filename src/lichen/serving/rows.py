"""Join the rows of several requests into one batch, and part the answers again. Pure."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from lichen.core.batch import Array, Batch
from lichen.core.errors import WorkFailed

Tensors = Mapping[str, Array]
Form = tuple[tuple[str, tuple[int, ...]], ...]


def form(tensors: Tensors) -> Form:
    """Which inputs there are and the shape of one row of each: equal forms may be joined."""
    if len(tensors) == 1:
        for name, values in tensors.items():
            return ((name, values.shape[1:]),)
    return tuple([(name, tensors[name].shape[1:]) for name in sorted(tensors)])


def join(requests: Sequence[Tensors]) -> Batch:
    """One batch of requests of equal form, in their order."""
    if len(requests) == 1:
        return Batch(requests[0])
    return Batch({name: np.concatenate([one[name] for one in requests]) for name in requests[0]})


def part(outputs: Batch, rows: Sequence[int], *, takes_rows: bool = True) -> list[dict[str, Array]]:
    """The answers of the requests that had so many rows each.

    A model that takes no rows, such as one with a state, answers one request as it will.

    Raises:
        WorkFailed: an output has another number of rows than went in.
    """
    if not takes_rows and len(rows) == 1:
        return [dict(outputs.arrays)]
    total = sum(rows)
    for name, values in outputs.arrays.items():
        if values.ndim == 0 or len(values) != total:
            raise WorkFailed(
                f"the model answered output {name!r} in shape {list(values.shape)} for {total} rows"
            )
    if len(rows) == 1:
        return [dict(outputs.arrays)]
    answers = []
    start = 0
    for count in rows:
        end = start + count
        answers.append({name: values[start:end] for name, values in outputs.arrays.items()})
        start = end
    return answers


def grouped(sizes: Iterable[tuple[Form, int]], limit: int) -> list[list[int]]:
    """Which requests run together: positions by equal form, in order, up to `limit` rows a batch.

    A single request over the limit is a batch of its own.
    """
    open_batches: dict[Form, tuple[list[int], int]] = {}
    batches: list[list[int]] = []
    for position, (its_form, rows) in enumerate(sizes):
        members, taken = open_batches.get(its_form, ([], limit))
        if taken + rows > limit:
            members, taken = [], 0
            batches.append(members)
        members.append(position)
        open_batches[its_form] = (members, taken + rows)
    return batches
