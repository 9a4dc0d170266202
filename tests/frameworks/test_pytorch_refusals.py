"""Models of PyTorch that no version could answer for are refused, each with what to do about it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from lichen.core.errors import InvalidInput
from lichen.core.tensors import Datatype
from lichen.frameworks.importing.conversion import TensorWish, Wishes
from lichen.frameworks.importing.pytorch import architectures, exported, torchscript
from lichen.frameworks.importing.source import laid_out

ROWS = torch.zeros(4, 3)


class Counting(torch.nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.count.add_(x.mean(0))
        return x + self.count


class Chosen(torch.nn.Module):  # type: ignore[misc]
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[x > 0]


class Branching(torch.nn.Module):  # type: ignore[misc]
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if bool(x.sum() > 0):
            return x * 2
        return x - 1


class Drawing(torch.nn.Module):  # type: ignore[misc]
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.rand_like(x)


def program(
    folder: Path, module: torch.nn.Module, *, is_open: bool = True, example: torch.Tensor = ROWS
) -> None:
    shapes = ({0: torch.export.Dim("rows")},) if is_open else None
    made = torch.export.export(module.eval(), (example,), dynamic_shapes=shapes)
    torch.export.save(made, folder / "model.pt2")


def script(folder: Path, module: torch.nn.Module) -> None:
    torch.jit.script(module.eval()).save(folder / "model.pt2")


Makes = Callable[[Path], None]
ASKED = Wishes(inputs=(TensorWish(name="x", datatype=Datatype.FP32, shape=(-1, 3)),))
BFLOAT = ROWS.to(torch.bfloat16)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda at: program(at, Counting()), "answers the same inputs in two ways"),
        (lambda at: program(at, Drawing()), "answers the same inputs in two ways"),
        (lambda at: program(at, Chosen()), "whose size depends on the values"),
        (
            lambda at: program(at, torch.nn.Linear(3, 2), is_open=False),
            r"--input input:FP32:-1,3 .*--input input:FP32:4,3",
        ),
        (
            lambda at: program(at, torch.nn.Identity(), example=BFLOAT),
            r"of bfloat16, which is not served.*model\.float\(\)",
        ),
    ],
)
def test_programs_that_no_version_answers_for_are_refused(
    tmp_path: Path, make: Makes, why: str
) -> None:
    make(tmp_path)
    with pytest.raises(InvalidInput, match=why):
        exported.convert(laid_out(tmp_path, "model.pt2"), Wishes())


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize(
    ("module", "wishes", "why"),
    [
        (Counting(), ASKED, "answers the same inputs in two ways"),
        (Branching(), ASKED, "depends on the rows beside it"),
        (Branching(), Wishes(), "takes x, and nothing in it says their types and shapes"),
    ],
)
def test_scripts_that_no_version_answers_for_are_refused(
    tmp_path: Path, module: torch.nn.Module, wishes: Wishes, why: str
) -> None:
    script(tmp_path, module)
    with pytest.raises(InvalidInput, match=why):
        torchscript.convert(laid_out(tmp_path, "model.pt2"), wishes)


def test_an_architecture_that_does_not_fit_its_weights_allocates_nothing(tmp_path: Path) -> None:
    save_file({"0.weight": torch.zeros(2, 3)}, tmp_path / "model.safetensors")
    layer = '{"type": "Linear", "in_features": 3, "out_features": 1000000000000}'
    (tmp_path / "architecture.json").write_text(
        f'{{"input": {{"shape": [3]}}, "layers": [{layer}]}}'
    )
    with pytest.raises(InvalidInput, match=r"0\.bias is missing and should be \[1000000000000\]"):
        architectures.convert(laid_out(tmp_path, "mine"), Wishes())
