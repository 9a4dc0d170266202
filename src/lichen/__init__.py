"""Lichen: a green Model-as-a-Service platform. Public names load when they are first used."""

from importlib import import_module
from typing import Any

_TRAINING = "lichen.protocol.training"
_HOMES = {
    "AnomalyTraining": _TRAINING,
    "ClassificationTraining": _TRAINING,
    "ClusteringTraining": _TRAINING,
    "ExplainOptions": "lichen.protocol.explaining",
    "ExplainSpec": "lichen.protocol.explaining_data",
    "ForecastTraining": _TRAINING,
    "ImageClassificationTraining": _TRAINING,
    "NetworkOptions": _TRAINING,
    "RecommendationTraining": _TRAINING,
    "RegressionTraining": _TRAINING,
    "ScriptTraining": _TRAINING,
    "TextClassificationTraining": _TRAINING,
    "Wish": "lichen.client.inference",
    "compare": "lichen.core.comparison",
    "connect": "lichen.client.connection",
    "metered": "lichen.carbon.tracker.metered",
    "run": "lichen.server.work.scripts.run",
}

__all__ = [
    "AnomalyTraining",
    "ClassificationTraining",
    "ClusteringTraining",
    "ExplainOptions",
    "ExplainSpec",
    "ForecastTraining",
    "ImageClassificationTraining",
    "NetworkOptions",
    "RecommendationTraining",
    "RegressionTraining",
    "ScriptTraining",
    "TextClassificationTraining",
    "Wish",
    "__version__",
    "compare",
    "connect",
    "metered",
    "run",
]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - PEP 562 asks for this shape
    if name == "__version__":
        return import_module("importlib.metadata").version("lichen")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'lichen' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
