"""Emissions trackers side by side: the parts of `benchmarks/trackers.py`."""
