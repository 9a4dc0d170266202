"""Models that other libraries fitted, as ONNX: read by their attributes, never unpickled."""
