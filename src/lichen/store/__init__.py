"""Where bytes and records rest: content-addressed blobs and versioned documents.

The standard library only: the supervisor imports this room.
"""
