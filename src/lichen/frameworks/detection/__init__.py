"""Detectors of anomalies: features of usual rows in, a fitted core out, here and as ONNX."""
