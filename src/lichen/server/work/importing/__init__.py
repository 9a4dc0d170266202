"""Models of other frameworks: converted in a process of their own, and proven faithful."""
