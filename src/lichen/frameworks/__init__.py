"""One adapter for each ML framework: load, predict, check. Each framework is one file."""
