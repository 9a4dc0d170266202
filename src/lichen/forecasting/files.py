"""The files and tensors of a forecaster by name."""

FORECAST_FILE = "forecast.json"
QUANTILES_FILE = "quantiles.npy"
HISTORY, START, KNOWN, PAST = "history", "start", "known", "past"
