"""Messages on the wire, and nothing else: shared by the server and the client."""
