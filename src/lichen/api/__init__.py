"""The doors: translate a protocol to one call of a plane, and errors to statuses."""
