"""The names of the algorithms that each task of training has, cheapest first: the help's one home.

Tests hold them to the portfolios themselves, which load libraries that a client need not have.
"""

from collections.abc import Mapping

_OF_TABLES = ("linear-svm", "lightgbm", "xgboost", "forest", "svm", "mlp")

PORTFOLIOS: Mapping[str, tuple[str, ...]] = {
    "forecast": (
        "naive-day",
        "naive-week",
        "ridge",
        "ridge-calendar",
        "lightgbm",
        "mlp",
        "patch-transformer",
        "fracast",
        "pretrained",
        "statsforecast:NAME",
    ),
    "regression": ("linear", "lasso", "elastic-net", "linear-gd", "linear-sgd", *_OF_TABLES),
    "classification": ("logistic", "logistic-sgd", *_OF_TABLES),
    "text-classification": (
        "tfidf-logistic",
        "tfidf-svm",
        "tfidf-char-logistic",
        "tfidf-char-svm",
        "nb-svm",
        "tfidf-blend",
        "kernel-blend",
        "lsa-logistic",
        "embedding-logistic",
    ),
    "clustering": ("k-means", "gaussian-mixture", "hdbscan"),
    "image-classification": ("linear", "mlp", "cnn", "resnet", "transformer"),
    "anomaly": ("pca", "ecod", "dynamic-pca", "isolation-forest", "autoencoder"),
    "recommendation": ("popular", "als"),
}
"""By task; `statsforecast:NAME` stands for each of that library's models."""

NETWORKS = ("mlp", "patch-transformer", "cnn", "resnet", "transformer", "autoencoder")
"""Those of them that have layers; others take of a network's options at most how it is trained."""
