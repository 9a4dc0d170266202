"""Data sets: files read into typed, checked, immutable, content-addressed versions."""
