"""The model registry: versions, aliases, what a version is made of, and its card."""
