"""What a training script has in its hands: `lichen.run()`."""
