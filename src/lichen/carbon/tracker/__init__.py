"""Metering for code and commands of the user's own, with or without a platform (A1, A3)."""
