"""Boosters of LightGBM and XGBoost: plain trees as forests, all else as graphs of doubles."""
