"""Pinned packages of frameworks that get an environment of their own: a file each."""
