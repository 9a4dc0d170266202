"""Regression and classification on tables: from raw columns to a pipeline that takes raw rows."""
