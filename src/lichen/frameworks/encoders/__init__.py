"""Text encoders as ONNX, written by hand from their weights: families, layers, poolings, heads."""
