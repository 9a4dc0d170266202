"""TorchScript (`torch.jit.save`) as ONNX; its code is no Python, and is looked through first.

A traced model keeps the shapes that it was traced with; of a scripted one nothing says them.
"""

import pickletools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype
from lichen.frameworks.importing.conversion import Conversion, Wishes
from lichen.frameworks.importing.pytorch.answers import conversion_of, flattened, settled
from lichen.frameworks.importing.pytorch.archives import check_pickles
from lichen.frameworks.importing.pytorch.tensors import Taken, described, made_up, wished
from lichen.frameworks.importing.pytorch.writing import scripted_model
from lichen.frameworks.importing.source import Source, opened_zip, zip_member

_IT = "it"
_TOUCHES_FILES = re.compile(rb"\b(from_file|torch\.save|aten\.save)\s*\(")
_FOREIGN = re.compile(rb"\bops\.(?!aten\b|prim\b|prims\b)(\w+)\.|__torch__\.torch\.classes\.(\w+)")
_LARGEST_CODE = 64 * 2**20
_TRACED = "traced_inputs.pkl"
_STORED = {
    "FloatStorage": Datatype.FP32,
    "DoubleStorage": Datatype.FP64,
    "HalfStorage": Datatype.FP16,
    "LongStorage": Datatype.INT64,
    "IntStorage": Datatype.INT32,
    "ShortStorage": Datatype.INT16,
    "CharStorage": Datatype.INT8,
    "ByteStorage": Datatype.UINT8,
    "BoolStorage": Datatype.BOOL,
}


def convert(source: Source, wishes: Wishes) -> Conversion:
    """A module of TorchScript as ONNX, and what PyTorch answers.

    Raises:
        InvalidInput: it is not safe to load, keeps a state, or nothing says the shapes of what it
            takes; or PyTorch cannot export it.
    """
    check_pickles(source)
    _check_code(source)
    with settled() as torch:
        module = _loaded(torch, source)
        _check_stateless(module, _IT)
        names = _names(module, _IT)
        taken = wished(wishes.inputs) or _traced(source, names)
        _check_described(taken, names, _IT)
        taken = _with_vocabularies(module, taken)
        rows = made_up(taken, 2)
        arguments = [torch.from_numpy(rows[one.name]) for one in taken]
        outputs = _outputs(torch, module, arguments, taken)
        dynamic = {one.name: _open(one) for one in taken} | dict.fromkeys(
            outputs, {0: "rows"} if taken[0].shape[:1] == (-1,) else {}
        )

        def write() -> bytes:
            return scripted_model(torch, module, arguments, (names, outputs), dynamic)

        return conversion_of(torch, write, module, taken, outputs, module.original_name)


def _check_code(source: Source) -> None:
    """Does its code stay with tensors? Some operators read and write files."""
    with opened_zip(source.path(source.only or "")) as archive:
        for member in archive.namelist():
            if not member.endswith(".py"):
                continue
            code = zip_member(archive, member, _LARGEST_CODE)
            touched, foreign = _TOUCHES_FILES.search(code), _FOREIGN.search(code)
            if touched:
                raise InvalidInput(
                    f"it reads or writes files by {touched[1].decode()} in {member}, "
                    "which no answer needs: it is refused"
                )
            if foreign:
                named = (foreign[1] or foreign[2]).decode()
                raise InvalidInput(
                    f"it uses operators or classes of {named!r}, a library of its own: "
                    "script the model without custom operators"
                )


def _loaded(torch: Any, source: Source) -> Any:  # noqa: ANN401 - torch's own types
    try:
        module = torch.jit.load(str(source.path(source.only or "")), map_location="cpu")
        module.eval()
    except (RuntimeError, ValueError, AttributeError) as error:
        said = str(error).strip().partition("\n")[0][:200]
        raise InvalidInput(
            f"it cannot be loaded by PyTorch {torch.__version__} ({said}): save it "
            "with this version or an older one"
        ) from error
    if not hasattr(module, "forward"):
        raise InvalidInput("it has no forward: script a module that has one")
    return module


def _check_stateless(module: Any, shown: str) -> None:  # noqa: ANN401 - torch's own types
    changed = module.inlined_graph.findAllNodes("prim::SetAttr")
    if changed:
        raise InvalidInput(
            f"{shown} changes its own {changed[0].s('name')!r} at every call: a version answers "
            "each request alone; let forward take the state and return it"
        )


def _names(module: Any, shown: str) -> list[str]:  # noqa: ANN401 - torch's own types
    said = module.forward.schema.arguments[1:]
    strange = [one for one in said if str(one.type) != "Tensor" and not one.has_default_value()]
    if strange:
        raise InvalidInput(
            f"{shown} takes {strange[0].name!r} of {strange[0].type}: let forward take tensors "
            "alone"
        )
    names = [str(one.name) for one in said if str(one.type) == "Tensor"]
    if not names:
        raise InvalidInput(f"{shown} takes no tensor at all: script a module with an input")
    return names


