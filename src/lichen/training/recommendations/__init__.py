"""The task `recommendation`: which items a user would take next, from what users took."""
