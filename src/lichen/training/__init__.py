"""Fit, validate, search: a metered job from a table to a forecaster's files."""
