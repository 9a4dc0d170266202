"""The compiled form of forests: what it takes, what it refuses, and where its code is kept."""

import ctypes
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput, Unavailable, WorkFailed
from lichen.frameworks.alternatives import cheapest_form
from lichen.frameworks.forest_writer import forest_model
from lichen.frameworks.kernel import kernel
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_trees import LINKS, ForestTables, read_forest
from lichen.frameworks.onnx_writer import linear_core
from lichen.frameworks.runtimes import Runtimes
from lichen.frameworks.trees import TreePredictor, is_taken

WIDTH = 3


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compiled")


def forest(
    targets: int = 1, link: str = "none", *, is_strict: bool = False, trees: int = 12
) -> ForestTables:
    """Each tree: the root splits, its right child splits again, the third level is leaves."""
    random = np.random.default_rng((trees, targets))
    count = 5 * trees
    leaf = np.tile([False, True, False, True, True], trees)
    return ForestTables(
        tree=np.repeat(np.arange(trees), 5),
        node=np.tile(np.arange(5), trees),
        feature=np.where(leaf, -1, random.integers(0, WIDTH, count)),
        threshold=np.where(leaf, 0, random.normal(size=count)).astype(np.float32),
        left=np.tile([1, 0, 3, 0, 0], trees),
        right=np.tile([2, 0, 4, 0, 0], trees),
        missing_left=random.random(count) < 0.5,
        value=np.where(leaf, random.normal(size=count), 0).astype(np.float32),
        target=np.where(leaf, np.repeat(np.arange(trees) % targets, 5), 0),
        base=random.normal(size=targets).astype(np.float32).astype(np.float64),
        is_strict=is_strict,
        link=link,
    )


def both(tables: ForestTables, folder: Path) -> tuple[OnnxPredictor, TreePredictor]:
    content = forest_model(tables, WIDTH)
    first = OnnxPredictor(content)
    read = read_forest(content)
    assert read is not None
    assert is_taken(read, first.signature)
    return first, TreePredictor(read, first.signature, first.example(1), kernel(folder))


def rows(count: int, *, missing: bool = False) -> Batch:
    random = np.random.default_rng(count)
    drawn = random.normal(size=(count, WIDTH)).astype(np.float32)
    if missing:
        drawn[random.random(drawn.shape) < 0.3] = np.nan
    return Batch({"x": drawn})


@pytest.mark.parametrize("missing", [False, True], ids=["whole", "missing"])
@pytest.mark.parametrize("is_strict", [False, True], ids=["leq", "lt"])
@pytest.mark.parametrize(("targets", "link"), [(1, "none"), (1, "logistic"), (3, "softmax")])
def test_it_answers_as_onnx_runtime_does(
    folder: Path, targets: int, link: str, *, is_strict: bool, missing: bool
) -> None:
    first, compiled = both(forest(targets, link, is_strict=is_strict), folder)
    for count in (1, 7, 8, 19, 300):
        batch = rows(count, missing=missing)
        answer = compiled.predict(batch)["prediction"]
        assert answer.dtype == np.float32
        np.testing.assert_allclose(answer, first.predict(batch)["prediction"], atol=1e-5)


def test_a_row_on_a_threshold_goes_where_the_graph_says(folder: Path) -> None:
    for is_strict in (False, True):
        tables = forest(is_strict=is_strict)
        first, compiled = both(tables, folder)
        on = np.repeat(np.unique(tables.threshold)[:, None], WIDTH, axis=1)
        batch = Batch({"x": on.astype(np.float32)})
        np.testing.assert_allclose(
            compiled.predict(batch)["prediction"], first.predict(batch)["prediction"], atol=1e-5
        )


def test_what_a_row_gets_does_not_depend_on_what_it_runs_with(folder: Path) -> None:
    _, compiled = both(forest(2), folder)
    batch = rows(40)
    together = compiled.predict(batch)["prediction"]
    for row in range(40):
        alone = compiled.predict(Batch({"x": batch["x"][row : row + 1]}))["prediction"]
        np.testing.assert_array_equal(alone[0], together[row])


def test_an_answer_outlives_the_next_one(folder: Path) -> None:
    _, compiled = both(forest(), folder)
    one = compiled.predict(rows(1))["prediction"]
    kept = one.copy()
    compiled.predict(rows(2))
    np.testing.assert_array_equal(one, kept)


def test_a_closed_forest_says_so(folder: Path) -> None:
    _, compiled = both(forest(), folder)
    compiled.close()
    with pytest.raises(WorkFailed, match="unloaded"):
        compiled.predict(rows(1))


def changed(tables: ForestTables, name: str, at: int, value: int) -> ForestTables:
    values: NDArray[np.int64] = getattr(tables, name).copy()
    values[at] = value
    changes: Mapping[str, NDArray[np.int64]] = {name: values}
    return replace(tables, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "at", "value"),
    [("left", 0, 0), ("right", 2, 0), ("right", 2, 3), ("left", 0, 9), ("feature", 0, WIDTH)],
    ids=["own child", "circle", "child of two", "child of none", "no such feature"],
)
def test_trees_that_are_none_never_reach_the_kernel(
    folder: Path, name: str, at: int, value: int
) -> None:
    first, _ = both(forest(), folder)
    broken = changed(forest(), name, at, value)
    with pytest.raises(InvalidInput, match="no trees"):
        TreePredictor(broken, first.signature, first.example(1), kernel(folder))


