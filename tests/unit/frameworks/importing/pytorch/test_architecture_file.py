"""Architectures are declared, never code; weights alone say what they lack."""

import json
from pathlib import Path

import pytest

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.formats import format_of
from lichen.frameworks.importing.pytorch.architecture_file import (
    is_architecture,
    read_architecture,
)
from lichen.frameworks.importing.source import Source, laid_out

LINEAR = {"type": "Linear", "in_features": 1, "out_features": 1}


def weights() -> bytes:
    said = json.dumps({"0.weight": {"dtype": "F32", "shape": [1, 1], "data_offsets": [0, 4]}})
    return len(said).to_bytes(8, "little") + said.encode() + bytes(4)


def folder(place: Path, said: object) -> Source:
    (place / "architecture.json").write_text(json.dumps(said))
    (place / "model.safetensors").write_bytes(weights())
    return laid_out(place, "mine")


def nested(depth: int) -> dict[str, object]:
    return {"type": "Sequential", "layers": [nested(depth - 1)]} if depth else dict(LINEAR)


def test_layers_are_read_with_their_options_and_what_they_hold(tmp_path: Path) -> None:
    said = {
        "input": {"name": "image", "shape": [3, 8, 8]},
        "labels": ["a", "b"],
        "layers": [
            {"type": "Residual", "layers": [{"type": "ReLU"}]},
            {
                "type": "Conv2d",
                "name": "stem",
                "in_channels": 3,
                "kernel_size": [3, 3],
                "padding": "same",
            },
        ],
    }
    source = folder(tmp_path, said)
    found = format_of(source)
    assert found is not None
    assert found.name == "torch-weights"
    read = read_architecture(source)
    assert read.input.shape == (3, 8, 8)
    assert read.labels == ("a", "b")
    assert [one.type for one in read.layers[0].layers] == ["ReLU"]
    assert read.layers[1].name == "stem"
    assert read.layers[1].options == {"in_channels": 3, "kernel_size": [3, 3], "padding": "same"}


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"layers": [LINEAR]}, "cannot be read"),
        ({"input": {"shape": [0]}, "layers": [LINEAR]}, "name of letters"),
        ({"input": {"shape": [1], "name": "x):\n import os #"}, "layers": [LINEAR]}, "of letters"),
        ({"input": {"shape": [1], "name": "lambda"}, "layers": [LINEAR]}, "name of letters"),
        ({"input": {"shape": [1]}, "layers": []}, "1 to 2000"),
        ({"input": {"shape": [1]}, "layers": [LINEAR] * 2001}, "1 to 2000"),
        ({"input": {"shape": [1]}, "layers": [{"type": "Module"}]}, "none of AdaptiveAvgPool1d"),
        ({"input": {"shape": [1]}, "layers": [{"type": "Sequential", "layers": 3}]}, "needs"),
        ({"input": {"shape": [1]}, "layers": [nested(12)]}, "nests layers deeper"),
        ({"input": {"shape": [1]}, "layers": [{**LINEAR, "name": "a.b"}]}, "without dots"),
        ({"input": {"shape": [1]}, "layers": [{**LINEAR, "device": {"a": 1}}]}, "no plain value"),
        ({"input": {"shape": [1]}, "layers": [{**LINEAR, "dtype": "a b"}]}, "no plain value"),
    ],
)
def test_what_is_no_declaration_of_layers_is_refused(
    tmp_path: Path, said: object, why: str
) -> None:
    with pytest.raises(InvalidInput, match=why):
        read_architecture(folder(tmp_path, said))


def test_weights_alone_are_refused_with_what_they_lack(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(weights())
    with pytest.raises(
        InvalidInput, match=r"1 weights \(0\.weight \[1, 1\], \.\.\.\) and not what"
    ):
        is_architecture(laid_out(tmp_path, "model.safetensors"))


def test_two_files_of_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "other.safetensors").write_bytes(weights())
    with pytest.raises(InvalidInput, match="2 files of safetensors"):
        is_architecture(folder(tmp_path, {}))
