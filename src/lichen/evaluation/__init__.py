"""What a prediction is worth: scores, splits, comparison. Arrays in, numbers out."""
