"""Caffe networks: their two files read without Caffe, and written as ONNX."""
