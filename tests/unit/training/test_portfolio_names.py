"""What the help names is what can be asked for."""

from lichen.frameworks.estimators import portfolio as tables
from lichen.protocol.portfolios import PORTFOLIOS
from lichen.protocol.training import TASKS
from lichen.training.anomalies import portfolio as anomalies
from lichen.training.clusters.grouping import METHODS
from lichen.training.forecasts.spec import ALGORITHMS
from lichen.training.images import portfolio as images
from lichen.training.recommendations.search import ALS, POPULAR
from lichen.training.texts import algorithms as texts


def test_the_help_names_each_algorithm_of_a_task_and_no_other() -> None:
    found = {
        "forecast": (*ALGORITHMS, "statsforecast:NAME"),
        "regression": _of_tables(0),
        "classification": _of_tables(2),
        "text-classification": tuple(one.name for one in texts.portfolio(has_encoder=True)),
        "clustering": tuple(one.name for one in METHODS),
        "image-classification": tuple(images.TITLES),
        "anomaly": tuple(anomalies.TITLES),
        "recommendation": (POPULAR, ALS),
    }
    assert found == PORTFOLIOS
    assert set(TASKS) == {*PORTFOLIOS, "script"}


def _of_tables(classes: int) -> tuple[str, ...]:
    """Those that can be fitted here, and those that lack a package here, in their order."""
    here = tuple(one.name for one in tables.portfolio(classes))
    lacking = tables.left_out(classes)
    return tuple(one for one in PORTFOLIOS[_TABLE_TASK[classes]] if one in (*here, *lacking)) + (
        tuple(one for one in (*here, *lacking) if one not in PORTFOLIOS[_TABLE_TASK[classes]])
    )


_TABLE_TASK = {0: "regression", 2: "classification"}
