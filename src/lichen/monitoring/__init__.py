"""What the data plane did, for those who watch it: metrics, statistics, traces."""
