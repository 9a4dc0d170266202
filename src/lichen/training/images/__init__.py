"""The task `image-classification`: images and their classes into a network, cheapest first."""
