"""Arithmetic on a device as it runs fastest there: patches from bytes, batches in flight, captions in fixed shapes.

Belongs here: what needs no more than numpy and torch, so that it can be measured on a bare machine with a GPU
(`benchmarks/gpu.py`). Not here: models' files, which device, how much memory, who else uses it: `resources.models`.
"""
