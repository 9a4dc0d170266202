"""The algorithms of the tables' portfolio: each fits a core that is the same here and as ONNX."""
