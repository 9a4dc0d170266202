"""Folders of Hugging Face: configuration, safetensors, tokenizer; read, never run."""
