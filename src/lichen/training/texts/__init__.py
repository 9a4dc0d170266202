"""Classify texts: terms or embeddings, a linear model, and a cut tuned on rows held back."""
