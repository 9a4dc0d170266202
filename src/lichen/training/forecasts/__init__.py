"""Fit, validate, search and choose a forecaster."""
