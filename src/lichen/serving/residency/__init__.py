"""Which models are in memory: loaded, swapped, put to sleep and woken as the store says."""
