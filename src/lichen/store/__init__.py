"""Where bytes and records rest: content-addressed blobs, versioned documents, chained logs.

The standard library only: the supervisor imports this room.
"""
