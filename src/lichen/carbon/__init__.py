"""Carbon: intensity of the grid, footprint of work, and the ledger of joules and grams."""