def test_a_tree_for_several_outputs_is_left_to_onnx_runtime(folder: Path) -> None:
    first, _ = both(forest(2), folder)
    mixed = changed(forest(2), "target", 1, 1)
    with pytest.raises(InvalidInput, match="several outputs"):
        TreePredictor(mixed, first.signature, first.example(1), kernel(folder))


def test_what_is_no_forest_is_not_read() -> None:
    assert read_forest(linear_core(np.ones((2, 1)))) is None


@pytest.mark.parametrize("link", LINKS)
def test_a_forest_is_read_as_it_was_written(link: str) -> None:
    tables = forest(2, link, is_strict=True)
    read = read_forest(forest_model(tables, WIDTH))
    assert read is not None
    assert (read.link, read.is_strict) == (link, True)
    for name in ("tree", "node", "feature", "threshold", "missing_left", "value", "target", "base"):
        np.testing.assert_array_equal(getattr(read, name), getattr(tables, name))


def test_the_code_is_built_once_and_found_again(tmp_path: Path) -> None:
    kernel(tmp_path)
    (library,) = tmp_path.iterdir()
    built = library.stat().st_mtime_ns
    kernel.cache_clear()
    kernel(tmp_path)
    assert library.stat().st_mtime_ns == built
    assert hasattr(ctypes.CDLL(str(library)), "lichen_predict")


def test_a_builder_that_was_killed_leaves_nothing_that_could_be_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "run", killed)
        with pytest.raises(KeyboardInterrupt):
            kernel(tmp_path)
    assert not list(tmp_path.glob("*.so"))
    kernel(tmp_path)


def test_without_a_compiler_onnx_runtime_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="no C compiler"):
        kernel(tmp_path / "compiled")
    content = forest_model(forest(), WIDTH)
    first = OnnxPredictor(content)
    assert cheapest_form(content, first, tmp_path / "compiled") is first


def test_a_compiler_that_fails_is_told_as_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "cc"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="cc does not build"):
        kernel(tmp_path / "compiled")


def test_tables_that_do_not_fit_each_other_are_left_to_onnx_runtime(folder: Path) -> None:
    content = forest_model(forest(), WIDTH)
    model = onnx.load_model_from_string(content)
    (ids,) = [one for one in model.graph.node[0].attribute if one.name == "target_nodeids"]
    ids.ints[0] = 99
    broken = model.SerializeToString()
    with pytest.raises(InvalidInput, match="do not fit each other"):
        read_forest(broken)
    first = OnnxPredictor(content)
    assert cheapest_form(broken, first, folder) is first


def test_a_forest_inside_a_larger_graph_is_left_to_onnx_runtime(folder: Path) -> None:
    model = onnx.load_model_from_string(forest_model(forest(), WIDTH))
    twice = onnx.helper.make_node("Add", ["prediction", "prediction"], ["doubled"])
    model.graph.node.append(twice)
    model.graph.output[0].name = "doubled"
    content = model.SerializeToString()
    assert read_forest(content) is None
    first = OnnxPredictor(content)
    assert cheapest_form(content, first, folder) is first


def test_rows_of_very_many_values_run_in_smaller_blocks(folder: Path) -> None:
    wide = 2**20 + 1
    content = forest_model(forest(), wide)
    first, read = OnnxPredictor(content), read_forest(content)
    assert read is not None
    compiled = TreePredictor(read, first.signature, first.example(1), kernel(folder))
    batch = Batch({"x": np.ones((2, wide), dtype=np.float32)})
    np.testing.assert_allclose(
        compiled.predict(batch)["prediction"], first.predict(batch)["prediction"], atol=1e-5
    )


@pytest.mark.parametrize(
    ("name", "value"), [("post_transform", "LOGISTIC"), ("aggregate_function", "AVERAGE")]
)
def test_forests_that_sum_otherwise_are_left_to_onnx_runtime(name: str, value: str) -> None:
    model = onnx.load_model_from_string(forest_model(forest(), WIDTH))
    model.graph.node[0].attribute.append(onnx.helper.make_attribute(name, value))
    assert read_forest(model.SerializeToString()) is None


def test_a_forest_that_is_a_whole_model_is_served_by_the_compiled_form(folder: Path) -> None:
    content = forest_model(forest(trees=200), WIDTH)
    served = cheapest_form(content, OnnxPredictor(content), folder)
    assert isinstance(served, TreePredictor | Runtimes)


def test_no_folder_no_compiled_form() -> None:
    content = forest_model(forest(), WIDTH)
    first = OnnxPredictor(content)
    assert cheapest_form(content, first, None) is first
