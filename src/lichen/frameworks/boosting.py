"""LightGBM: fit boosted trees, one thread, the same bytes each time; read those of others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from hashlib import sha256
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lichen.core.errors import InvalidInput, Unavailable
from lichen.frameworks.foreign_forest import ForeignForest
from lichen.frameworks.lightgbm_text import forest_in
from lichen.frameworks.onnx_trees import ForestTables
from lichen.frameworks.onnx_writer import Tree


@dataclass(frozen=True, slots=True)
class BoostingSettings:
    """How the trees are grown."""

    trees: int = 200
    leaves: int = 31
    learning_rate: float = 0.08
    rows_in_leaf: int = 40
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Boosted:
    """Fitted trees: LightGBM's own, for prediction here, and plain ones, for the ONNX writer."""

    booster: Any
    trees: tuple[Tree, ...]

    def predict(self, rows: NDArray[np.float32]) -> NDArray[np.float64]:
        """One number for each of `rows` `(rows, features)`."""
        return np.asarray(self.booster.predict(rows, num_threads=1), dtype=np.float64)


class Nursery(Protocol):
    """Keeps trees while they grow, so that a fit that was cut off goes on where it stood."""

    @property
    def is_keen(self) -> bool:
        """Whether unfinished trees are to be handed over now."""
        ...

    def kept(self, key: str) -> str | None:
        """The trees, in LightGBM's own text, of the fit of this key; None where none are kept."""
        ...

    def keep(self, key: str, text: str) -> None:
        """Take the trees of a fit, finished or not, in place of those that were kept of it."""
        ...


class NoNursery:
    """Keeps nothing."""

    is_keen = False

    def kept(self, key: str) -> None:  # noqa: ARG002 - there is none
        """Nothing was kept."""
        return

    def keep(self, key: str, text: str) -> None:
        """Let it go."""


NO_NURSERY = NoNursery()


def library() -> Any:  # noqa: ANN401 - it has no types
    """LightGBM itself.

    Raises:
        Unavailable: it is not installed.
    """
    try:
        import lightgbm
    except ImportError as missing:
        raise Unavailable(
            "LightGBM is not installed: install lichen[all], or leave algorithm 'lightgbm' out"
        ) from missing
    return lightgbm


def fit_trees(
    rows: NDArray[np.float32],
    target: NDArray[np.float64],
    settings: BoostingSettings,
    on_round: Callable[[int], None],
    nursery: Nursery = NO_NURSERY,
) -> Boosted:
    """Trees fitted on `rows` `(rows, features)` by least squares.

    Trees that are taken up from their text grow on as if nothing had been: LightGBM writes numbers
    so that they read back exactly, and adds up what trees say in their order, as it does when it
    grows them.

    Args:
        rows: finite features.
        target: one number a row.
        settings: how the trees are grown.
        on_round: called after each tree with how many there are; what it raises ends the fit.
        nursery: keeps them while they grow.

    Raises:
        Unavailable: LightGBM is not installed.
    """
    lightgbm = library()

    def after_round(round_: Any) -> None:  # noqa: ANN401 - LightGBM's own
        on_round(round_.iteration + 1)
        if nursery.is_keen:
            nursery.keep(key, round_.model.model_to_string())

    key = _key(rows, target, settings)
    text = nursery.kept(key)
    begun = None if text is None else lightgbm.Booster(model_str=text)
    left = settings.trees - (begun.current_iteration() if begun else 0)
    if begun is not None and not left:
        return _boosted(begun)
    booster = lightgbm.train(
        _parameters(settings),
        lightgbm.Dataset(rows, target, free_raw_data=True),
        num_boost_round=left,
        init_model=begun,
        callbacks=[after_round],
    )
    nursery.keep(key, booster.model_to_string())
    return _boosted(booster)


def sums_of(booster: Any) -> ForestTables:  # noqa: ANN401 - LightGBM's own
    """The forest of a booster that was trained here, without its link: it answers the sums."""
    tables, _ = forest_in(booster.model_to_string())
    return replace(tables, link="none")


def _boosted(booster: Any) -> Boosted:  # noqa: ANN401 - LightGBM's own
    dumped = booster.dump_model()["tree_info"]
    return Boosted(booster, tuple(_tree(one["tree_structure"]) for one in dumped))


def _parameters(settings: BoostingSettings) -> dict[str, object]:
    return {
        "objective": "regression",
        "learning_rate": settings.learning_rate,
        "num_leaves": settings.leaves,
        "min_data_in_leaf": settings.rows_in_leaf,
        "seed": settings.seed,
        "deterministic": True,
        "force_col_wise": True,
        "num_threads": 1,
        "use_missing": False,
        "verbosity": -1,
    }


def _key(rows: NDArray[np.float32], target: NDArray[np.float64], settings: BoostingSettings) -> str:
    """Names a fit: the same trees come of the same rows, target and settings."""
    digest = sha256(repr((rows.shape, astuple(settings))).encode())
    digest.update(np.ascontiguousarray(rows).tobytes())
    digest.update(np.ascontiguousarray(target).tobytes())
    return digest.hexdigest()


def read_lightgbm(content: bytes) -> ForeignForest:
    """The forest in a text model that LightGBM wrote (`Booster.save_model`).

    Raises:
        InvalidInput: it is none, or holds what no runtime here can do; or LightGBM is missing.
    """
    try:
        import lightgbm
    except ImportError as missing:
        raise InvalidInput(
            "a LightGBM model is read with LightGBM: install lichen[all]"
        ) from missing
    try:
        # by the sizes of its trees LightGBM reads in threads, where an error ends the process
        lines = content.decode().splitlines()
        if "end of trees" not in lines:
            raise InvalidInput("it was cut short: save the booster again")
        kept = "\n".join(line for line in lines if not line.startswith("tree_sizes="))
        booster = lightgbm.Booster(model_str=f"{kept}\n")
        text = booster.model_to_string(num_iteration=-1)
    except (lightgbm.basic.LightGBMError, UnicodeDecodeError) as error:
        raise InvalidInput("LightGBM does not read it: save the booster again") from error

    def predict(rows: NDArray[np.float32]) -> NDArray[np.float64]:
        answers = booster.predict(rows, num_iteration=-1, num_threads=1)
        return np.asarray(answers, dtype=np.float64)

    tables, objective = forest_in(text)
    return ForeignForest(
        tables=tables,
        features=tuple(booster.feature_name()),
        objective=objective,
        library=f"lightgbm {lightgbm.__version__}",
        predict=predict,
    )


def _tree(root: Mapping[str, Any]) -> Tree:
    """LightGBM's nested dump as flat nodes, root first."""
    nodes: list[Mapping[str, Any]] = [root]
    children: list[tuple[int, int]] = []
    for node in nodes:  # grows while it is walked: breadth first
        if "split_feature" in node:
            children.append((len(nodes), len(nodes) + 1))
            nodes += [node["left_child"], node["right_child"]]
        else:
            children.append((-1, -1))
    return Tree(
        feature=tuple(int(node.get("split_feature", -1)) for node in nodes),
        threshold=_floats(nodes, "threshold"),
        left=tuple(left for left, _ in children),
        right=tuple(right for _, right in children),
        value=_floats(nodes, "leaf_value"),
    )


def _floats(nodes: Sequence[Mapping[str, Any]], key: str) -> tuple[float, ...]:
    return tuple(float(node.get(key, 0.0)) for node in nodes)
