"""Exported programs of PyTorch (`torch.export.save`) as ONNX, by PyTorch's own exporter."""

import io
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lichen.core.batch import NUMPY_OF_DATATYPE
from lichen.core.errors import InvalidInput, WorkFailed
from lichen.frameworks.importing.conversion import Conversion, Wishes
from lichen.frameworks.importing.pytorch.answers import conversion_of, datatype_of, settled
from lichen.frameworks.importing.pytorch.programs import SAMPLES, check_program
from lichen.frameworks.importing.pytorch.tensors import Taken, described, wished
from lichen.frameworks.importing.pytorch.writing import exported_model
from lichen.frameworks.importing.source import Source, opened_zip, zip_member

_OPEN = 20
"""An open side is tried with so many, where the program allows it."""
_BATCH = "rows"
IT = "it"
"""What refusals call the model: whoever passes them on says its name before."""


def convert(source: Source, wishes: Wishes) -> Conversion:
    """A program as ONNX, and what PyTorch answers.

    Raises:
        InvalidInput: it is not safe to load, keeps a state, or its rows are fixed and nothing was
            said of that; or PyTorch cannot export it.
    """
    check_program(source)
    with settled() as torch:
        program = _loaded(torch, source)
        _check_stateless(program, IT)
        taken = _taken(program, IT)
        if wishes.inputs:
            program, taken = _as_wished(torch, program, taken, wishes)
        elif _is_fixed(taken):
            raise _asked(IT, taken)
        return converted_program(torch, program, IT, "exported program", taken)


def converted_program(
    torch: Any,  # noqa: ANN401 - torch's own types
    program: Any,  # noqa: ANN401 - torch's own types
    shown: str,
    algorithm: str,
    taken: Sequence[Taken] = (),
) -> Conversion:
    """A program in memory as ONNX, and what PyTorch answers; without `taken` it says it itself.

    Raises:
        InvalidInput: PyTorch cannot export it, or it does not answer rows for themselves.
    """
    taken = taken or _taken(program, shown)
    outputs = _output_names(torch, program, shown)
    names = [one.name for one in taken]

    def write() -> bytes:
        return exported_model(torch, program, names, outputs)

    return conversion_of(torch, write, program.module(), taken, outputs, algorithm)


def _loaded(torch: Any, source: Source) -> Any:  # noqa: ANN401 - torch's own types
    try:
        return torch.export.load(_written_anew(torch, source))
    except Exception as error:  # of all kinds: whatever a stranger's model leads to
        said = str(error).partition("\n")[0][:200]
        raise InvalidInput(
            f"it cannot be loaded by PyTorch {torch.__version__} ({said}): export it "
            "with this version or an older one, from 2.7 on"
        ) from error


def _written_anew(torch: Any, source: Source) -> io.BytesIO:  # noqa: ANN401 - torch's own types
    """The members that were looked through, the example inputs as plain tensors.

    `torch.export.load` unpickles example inputs that it cannot read as tensors alone: what it is
    given was read so once, and written by PyTorch here.
    """
    made = io.BytesIO()
    with opened_zip(source.path(source.only or "")) as archive, zipfile.ZipFile(made, "w") as anew:
        for member in archive.namelist():
            content = zip_member(archive, member)
            if member.partition("/")[2] == SAMPLES:
                samples = io.BytesIO()
                torch.save(torch.load(io.BytesIO(content), weights_only=True), samples)
                content = samples.getvalue()
            anew.writestr(member, content)
    made.seek(0)
    return made


def _check_stateless(program: Any, shown: str) -> None:  # noqa: ANN401 - torch's own types
    signature = program.graph_signature
    changed = [*signature.buffers_to_mutate.values(), *signature.user_inputs_to_mutate.values()]
    if changed:
        raise InvalidInput(
            f"{shown} changes {', '.join(map(repr, changed[:3]))} at every call: a version answers "
            "each request alone; let forward take the state and return it, and export it again"
        )
    if any(str(symbol).startswith(("u", "zuf")) for symbol in program.range_constraints):
        raise InvalidInput(
            f"{shown} gives results whose size depends on the values it is given: return all of "
            "them, or a fixed number, and export it again"
        )


def _taken(program: Any, shown: str) -> tuple[Taken, ...]:  # noqa: ANN401 - torch's own types
    names = program.graph_signature.user_inputs
    nodes = {one.name: one for one in program.graph.nodes if one.op == "placeholder"}
    strange = [one for one in names if not isinstance(one, str)]
    if strange or not names:
        raise InvalidInput(
            f"{shown} takes {strange[0]!r} beside tensors: bind what is no tensor before exporting"
            if strange
            else f"{shown} takes no tensor at all: export a model with an input"
        )
    return tuple(_one(name, nodes[name], program.range_constraints) for name in names)


def _one(name: str, node: Any, ranges: Any) -> Taken:  # noqa: ANN401 - torch's own types
    value = node.meta["val"]
    if not hasattr(value, "shape"):
        raise InvalidInput(f"input {name!r} is no tensor but {value!r}: bind it before exporting")
    sides = [_side(side, ranges) for side in value.shape]
    return Taken(
        name=name,
        datatype=datatype_of(value.dtype, name),
        shape=tuple(open_side for open_side, _ in sides),
        tried=tuple(tried for _, tried in sides),
        below=_vocabulary(node),
    )


