"""What a prediction is worth: scores and comparison. Arrays in, numbers out."""
