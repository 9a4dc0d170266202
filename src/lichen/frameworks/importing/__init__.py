"""Models of other frameworks: what a file holds, and what it becomes here."""
