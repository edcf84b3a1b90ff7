"""Forward passes: ``onnx`` (int8, the default on a CPU) and ``torch`` (a GPU, or any Hugging Face checkpoint)."""