def _side(side: Any, ranges: Any) -> tuple[int, int]:  # noqa: ANN401 - torch's own types
    """A length, and the one to try: of an open one within what the program allows."""
    if isinstance(side, int):
        return side, side
    allowed = ranges.get(side.node.expr)
    if allowed is None:
        return -1, _OPEN
    least = int(allowed.lower)
    most = int(allowed.upper) if allowed.upper.is_Integer else max(least, _OPEN)
    return -1, min(max(least, _OPEN), most)


def _vocabulary(node: Any) -> int:  # noqa: ANN401 - torch's own types
    """Rows of the table that whole numbers are looked up in; 2: they are looked up nowhere."""
    for user in node.users:
        if "embedding" in str(user.target) and user.args[1] is node:
            return int(user.args[0].meta["val"].shape[0])
    return 2


def _is_fixed(taken: Sequence[Taken]) -> bool:
    return all(one.shape[:1] != (-1,) for one in taken)


def _asked(shown: str, taken: Sequence[Taken]) -> InvalidInput:
    loose = [
        Taken(name=one.name, datatype=one.datatype, shape=(-1, *one.shape[1:]), tried=one.tried)
        for one in taken
    ]
    return InvalidInput(
        f"{shown} was exported for shapes that are all fixed: import it with {described(loose)} "
        f"to let the number of rows vary, or with {described(taken)} to serve it as it is"
    )


def _as_wished(
    torch: Any,  # noqa: ANN401 - torch's own types
    program: Any,  # noqa: ANN401 - torch's own types
    found: tuple[Taken, ...],
    wishes: Wishes,
) -> tuple[Any, tuple[Taken, ...]]:
    """The program for other shapes, exported anew; itself where it takes these already."""
    asked = wished(wishes.inputs)
    kinds = [(one.name, one.datatype, len(one.shape)) for one in found]
    if [(one.name, one.datatype, len(one.shape)) for one in asked] != kinds:
        raise InvalidInput(f"the program takes other tensors than that: {described(found)}")
    if [one.shape for one in asked] == [one.shape for one in found]:
        return program, found
    for one, was in zip(asked, found, strict=True):
        sides = zip(one.shape, was.shape, strict=True)
        if any(new not in (-1, old) and old != -1 for new, old in sides):
            raise InvalidInput(
                f"the program was exported for {described(found)}: its other sides stay"
            )
    likely = [
        replace(one, tried=was.tried, below=was.below)
        for one, was in zip(asked, found, strict=True)
    ]
    again = exported_anew(torch, program.module(check_guards=False), likely)
    return again, _taken(again, "the program")


def exported_anew(torch: Any, module: Any, taken: Sequence[Taken]) -> Any:  # noqa: ANN401
    """A program of a module for tensors of these shapes, their open sides open.

    Raises:
        InvalidInput: it holds a side fixed that is asked to be open, or fails.
    """
    arguments = [
        torch.zeros(
            [_sample(new, tried) for new, tried in zip(one.shape, one.tried, strict=True)],
            dtype=getattr(torch, str(NUMPY_OF_DATATYPE[one.datatype])),
        )
        for one in taken
    ]
    dynamic = tuple(_dimensions(torch, one.shape) for one in taken)
    try:
        return torch.export.export(module, tuple(arguments), dynamic_shapes=dynamic)
    except Exception as error:  # of all kinds: whatever a stranger's model leads to
        said = str(error).strip().partition("\n")[0][:160]
        raise InvalidInput(
            f"PyTorch cannot let it take {described(taken)} ({said}): export it with "
            "dynamic_shapes yourself, or import it with the shapes that it has"
        ) from error


def _sample(new: int, tried: int) -> int:
    return new if new != -1 else max(tried, 2)


def _dimensions(torch: Any, shape: Sequence[int]) -> dict[int, Any]:  # noqa: ANN401 - torch's own
    return {
        place: torch.export.Dim(f"side_{place}" if place else _BATCH)
        for place, side in enumerate(shape)
        if side == -1
    }


def _output_names(torch: Any, program: Any, shown: str) -> list[str]:  # noqa: ANN401 - torch's own
    """By the keys of a dict that is returned, else `output`, or `output_0`, `output_1`, ..."""
    given = program.graph_signature.user_outputs
    if not given or any(not isinstance(one, str) for one in given):
        raise InvalidInput(
            f"{shown} returns something beside tensors: let forward return tensors alone"
        )
    pytree = torch.utils._pytree  # noqa: SLF001 - the one way to the keys
    said = pytree.tree_unflatten(list(range(len(given))), program.call_spec.out_spec)
    paths = [path for path, _ in pytree.tree_flatten_with_path(said)[0]]
    names = [
        "_".join(str(getattr(key, "key", getattr(key, "idx", ""))) for key in one) for one in paths
    ]
    if len(names) == 1 and not names[0]:
        return ["output"]
    made = [f"output_{name}" if name[:1].isdigit() else name for name in names]
    if len(set(made)) < len(made) or not all(made):
        raise WorkFailed(f"{shown} names its results in no way of its own: return a dict of them")
    return made
