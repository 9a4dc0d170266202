"""Folders of MLflow: the model in them is found by its flavour, or what is wrong is said."""

from pathlib import Path

import pytest

from lichen.core.errors import InvalidInput
from lichen.frameworks.importing.source import Source, laid_out
from lichen.server.work.importing.mlflow_folder import is_mlflow, packaged

COLUMNS = r'[{"type": "double", "name": "a"}, {"type": "double", "name": "b"}]'


def folder(place: Path, said: str, *names: str) -> Source:
    root = place / "given"
    for name in ("MLmodel", *names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(said if name == "MLmodel" else name)
    return laid_out(root, "given")


@pytest.mark.parametrize(
    ("said", "names", "laid"),
    [
        ("sklearn: {pickled_model: model.skops}", ["model.skops"], ["model.skops"]),
        ("xgboost: {data: model.ubj}", ["model.ubj", "conda.yaml"], ["model.ubj"]),
        ("keras: {data: data}", ["data/model.keras", "data/x.txt"], ["model.keras"]),
        (
            "tensorflow: {saved_model_dir: tf2model}",
            ["tf2model/saved_model.pb", "tf2model/variables/v.index"],
            ["saved_model.pb", "variables/v.index"],
        ),
        ("pytorch: {model_data: data}", ["data/model.pt2", "data/i.txt"], ["model.pt2"]),
        (
            "transformers: {model_binary: model, tokenizer_type: T}",
            ["model/config.json", "components/tokenizer/tokenizer.json"],
            ["config.json", "tokenizer.json"],
        ),
        (
            "keras: {data: data, save_exported_model: true}",
            ["data/keras_module.txt", "data/model/saved_model.pb", "data/model/variables/v.index"],
            ["saved_model.pb", "variables/v.index"],
        ),
        (
            "pytorch: {model_data: data}",
            ["data/model.pth", "data/pickle_module_info.txt"],
            ["model.pth"],
        ),
        (
            "transformers: {model_binary: model}",
            ["model/config.json", "components/image_processor/preprocessor_config.json"],
            ["config.json", "preprocessor_config.json"],
        ),
        ("spacy: {data: model.spacy}", ["model.spacy/meta.json"], ["meta.json"]),
    ],
)
def test_the_files_of_a_flavour_are_laid_alone(
    tmp_path: Path, said: str, names: list[str], laid: list[str]
) -> None:
    source = folder(tmp_path, f"flavors:\n  {said}\n", *names)
    assert is_mlflow(source)
    found = packaged(source, tmp_path / "alone")
    assert list(found.source.names) == laid
    assert found.flavour == said.partition(":")[0]


def test_columns_come_from_the_signature(tmp_path: Path) -> None:
    said = f"flavors:\n  onnx: {{data: model.onnx}}\nsignature:\n  inputs: '{COLUMNS}'\n"
    found = packaged(folder(tmp_path, said, "model.onnx"), tmp_path / "alone")
    assert found.columns == ("a", "b")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("flavors: {python_function: {loader_module: x}}", "which is not run here"),
        ("flavors: {catboost: {data: x}}", "holds the flavours catboost"),
        ("flavors: [", "is no YAML"),
        ("run: 1", "names no flavors"),
        ("flavors: {onnx: {data: ../../etc/passwd}}", "a path outside the folder"),
        ("flavors: {onnx: {data: gone.onnx}}", "which the folder lacks"),
        ("flavors: {sklearn: {}}", "no file"),
        ("flavors: {lightgbm: {data: model.skops}}", "log its booster"),
        ("!!python/object/apply:os.system [id]", "is no YAML"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said(tmp_path: Path, said: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        packaged(folder(tmp_path, said), tmp_path / "alone")


def test_a_small_yaml_that_its_aliases_make_endless_is_never_written_out(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 9)}]" for at in range(1, 12)]
    said = "\n".join([*lines, "signature: {inputs: *a11}", "flavors: {xgboost: {data: *a11}}"])
    with pytest.raises(InvalidInput, match="names no file"):
        packaged(folder(tmp_path, said, "model.ubj"), tmp_path / "laid")
