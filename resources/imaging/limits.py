"""The decoders' process-wide switches, set once, here, when `resources.imaging` is imported.

Every other module passes its limits as arguments. What belongs here: assignments to globals of Pillow and
pillow-heif, each with its reason. Nothing else in Loupe may assign to them.
"""

from __future__ import annotations

import logging
import warnings

import pillow_heif
from PIL import AvifImagePlugin, Image, ImageFile, PngImagePlugin

# Pillow's bomb check refuses genuine 200-megapixel photos. `decode` compares the declared size with its own
# `max_pixels` before a single pixel is decoded, which refuses bombs just as early.
Image.MAX_IMAGE_PIXELS = None

# Never on: a cut file must be noticed. `raster` brings in the readable part of a cut JPEG by itself.
ImageFile.LOAD_TRUNCATED_IMAGES = False

# Editors write XMP and history of several megabytes into compressed PNG text chunks; Pillow refuses above 1 MB.
# `png` refuses chunks that expand beyond this or by a bomb's ratio before Pillow sees them.
MAX_PNG_TEXT_BYTES = 32 << 20
PngImagePlugin.MAX_TEXT_CHUNK = MAX_PNG_TEXT_BYTES
PngImagePlugin.MAX_TEXT_MEMORY = 2 * MAX_PNG_TEXT_BYTES

# One decode process runs per core, so more threads inside one picture only take cores from its neighbours.
pillow_heif.options.DECODE_THREADS = 1
AvifImagePlugin.DEFAULT_MAX_THREADS = 1

# Pillow and tifffile tell of odd bytes through `warnings` and their loggers; Loupe reports what matters as codes.
logging.getLogger("PIL").setLevel(logging.CRITICAL)
logging.getLogger("tifffile").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", module=r"PIL\..*")
warnings.filterwarnings("ignore", module=r"pillow_heif\..*")
