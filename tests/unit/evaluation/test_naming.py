import pytest

from lichen.core.errors import InvalidInput
from lichen.evaluation.naming import metric_named

METRICS = ("ROC-AUC", "log loss", "F1")


@pytest.mark.parametrize("given", ["ROC-AUC", "roc_auc", "roc auc", "RocAuc"])
def test_case_spaces_and_hyphens_do_not_count(given: str) -> None:
    assert metric_named(given, METRICS) == "ROC-AUC"


def test_the_nearest_is_offered_and_all_are_listed() -> None:
    with pytest.raises(InvalidInput, match=r"did you mean 'log loss'.*ROC-AUC, log loss, F1"):
        metric_named("logloss2", METRICS)
    with pytest.raises(InvalidInput, match="'zzz': there are"):
        metric_named("zzz", METRICS)
