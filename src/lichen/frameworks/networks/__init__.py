"""Neural networks in PyTorch behind plain records: structure and training are options, not code."""
