"""Ten named tables, and who trains on them: Lichen, FLAML, and a search that nobody stops."""
