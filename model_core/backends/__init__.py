"""Forward passes: ``onnx`` (int8, the default on CPUs) and ``torch`` (GPUs, or any Hugging Face checkpoint)."""
