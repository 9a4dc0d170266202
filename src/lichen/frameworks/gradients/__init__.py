"""Gradients of ONNX graphs by reverse accumulation, in NumPy: what attributions stand on."""
