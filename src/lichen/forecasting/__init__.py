"""Closed-form forecasting on NumPy: window normalisation, ridge, seasonal guards, quantiles."""
