"""scikit-learn's fitted estimators as ONNX graphs of doubles, whole pipelines at once."""
