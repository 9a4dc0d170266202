"""Models that a script registers: faithful to their library as imports are, by name, or refused."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import (
    BayesianRidge,
    ElasticNet,
    ElasticNetCV,
    HuberRegressor,
    Lasso,
    LassoCV,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
    Ridge,
    RidgeCV,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeClassifier, ExtraTreeRegressor

from lichen.core.batch import Batch
from lichen.core.errors import Corrupt, InvalidInput
from lichen.frameworks.dense_writer import dense_layer, dense_model
from lichen.frameworks.importing.conversion import NO_TRIAL, Conversion, packed, unpacked
from lichen.server.work.scripts.served import ServedForm, served_form
from lichen.serving.forms import predictor_of
from lichen.training.scripts.desk import Registration
from lichen.training.scripts.models import converted

Fitted = Any
RANDOM = np.random.default_rng(7)
X = RANDOM.standard_normal((80, 3)) * [1.0, 10.0, 0.1]
NUMBER = X @ [1.0, 0.2, 3.0] + 0.5
PAIR = np.where(X[:, 0] > 0, "yes", "no")
TRIPLE = np.digitize(X[:, 0], [-0.5, 0.5])
QUICK_NETWORK = {"hidden_layer_sizes": (5,), "solver": "lbfgs", "max_iter": 15, "tol": 10.0}


def registered(model: Fitted, **said: Any) -> ServedForm:  # noqa: ANN401 - fields of a registration
    """As `run.register` and the job do it, without the socket between them."""
    columns, classes = said.pop("columns", ()), said.pop("classes", None)
    made = converted(model, said.pop("example", None), columns, classes or ())
    named = tuple(made.labels if classes is None else classes)
    return served_form(
        Registration(model=unpacked(packed(made)), columns=columns, classes=named, **said)
    )


def answers(form: ServedForm, **tensors: Fitted) -> Mapping[str, Fitted]:
    return predictor_of(form.files, form.signature).predict(Batch(tensors)).arrays


@pytest.mark.parametrize(
    ("estimator", "target"),
    [
        (LinearRegression(), NUMBER),
        (LinearRegression(), np.column_stack([NUMBER, -NUMBER])),
        (Ridge(), NUMBER),
        (RidgeCV(), NUMBER),
        (Lasso(0.01), NUMBER),
        (LassoCV(cv=2), NUMBER),
        (ElasticNet(alpha=0.01), NUMBER),
        (ElasticNetCV(cv=2), NUMBER),
        (BayesianRidge(), NUMBER),
        (make_pipeline(StandardScaler(), HuberRegressor()), NUMBER),
        (make_pipeline(StandardScaler(), SGDRegressor(random_state=1)), NUMBER),
        (LogisticRegression(), PAIR),
        (LogisticRegression(max_iter=1000), TRIPLE),
        (
            make_pipeline(
                MinMaxScaler(),
                LogisticRegressionCV(cv=2, l1_ratios=(0,), use_legacy_attributes=False),
            ),
            PAIR,
        ),
        (SGDClassifier(loss="log_loss", random_state=1), PAIR),
        (SGDClassifier(random_state=1), PAIR),
        (MLPRegressor(activation="tanh", random_state=1, **QUICK_NETWORK), NUMBER),
        (make_pipeline(MinMaxScaler(), MLPClassifier(random_state=1, **QUICK_NETWORK)), PAIR),
        (MLPClassifier(activation="logistic", random_state=1, **QUICK_NETWORK), TRIPLE),
        (DecisionTreeClassifier(random_state=1), PAIR),
        (ExtraTreeRegressor(random_state=1), NUMBER),
        (RandomForestClassifier(5, random_state=1), TRIPLE),
        (ExtraTreesRegressor(5, random_state=1), NUMBER),
        (make_pipeline(PolynomialFeatures(2), LinearRegression()), NUMBER),
        (make_pipeline(StandardScaler(), DecisionTreeClassifier(random_state=1)), PAIR),
        (HistGradientBoostingClassifier(max_iter=3), PAIR),
        (KMeans(2, n_init=1, random_state=1), None),
    ],
    ids=lambda one: type(one).__name__,
)
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_an_estimator_answers_as_it_did(estimator: Fitted, target: Fitted) -> None:
    fitted = estimator.fit(X, target)
    form = registered(fitted)
    found = form.provenance
    assert found.library.startswith("scikit-learn ")
    assert found.inputs > 900
    assert found.largest_difference <= found.tolerance <= 1e-5
    (taken,) = form.signature.inputs
    given = X[:9].astype(np.float32 if taken.datatype == "FP32" else np.float64)
    said = answers(form, **{taken.name: given})["prediction"]
    expected = fitted.predict(given.astype(np.float64))
    if said.dtype.kind == "O":
        decoded = [one if isinstance(one, str) else one.decode() for one in said]
        assert decoded == [str(one) for one in expected]
    else:
        assert said == pytest.approx(expected, rel=1e-5, abs=1e-5)
    assert registered(fitted).files == form.files, "equal models, equal bytes"


def test_columns_are_taken_by_name_and_classes_answered_by_the_names_given() -> None:
    named = {"columns": ("a", "b", "c"), "classes": ("under", "over")}
    for estimator in (LogisticRegression(), RandomForestClassifier(4, random_state=1)):
        fitted = estimator.fit(X, NUMBER > 0.5)
        form = registered(fitted, **named)
        assert form.signature.inputs[0].columns == ("a", "b", "c")
        prediction, probability = form.signature.outputs
        assert (prediction.name, probability.columns) == ("prediction", ("under", "over"))
        said = answers(form, **{form.signature.inputs[0].name: X[:20]})["prediction"]
        expected = ["over" if one else "under" for one in fitted.predict(X[:20])]
        assert [one if isinstance(one, str) else one.decode() for one in said] == expected
    with pytest.raises(InvalidInput, match="were given 1 names"):
        registered(fitted, classes=("one",))
    with pytest.raises(InvalidInput, match="Ridge is no classifier of one target"):
        registered(Ridge().fit(X, NUMBER), classes=("a", "b"))
    form = registered(Ridge().fit(X, NUMBER), labels=("price",))
    assert form.signature.outputs[0].description == "price"


def test_columns_that_a_pipeline_drops_are_named_and_not_taken() -> None:
    kept = make_column_transformer((StandardScaler(), [0, 2]))
    form = registered(make_pipeline(kept, Ridge()).fit(X, NUMBER), columns=("a", "b", "c"))
    assert form.signature.inputs[0].columns == ("a", "c")
    assert form.provenance.notes == ("columns that it does not look at are not taken: b",)


def test_a_pipeline_with_texts_takes_raw_rows() -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=["a", "b", "c"])
    table["city"] = PAIR
    parts = make_column_transformer((OneHotEncoder(), ["city"]), remainder="passthrough")
    form = registered(make_pipeline(parts, LogisticRegression(max_iter=1000)).fit(table, TRIPLE))
    assert [one.columns for one in form.signature.inputs] == [("a", "b", "c"), ("city",)]
    assert "refuses values of city that it was not fitted on" in form.provenance.notes[0]


@pytest.mark.parametrize("library", ["lightgbm", "xgboost"])
def test_boosters_and_their_wrappers_answer_classes(library: str) -> None:
    boosting = pytest.importorskip(library)
    rows = X.astype(np.float32)
    kind = boosting.LGBMClassifier if library == "lightgbm" else boosting.XGBClassifier
    more = {"verbose": -1, "min_child_samples": 5} if library == "lightgbm" else {}
    fitted = kind(n_estimators=3, n_jobs=1, **more).fit(rows, TRIPLE)
    form = registered(fitted, columns=("a", "b", "c"))
    assert form.provenance.inputs == 1000
    assert form.provenance.library.startswith(f"{library} ")
    assert form.signature.inputs[0].columns == ("a", "b", "c")
    said = answers(form, x=rows[:9])
    assert said["probability"] == pytest.approx(fitted.predict_proba(rows[:9]), abs=1e-5)
    assert [int(one) for one in said["prediction"]] == fitted.predict(rows[:9]).tolist()
    booster = fitted.booster_ if library == "lightgbm" else fitted.get_booster()
    assert [one.name for one in registered(booster).signature.outputs] == ["prediction"]


def test_a_wrapper_that_stopped_early_is_registered_with_the_trees_that_it_answers_by() -> None:
    xgboost = pytest.importorskip("xgboost")
    rows, noise = X.astype(np.float32), RANDOM.standard_normal(80)
    fitted = xgboost.XGBRegressor(n_estimators=30, n_jobs=1, early_stopping_rounds=2)
    fitted.fit(rows[:40], noise[:40], eval_set=[(rows[40:], noise[40:])], verbose=False)
    assert fitted.best_iteration < fitted.get_booster().num_boosted_rounds() - 1
    said = answers(registered(fitted), x=rows[:9])["prediction"]
    assert said[:, 0] == pytest.approx(fitted.predict(rows[:9]), abs=1e-5)


def test_modules_of_torch_are_proven_too() -> None:
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(3)
    chain = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 1)).double()
    form = registered(chain, columns=("a", "b", "c"))
    assert form.provenance.inputs == 1000
    assert form.provenance.library.startswith("PyTorch ")
    single = X[:5].astype(np.float32)
    with torch.no_grad():
        expected = chain(torch.from_numpy(X[:5])).numpy()
    assert answers(form, x=single)["prediction"] == pytest.approx(expected, rel=1e-4, abs=1e-5)
    gated = nn.Sequential(nn.Linear(3, 2), nn.SiLU())
    form = registered(gated, example=torch.zeros(2, 3), labels=("one", "other"))
    assert form.provenance.inputs == 1000
    assert form.signature.outputs[0].columns == ("one", "other")
    assert registered(gated, example=torch.zeros(2, 3)).files == form.files


def test_onnx_is_compared_with_its_operators_run_one_by_one() -> None:
    form = registered(dense_model([dense_layer([[2.0], [1.0]], 0.5)]))
    assert form.provenance.inputs == 1000
    assert form.provenance.library.endswith("without optimising")
    assert form.provenance.opset == 18


def test_layers_of_numbers_are_compared_with_numpy() -> None:
    layers = [(np.diag([1e3, 1e-6, 0.0]), np.zeros(3), "relu"), (np.ones((3, 2)), 0.5, "softmax")]
    form = registered(layers, classes=("no", "yes"))
    assert form.provenance.library.startswith("NumPy ")
    assert form.provenance.inputs == 1000
    assert [one.name for one in form.signature.outputs] == ["prediction", "probability"]


def test_what_answers_otherwise_than_its_library_is_refused() -> None:
    made = converted(LinearRegression().fit(X, NUMBER))
    other = converted(LinearRegression().fit(X, 2 * NUMBER))
    lying = Conversion(
        files=other.files,
        trial=made.trial,
        signature=made.signature,
        algorithm="LinearRegression",
        library="scikit-learn",
    )
    with pytest.raises(InvalidInput, match="would answer otherwise than scikit-learn"):
        served_form(Registration(model=lying))


def registration_of(files: Mapping[str, bytes]) -> Registration:
    model = Conversion(files=files, trial=NO_TRIAL, algorithm="any", library="ONNX")
    return Registration(model=model)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"predictor.py": b"import os"}, "'model.onnx', 'predictor.py' cannot be registered"),
        ({"runtime.json": b"{}"}, "cannot be registered: give run.register the model itself"),
        ({"more.txt": b""}, "'more.txt' cannot be registered"),
        ({"pipeline.json": b"{}"}, "is one network and nothing beside"),
    ],
)
def test_files_that_no_conversion_has_are_refused(more: dict[str, bytes], sentence: str) -> None:
    files = {"model.onnx": dense_model([dense_layer([[1.0]], 0.0)]), **more}
    with pytest.raises(InvalidInput) as refused:
        served_form(registration_of(files))
    assert sentence in str(refused.value)


def test_a_model_of_which_more_is_said_than_any_needs_is_not_read() -> None:
    made = converted(LinearRegression().fit(X, NUMBER))
    said, *rest = packed(replace(made, parameters={"p": [[]] * 2_000_000}))
    with pytest.raises(Corrupt, match="what is said of it has"):
        unpacked([said, *rest])


def test_weights_that_stand_in_another_file_are_not_read() -> None:
    elsewhere = helper.make_tensor("w", TensorProto.FLOAT, [1, 1], bytes(4), raw=True)
    elsewhere.ClearField("raw_data")
    elsewhere.data_location = TensorProto.EXTERNAL
    entry = elsewhere.external_data.add()
    entry.key, entry.value = "location", "/etc/passwd"
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["rows", 1])],
        initializer=[elsewhere],
    )
    content = helper.make_model(graph).SerializeToString()
    with pytest.raises(InvalidInput, match="stands in another file"):
        served_form(registration_of({"model.onnx": content}))
