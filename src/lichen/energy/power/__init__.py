"""The power model: published parameters, TDP, calibration, and learning from a counter (M2)."""
