"""Why this answer: contributions of raw columns, their order over a dataset, and pictures."""
