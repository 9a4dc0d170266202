"""Reports over the ledger: SCI, GHG Protocol, EU AI Act, GB/T 32150, Hugging Face.

Equal questions to the same sealed entries get the same bytes for ever (L3): nothing here reads a
clock, and every total is taken in integer nanojoules and nanograms before it is rounded once.
"""
