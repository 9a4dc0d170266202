"""Estimators of scikit-learn as versions: proven on their trial, the same bytes each time."""

from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import DBSCAN, KMeans
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostRegressor,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingRegressor,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor, Ridge
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PowerTransformer, StandardScaler
from sklearn.semi_supervised import LabelSpreading
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier

from lichen.core.errors import InvalidInput
from lichen.core.tensors import ColumnKind
from lichen.frameworks.importing.comparison import check_faithful
from lichen.frameworks.importing.conversion import Conversion, Wishes
from lichen.frameworks.importing.scikit.estimator import conversion_of
from lichen.pipeline.files import PIPELINE_FILE
from lichen.serving.forms import predictor_of

_RANDOM = np.random.default_rng(0)
Fitted = Any
ROWS = _RANDOM.normal(size=(120, 3))
VALUE = np.abs(ROWS @ [1.0, 2.0, -1.0]) + 0.1
TWO = np.where(ROWS[:, 0] + ROWS[:, 1] > 0, "yes", "no")
THREE = _RANDOM.integers(0, 3, 120)
WORDS = ["clean water", "bad air today", "Water is bad", "air and smoke", "clean air"] * 24


class Doubled(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Somebody's own."""

    def fit(self, rows: Fitted, target: Fitted = None) -> "Doubled":  # noqa: ARG002
        self.fitted_ = True
        return self

    def transform(self, rows: Fitted) -> Fitted:
        return rows * 2


def converted(fitted: Fitted, *columns: str) -> Conversion:
    return conversion_of(fitted, Wishes(columns=columns), "scikit-learn")


@pytest.mark.parametrize(
    ("estimator", "target"),
    [
        (LinearRegression(), np.column_stack([VALUE, 2 * VALUE])),
        (PoissonRegressor(), VALUE),
        (make_pipeline(PowerTransformer(), Ridge()), VALUE),
        (make_pipeline(StandardScaler(), LogisticRegression()), THREE),
        (SVC(), THREE),
        (SVR(kernel="poly"), VALUE),
        (KNeighborsClassifier(), TWO),
        (KNeighborsRegressor(weights="distance"), VALUE),
        (GaussianNB(), THREE),
        (DecisionTreeClassifier(max_depth=4), TWO),
        (RandomForestClassifier(6), THREE),
        (RandomForestRegressor(6), np.column_stack([VALUE, -VALUE])),
        (GradientBoostingClassifier(n_estimators=5), THREE),
        (HistGradientBoostingRegressor(max_iter=5), VALUE),
        (HistGradientBoostingClassifier(max_iter=5, categorical_features=[2]), TWO),
        (IsolationForest(n_estimators=10), None),
        (MLPClassifier((4,), max_iter=20), THREE),
        (GaussianProcessRegressor(normalize_y=True), VALUE),
        (GaussianProcessClassifier(), TWO),
        (AdaBoostRegressor(n_estimators=5), VALUE),
        (VotingClassifier([("a", GaussianNB()), ("b", LogisticRegression())]), THREE),
        (StackingRegressor([("a", Ridge()), ("b", SVR())], cv=2), VALUE),
        (CalibratedClassifierCV(LogisticRegression(), method="isotonic", cv=2), THREE),
        (MultiOutputClassifier(LogisticRegression()), np.column_stack([THREE, THREE > 1])),
        (KMeans(3, n_init=1), None),
        (make_pipeline(StandardScaler(), PCA(2)), None),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, BaseEstimator) else "",
)
@pytest.mark.filterwarnings("ignore")
def test_an_estimator_answers_as_scikit_learn_and_gives_the_same_bytes(
    estimator: Fitted, target: Fitted
) -> None:
    rows = np.column_stack([ROWS[:, :2], THREE]).astype(np.float64)
    fitted = estimator.fit(rows, target)
    conversion = converted(fitted)
    predictor = predictor_of(conversion.files, conversion.signature)
    assert check_faithful(predictor, conversion).inputs > 900
    assert converted(fitted).files == conversion.files


def households() -> Fitted:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(ROWS, columns=["age", "income", "rooms"])
    table["city"] = np.where(ROWS[:, 2] > 0, "köln", "ulm")
    return table


def test_raw_columns_of_texts_and_gaps_stand_in_the_signature() -> None:
    columns = make_column_transformer(
        (SimpleImputer(), ["age"]),
        (OneHotEncoder(handle_unknown="ignore"), ["city"]),
        ("passthrough", ["income"]),
    )
    conversion = converted(make_pipeline(columns, Ridge()).fit(households(), VALUE))
    signature = conversion.signature
    assert signature is not None
    numbers, texts = signature.inputs
    assert (numbers.columns, texts.columns) == (("age", "income"), ("city",))
    assert [one.may_lack for one in numbers.details] == [True, False]
    assert texts.details[0].kind is ColumnKind.TEXT
    assert conversion.notes == ("columns that it does not look at are not taken: rooms",)
    predictor = predictor_of(conversion.files, signature)
    assert check_faithful(predictor, conversion).largest_difference < 1e-12


def test_histogram_boosting_takes_categories_and_gaps() -> None:
    table = households()
    table["city"] = table["city"].astype("category")
    fitted = HistGradientBoostingClassifier(max_iter=8, categorical_features="from_dtype")
    conversion = converted(fitted.fit(table, TWO))
    signature = conversion.signature
    assert signature is not None
    assert all(one.may_lack for spec in signature.inputs for one in spec.details)
    assert check_faithful(predictor_of(conversion.files, signature), conversion).inputs == 1000


def test_texts_are_parted_before_the_graph() -> None:
    conversion = converted(make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(WORDS, TWO))
    assert PIPELINE_FILE in conversion.files
    predictor = predictor_of(conversion.files, conversion.signature)
    assert check_faithful(predictor, conversion).largest_difference < 1e-5


def test_trees_alone_become_a_forest_that_explanations_and_compilers_take() -> None:
    conversion = converted(RandomForestClassifier(4).fit(ROWS, TWO), "a", "b", "c")
    assert PIPELINE_FILE in conversion.files
    assert b"TreeEnsembleRegressor" in conversion.files["model.onnx"]


@pytest.mark.parametrize(
    ("estimator", "said"),
    [
        (make_pipeline(Doubled(), LogisticRegression()), "Doubled, which is not scikit-learn's"),
        (DBSCAN(), "knows no others: fit KMeans"),
        (SVC(kernel=lambda one, other: one @ other.T), "kernel of its own"),
        (make_pipeline(StandardScaler(), LabelSpreading()), "LabelSpreading cannot be converted"),
    ],
    ids=["custom transformer", "no prediction", "own kernel", "unknown estimator"],
)
def test_what_cannot_be_converted_is_named_in_a_sentence(estimator: Fitted, said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        converted(estimator.fit(ROWS, THREE))


def test_an_estimator_that_is_not_fitted_is_refused() -> None:
    with pytest.raises(InvalidInput, match="the Ridge is not fitted: call its fit"):
        converted(Ridge())


def test_columns_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InvalidInput, match="2 columns were named, and a row has 3"):
        converted(Ridge().fit(ROWS, VALUE), "a", "b")
