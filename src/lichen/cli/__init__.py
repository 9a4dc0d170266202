"""The command line: `lichen ...`."""
