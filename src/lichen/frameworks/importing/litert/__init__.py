"""TFLite models: read from their flatbuffer, and written as ONNX operator by operator."""
