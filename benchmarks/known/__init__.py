"""Requests of known cost: models that do so many units of the same arithmetic, and who judges."""
