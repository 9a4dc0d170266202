"""A job's own process: how it is started, charged, rationed and ended."""
