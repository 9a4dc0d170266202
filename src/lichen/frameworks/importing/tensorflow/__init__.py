"""TensorFlow's and Keras's models: what they hold, what is refused of it, and how they become ONNX.

Nothing here imports TensorFlow before a function does: it lives in an environment of its own.
"""
