"""The forms in which a version is exported, as `--format` names them."""

LICHEN, ONNX, OCI = "lichen", "onnx", "oci"
EXPORT_FORMATS = (LICHEN, ONNX, OCI)
