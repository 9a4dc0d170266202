"""Choose among algorithms and their hyperparameters until joules stop paying."""
