"""The generator on each library that can run it: OpenVINO by default, ONNX Runtime and PyTorch as choices."""
