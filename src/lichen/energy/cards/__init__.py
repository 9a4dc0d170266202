"""Accelerators: their counters, and whose work used them (M1, A1)."""
