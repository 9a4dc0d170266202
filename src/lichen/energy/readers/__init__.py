"""What reads energy counters and CPU time: one file a source, replay among them (M1)."""
