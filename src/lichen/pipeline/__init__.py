"""A model around its core: raw rows into features, and what the core says into answers."""
