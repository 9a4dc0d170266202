"""PyTorch's own files: exported programs, TorchScript, weights beside an architecture; as ONNX."""
