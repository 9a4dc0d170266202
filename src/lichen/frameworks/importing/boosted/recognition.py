"""What boosters look like from outside: no library is loaded for the answer."""

from lichen.frameworks.importing.source import Source

_HEAD_BYTES = 4096


def is_lightgbm(source: Source) -> bool:
    """The text that LightGBM writes."""
    return _head(source).replace(b"\r\n", b"\n").startswith(b"tree\n")


def is_xgboost(source: Source) -> bool:
    """The JSON or UBJSON that XGBoost writes."""
    head = _head(source)
    return head.startswith(b"{L") or (head.lstrip().startswith(b"{") and b'"learner"' in head)


def _head(source: Source) -> bytes:
    return b"" if source.only is None else source.head(source.only, _HEAD_BYTES)
