"""Cells of tables as people write them: which mean nothing, and which are truth values."""

MISSING_CELLS = (
    "",
    "na",
    "n/a",
    "nan",
    "null",
    "none",
    "nil",
    "-",
    "--",
    "#n/a",
    "?",
    "无",
    "缺测",
)
"""Cells that mean "nothing was measured", whatever their case."""

TRUTHS = {"true": True, "1": True, "false": False, "0": False}
"""Cells that are truth values, whatever their case."""
