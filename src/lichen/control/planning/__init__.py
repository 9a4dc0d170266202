"""When and where jobs run: pure functions from jobs, outlooks and capacity to a plan."""