def _check_described(taken: Sequence[Taken], names: Sequence[str], shown: str) -> None:
    if [one.name for one in taken] == list(names):
        return
    example = " ".join(f"--input {name}:FP32:-1,3,224,224" for name in names)
    raise InvalidInput(
        f"{shown} takes {', '.join(names)}, and nothing in it says their types and shapes: import "
        f"it with them, such as {example}, -1 for any number of rows"
    )


def _outputs(
    torch: Any,  # noqa: ANN401 - torch's own types
    module: Any,  # noqa: ANN401 - torch's own types
    arguments: Sequence[Any],
    taken: Sequence[Taken],
) -> list[str]:
    try:
        given = module(*arguments)
    except Exception as error:  # of all kinds: whatever a stranger's model leads to
        said = str(error).strip().splitlines()
        raise InvalidInput(
            f"PyTorch fails on {described(taken)} ({(said or ['?'])[-1][:200]}): say by --input "
            "what it takes"
        ) from error
    if isinstance(given, dict):
        flattened(torch, given)
        return [str(key) for key in given]
    count = len(flattened(torch, given))
    return ["output"] if count == 1 else [f"output_{number}" for number in range(count)]


def _open(one: Taken) -> dict[int, str]:
    return {
        place: "rows" if not place else f"{one.name}_{place}"
        for place, side in enumerate(one.shape)
        if side == -1
    }


def _traced(source: Source, names: Sequence[str]) -> tuple[Taken, ...]:
    """The tensors that it was traced with, their first side open; none where it was scripted."""
    with opened_zip(source.path(source.only or "")) as archive:
        found = [name for name in archive.namelist() if name.endswith(f"/{_TRACED}")]
        shapes = _tensors(zip_member(archive, found[0], _LARGEST_CODE)) if found else []
    if len(shapes) != len(names):
        return ()
    return tuple(
        Taken(name=name, datatype=datatype, shape=(-1, *shape[1:]), tried=(-1, *shape[1:]))
        for name, (datatype, shape) in zip(names, shapes, strict=True)
        if shape
    )


def _tensors(pickled: bytes) -> list[tuple[Datatype, tuple[int, ...]]]:
    """Types and shapes of the tensors of a pickle, read off its opcodes: nothing is unpickled.

    PyTorch writes a tensor as its storage, an offset, then its shape and its strides.
    """
    reading = _Reading()
    for opcode, argument, _ in pickletools.genops(pickled):
        reading.take(opcode.name, argument)
    return reading.found


@dataclass(slots=True)
class _Reading:
    """What has been seen: the kind of the newest storage, and numbers since it was named."""

    found: list[tuple[Datatype, tuple[int, ...]]] = field(default_factory=list)
    memory: dict[object, Datatype] = field(default_factory=dict)
    named: Datatype | None = None
    stored: Datatype | None = None
    numbers: list[int] = field(default_factory=list)
    begins: int = 0
    before: str = ""

    def take(self, opcode: str, argument: object) -> None:
        """One more opcode."""
        if opcode == "GLOBAL":
            self.named = _STORED.get(str(argument).removeprefix("torch "))
        elif opcode in ("BINPUT", "LONG_BINPUT") and self.before == "GLOBAL" and self.named:
            self.memory[argument] = self.named
        elif opcode in ("BINGET", "LONG_BINGET"):
            self.named = self.memory.get(argument, self.named)
        elif opcode == "BINPERSID":
            self.stored, self.numbers, self.begins = self.named, [], 1
        elif opcode == "MARK":
            self.begins = len(self.numbers)
        elif opcode.startswith(("BININT", "LONG1")):
            self.numbers.append(int(str(argument)))
        elif opcode.startswith(("TUPLE", "EMPTY_TUPLE")) and self.stored is not None:
            self._shape(opcode)
        self.before = opcode

    def _shape(self, opcode: str) -> None:
        """The first tuple after a storage; the strides come next and are none of our business."""
        if self.stored is None:
            return
        size = opcode.removeprefix("TUPLE")
        begins = len(self.numbers) - int(size) if size.isdigit() else self.begins
        shape = () if opcode == "EMPTY_TUPLE" else tuple(self.numbers[begins:])
        self.found.append((self.stored, shape))
        self.stored = None


def _with_vocabularies(module: Any, taken: Sequence[Taken]) -> tuple[Taken, ...]:  # noqa: ANN401
    """Whole numbers that are looked up in a table are tried within it."""
    graph = module.inlined_graph
    given = {value.debugName(): place for place, value in enumerate(list(graph.inputs())[1:])}
    below: dict[int, int] = {}
    for node in graph.findAllNodes("aten::embedding"):
        table, looked_up = list(node.inputs())[:2]
        weight = _attribute(module, table)
        place = given.get(looked_up.debugName())
        if weight is not None and place is not None:
            below[place] = int(weight.shape[0])
    return tuple(replace(one, below=below.get(place, one.below)) for place, one in enumerate(taken))


def _attribute(module: Any, value: Any) -> Any:  # noqa: ANN401 - torch's own types
    """The parameter that a value of a graph is; None where it is computed."""
    path: list[str] = []
    node = value.node()
    while node.kind() == "prim::GetAttr":
        path.insert(0, node.s("name"))
        node = next(iter(node.inputs())).node()
    found = module
    for name in path:
        found = getattr(found, name, None)
    return found if path else None
