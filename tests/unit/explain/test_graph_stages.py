"""Imported pipelines of scikit-learn: what comes before trees or a weighted sum is gone through."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    QuantileTransformer,
    StandardScaler,
)

from lichen.core.batch import Batch
from lichen.core.errors import InvalidInput
from lichen.explain.explainer import NO_WISHES, LoadedVersion, Wishes
from lichen.explain.methods import Explainers
from lichen.frameworks.importing.conversion import Conversion
from lichen.frameworks.importing.conversion import Wishes as Imports
from lichen.frameworks.importing.scikit.estimator import conversion_of
from lichen.frameworks.onnx import MODEL_FILE, OnnxPredictor
from lichen.frameworks.onnx_inner_trees import COVER
from lichen.frameworks.onnx_message import parsed
from lichen.protocol.explaining import Explanation
from lichen.serving.pipelines import PipelineAdapter

ROWS, ASKED = 200, 6
OWNER = np.array([0, 1, 0, 2, 2, 2, 3])
"""Of the features of `prepared`: two numbers, a flag of the first, three kinds, a grade."""
Floats = NDArray[np.float64]


def table() -> NDArray[Any]:
    random = np.random.default_rng(3)
    rows = np.empty((ROWS, 4), dtype=np.object_)
    rows[:, 0], rows[:, 1] = random.normal(size=ROWS), 100 * random.normal(size=ROWS)
    rows[::7, 0] = np.nan
    rows[:, 2] = random.choice(["air", "sea", "sun"], ROWS)
    rows[:, 3] = random.choice(["low", "top"], ROWS)
    return rows


def score(rows: NDArray[Any]) -> Floats:
    heat = np.nan_to_num(rows[:, 0].astype(np.float64))
    return np.asarray(heat * (1 + (rows[:, 3] == "top")) + 0.02 * rows[:, 1].astype(np.float64))


def prepared() -> ColumnTransformer:
    return ColumnTransformer(
        [
            ("n", make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), [0, 1]),
            ("o", OneHotEncoder(handle_unknown="ignore"), [2]),
            ("c", OrdinalEncoder(), [3]),
        ]
    )


def imported(fitted: Any) -> Conversion:  # noqa: ANN401 - of scikit-learn
    return conversion_of(fitted, Imports(), "scikit-learn")


def version_of(made: Conversion) -> LoadedVersion:
    if "pipeline.json" in made.files:
        return LoadedVersion(PipelineAdapter().load(made.files, made.signature), made.files)
    return LoadedVersion(OnnxPredictor(made.files[MODEL_FILE], made.signature), made.files)


def asked(rows: NDArray[Any]) -> Batch:
    texts = np.empty((len(rows), 2), dtype=np.object_)
    texts[:] = [[one.encode() for one in row] for row in rows[:, 2:].tolist()]
    return Batch({"x": rows[:, :2].astype(np.float64), "texts": texts})


def contributions(found: Explanation) -> Floats:
    return np.array([[one.contributions for one in row.attributions] for row in found.rows])


def base(found: Explanation) -> Floats:
    return np.array([one.base for one in found.rows[0].attributions])


def folded(values: Floats) -> Floats:
    found = np.zeros((*values.shape[:-1], 4))
    for feature, owner in enumerate(OWNER):
        found[..., owner] += values[..., feature]
    return found


TREES: list[Any] = [
    RandomForestRegressor(4, max_depth=4, random_state=0),
    RandomForestClassifier(4, max_depth=4, random_state=0),
    GradientBoostingClassifier(n_estimators=4, random_state=0),
    HistGradientBoostingRegressor(max_iter=4, max_depth=4),
]


@pytest.mark.parametrize("model", TREES, ids=lambda one: type(one).__name__)
def test_values_of_a_pipeline_are_those_of_its_trees_summed_by_column(model: Any) -> None:  # noqa: ANN401
    """The trees alone, imported, are explained from a core that is all of them."""
    rows = table()
    goal: NDArray[Any] = score(rows)
    if hasattr(model, "predict_proba"):
        goal = np.digitize(goal, [-0.5, 0.5])
    pipeline = make_pipeline(prepared(), model).fit(rows, goal)
    version = version_of(imported(pipeline))
    explainer = Explainers(version).find(has_background=False)
    found = explainer.explain(asked(rows[:ASKED]), NO_WISHES)
    assert (found.method, found.largest_error < 1e-6) == ("tree-shap", True)
    assert [part.column for part in found.rows[0].parts] == ["x[0]", "x[1]", "x2", "x3"]
    features = np.asarray(pipeline[0].transform(rows[:ASKED]), dtype=np.float32)
    alone = version_of(imported(pipeline[-1]))
    (name,) = (one.name for one in alone.predictor.signature.inputs)
    meant = Explainers(alone).find("tree-shap").explain(Batch({name: features}), NO_WISHES)
    assert contributions(found) == pytest.approx(folded(contributions(meant)), abs=1e-5)
    assert base(found) == pytest.approx(base(meant), abs=1e-5)


@pytest.mark.parametrize("background", [False, True])
def test_a_weighted_sum_after_such_steps_is_explained_in_closed_form(*, background: bool) -> None:
    rows = table()
    pipeline = make_pipeline(prepared(), Ridge()).fit(rows, score(rows))
    version = version_of(imported(pipeline))
    usual = rows[50:60] if background else None
    wishes = Wishes(background=None if usual is None else asked(usual))
    found = Explainers(version).find(has_background=False).explain(asked(rows[:ASKED]), wishes)
    features = np.asarray(pipeline[0].transform(rows[:ASKED]))
    start = 0.0 if usual is None else np.asarray(pipeline[0].transform(usual)).mean(axis=0)
    assert found.method == "linear-shap"
    meant = folded((features - start) * pipeline[-1].coef_)
    assert contributions(found)[:, 0] == pytest.approx(meant, abs=1e-6)
    said = [row.attributions[0].prediction for row in found.rows]
    assert said == pytest.approx(pipeline.predict(rows[:ASKED]))


def test_of_two_classes_either_can_be_asked_for() -> None:
    rows = table()
    pipeline = make_pipeline(prepared(), LogisticRegression()).fit(rows, score(rows) > 0)
    explainer = Explainers(version_of(imported(pipeline))).find(has_background=False)
    found = [explainer.explain(asked(rows[:1]), Wishes(output=name)) for name in ("True", "False")]
    assert [one.space for one in found] == ["log-odds"] * 2
    assert contributions(found[0]) == pytest.approx(-contributions(found[1]))


@pytest.mark.parametrize(
    ("steps", "model"),
    [
        (PCA(2), RandomForestRegressor(3, max_depth=3)),
        (PolynomialFeatures(2), RandomForestRegressor(3, max_depth=3)),
        (
            StandardScaler(),
            VotingRegressor([(name, RandomForestRegressor(2, max_depth=2)) for name in "ab"]),
        ),
    ],
    ids=["components", "products", "several sums of trees"],
)
def test_what_mixes_columns_is_left_to_sampling(steps: Any, model: Any) -> None:  # noqa: ANN401
    rows = np.random.default_rng(1).normal(size=(80, 3))
    pipeline = make_pipeline(steps, model).fit(rows, rows[:, 0] + rows[:, 1] * rows[:, 2])
    explainers = Explainers(version_of(imported(pipeline)))
    with pytest.raises(InvalidInput, match="does not fit this model: give auto or shap"):
        explainers.find("tree-shap")


def test_quantiles_of_one_column_are_gone_through_and_doubles_are_kept_apart() -> None:
    """Splits lie closer together than float32 tells apart: the trees are told them by rank."""
    random = np.random.default_rng(2)
    rows = np.stack([1e9 + random.integers(0, 60, 120), random.normal(size=120)], axis=1)
    goal = rows[:, 0] % 7 + rows[:, 1]
    for steps in (QuantileTransformer(n_quantiles=30), SimpleImputer()):
        model = HistGradientBoostingRegressor(max_iter=5, min_samples_leaf=3)
        pipeline = make_pipeline(steps, model).fit(rows, goal)
        found = (
            Explainers(version_of(imported(pipeline)))
            .find("tree-shap")
            .explain(Batch({"x": rows}), NO_WISHES)
        )
        said = [row.attributions[0].prediction for row in found.rows]
        assert said == pytest.approx(pipeline.predict(rows), abs=1e-9)


def test_equal_fits_give_equal_bytes_and_trees_without_their_cover_are_left_to_sampling() -> None:
    rows = table()
    pipeline = make_pipeline(prepared(), TREES[0]).fit(rows, score(rows))
    first, second = imported(pipeline), imported(pipeline)
    assert first.files == second.files
    model = parsed(first.files[MODEL_FILE])
    assert [one.key.startswith(COVER) for one in model.metadata_props] == [True]
    del model.metadata_props[:]
    bare = {MODEL_FILE: bytes(model.SerializeToString())}
    version = LoadedVersion(OnnxPredictor(bare[MODEL_FILE], first.signature), bare)
    with pytest.raises(InvalidInput, match="does not fit this model"):
        Explainers(version).find("tree-shap")


def test_trees_with_shared_leaves_are_left_to_sampling() -> None:
    """As other converters write them: nothing says what came to their nodes, or they are broken."""
    rows = table()
    made = imported(make_pipeline(prepared(), TREES[0]).fit(rows, score(rows)))
    model = parsed(made.files[MODEL_FILE])
    (trees,) = (one for one in model.graph.node if one.op_type == "TreeEnsemble")
    said = {one.name: one for one in trees.attribute}
    is_leaf, number = said["nodes_trueleafs"].ints, said["nodes_truenodeids"].ints
    first, second = [at for at, one in enumerate(is_leaf) if one][:2]
    number[second] = number[first]
    for keeps_cover in (True, False):
        if not keeps_cover:
            del model.metadata_props[:]
        files = {MODEL_FILE: bytes(model.SerializeToString())}
        version = LoadedVersion(OnnxPredictor(files[MODEL_FILE], made.signature), files)
        found = Explainers(version).find(has_background=True)
        assert type(found) is type(Explainers(version).find("shap"))
