"""Laws of runtimes: a row gets the same answer whichever form runs it, and with whatever."""

from functools import lru_cache
from pathlib import Path
from tempfile import gettempdir

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lichen.core.batch import Batch
from lichen.frameworks.forest_writer import forest_model
from lichen.frameworks.kernel import kernel
from lichen.frameworks.onnx import OnnxPredictor
from lichen.frameworks.onnx_trees import LINKS, ForestTables, read_forest
from lichen.frameworks.runtimes import MARGIN, Costs, choose
from lichen.frameworks.trees import TreePredictor

WIDTH = 4


def grown(random: np.random.Generator, trees: int, targets: int, link: str) -> ForestTables:
    """Random trees: each grows by splitting leaves drawn at random."""
    rows: list[tuple[int, ...]] = []
    for tree in range(trees):
        children: list[tuple[int, int] | None] = [None]
        for _ in range(int(random.integers(0, 12))):
            leaf = random.choice([at for at, one in enumerate(children) if one is None])
            children[leaf] = (len(children), len(children) + 1)
            children += [None, None]
        rows += [(tree, at, *(one or (-1, -1))) for at, one in enumerate(children)]
    tree_ids, node, left, right = np.array(rows, dtype=np.int64).T
    leaf, count = left < 0, len(rows)
    return ForestTables(
        tree=tree_ids,
        node=node,
        feature=np.where(leaf, -1, random.integers(0, WIDTH, count)),
        threshold=np.where(leaf, 0, random.integers(-3, 4, count)).astype(np.float32),
        left=np.where(leaf, 0, left),
        right=np.where(leaf, 0, right),
        missing_left=~leaf & (random.random(count) < 0.5),
        value=np.where(leaf, random.normal(size=count), 0).astype(np.float32),
        target=np.where(leaf, tree_ids % targets, 0),
        base=random.normal(size=targets),
        is_strict=bool(random.random() < 0.5),
        link=link,
    )


@lru_cache
def folder() -> Path:
    return Path(gettempdir(), f"lichen-laws-{Path.home().name}")


@given(
    seed=st.integers(0, 2**32 - 1),
    trees=st.integers(3, 20),
    targets=st.integers(1, 3),
    link=st.sampled_from(sorted(LINKS)),
    rows=st.integers(1, 40),
    missing=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_the_compiled_form_agrees_and_no_row_minds_its_company(
    *, seed: int, trees: int, targets: int, link: str, rows: int, missing: bool
) -> None:
    random = np.random.default_rng(seed)
    content = forest_model(grown(random, trees, targets, link), WIDTH)
    first, read = OnnxPredictor(content), read_forest(content)
    assert read is not None
    compiled = TreePredictor(read, first.signature, first.example(1), kernel(folder()))
    drawn = random.integers(-4, 5, (rows, WIDTH)).astype(np.float32)  # often on a threshold
    if missing:
        drawn[random.random(drawn.shape) < 0.2] = np.nan
    answer = compiled.predict(Batch({"x": drawn}))["prediction"]
    expected = first.predict(Batch({"x": drawn}))["prediction"]
    np.testing.assert_allclose(answer, expected, rtol=1e-5, atol=1e-5)
    border = int(random.integers(0, rows + 1))
    parts = [
        compiled.predict(Batch({"x": part}))["prediction"]
        for part in (drawn[:border], drawn[border:])
        if len(part)
    ]
    np.testing.assert_array_equal(np.concatenate(parts), answer)


@given(
    costs=st.dictionaries(
        st.sampled_from("abc"),
        st.fixed_dictionaries(dict.fromkeys((1, 8, 32), st.floats(1, 1e6))),
        min_size=1,
    )
)
def test_the_choice_covers_every_size_and_never_costs_more_than_the_first_form(
    costs: Costs,
) -> None:
    first = min(costs)
    choices = choose(costs, first)
    borders = [choice.rows for choice in choices]
    assert borders[-1] is None
    inner = [border for border in borders if border is not None]
    assert inner == sorted(set(inner))
    for size in (1, 8, 32):
        chosen = next(one.name for one in choices if one.rows is None or size <= one.rows)
        assert costs[chosen][size] <= costs[first][size]
        if chosen == first:
            assert costs[first][size] * MARGIN <= min(by_size[size] for by_size in costs.values())
