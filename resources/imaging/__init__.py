"""Photos from bytes: content sniffing, decoding to upright sRGB previews, metadata, thumbnails.

No file access, no storage, no model: callers bring bytes and take pixels. Imported by decode workers: no torch.
"""

from resources.imaging import limits as _limits  # first: it sets the decoders' switches
from resources.imaging.decode import DECODER_VERSION, DecodedPhoto, decode, decode_pages
from resources.imaging.metadata import PhotoMetadata
from resources.imaging.previews import encode_jpeg, perceptual_hash, pixel_hash, thumbnail
from resources.imaging.sniff import Kind, Sniffed, kind_by_name, sniff

__all__ = [
    "DECODER_VERSION",
    "DecodedPhoto",
    "Kind",
    "PhotoMetadata",
    "Sniffed",
    "decode",
    "decode_pages",
    "encode_jpeg",
    "kind_by_name",
    "perceptual_hash",
    "pixel_hash",
    "sniff",
    "thumbnail",
]

assert _limits
