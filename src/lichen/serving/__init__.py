"""The data plane: one request in, one metered answer out."""
