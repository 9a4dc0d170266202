"""Pictures in folders or arrays into rows: an image, its class, and its part of the data."""
