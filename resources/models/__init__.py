"""Models: presets, the device, preprocessing, the image-text encoder, the captioner, fetching and checking.

Belongs here: everything that touches model files or arithmetic. Not here: decoding photos, storage, Dagster, HTTP.
"""
