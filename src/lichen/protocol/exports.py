"""The forms in which a version is exported, as `--format` names them."""

LICHEN, ONNX, OCI, MLFLOW = "lichen", "onnx", "oci", "mlflow"
EXPORT_FORMATS = (LICHEN, ONNX, OCI, MLFLOW)
