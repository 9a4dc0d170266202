"""Training scripts: a job's own child process, confined, bounded and metered."""
