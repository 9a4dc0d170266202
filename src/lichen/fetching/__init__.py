"""Models from elsewhere, byte for byte: files of a server, buckets, hubs and registries.

What is fetched is data: its digest is checked, and nothing of it is ever run here.
"""
