"""The Python SDK: speaks the protocol, imports nothing of the server."""
