"""The ELECTRA classifier as ONNX graphs."""
