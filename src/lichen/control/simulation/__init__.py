"""The scheduler on a simulated clock: what it would have saved, beside the best there was."""
