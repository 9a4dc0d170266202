"""Words and texts: what serves them, as ONNX or by code of ours in a process of its own."""
