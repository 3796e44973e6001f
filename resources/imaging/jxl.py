"""JPEG XL through libjxl as imagecodecs carries it.

The header is read here, because the size must be known before anything is decoded, and the colour space because
imagecodecs does not tell it. ISO/IEC 18181-1, annexes D and E.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from resources.errors import DecodeError
from resources.imaging.blocks import metadata_or_warning, photo_metadata
from resources.imaging.color import Coded, samples_picture
from resources.imaging.isobmff import boxes
from resources.imaging.previews import fit_within
from resources.imaging.raster import PILLOW_ERRORS, Raster, check_size, decode_raster, finished, plain
from resources.imaging.sniff import Sniffed

__all__ = ["decode_jxl"]

_SIGNATURE = b"\xff\x0a"
_HEADER_BYTES = 4096  # of the codestream; more than size and colour ever take
_MOST_CHANNELS = 16
_METADATA = (b"Exif", b"xml ")
_MOST_BOX_BYTES = 16 << 20
_JPEG = Sniffed("JPEG", "image/jpeg", "raster")
_JXL = Sniffed("JXL", "image/jxl", "jxl")
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}
_GREY, _BLACK, _SPOT, _ALPHA, _FILTER = 1, 4, 2, 0, 5


class _Bits:
    """Numbers from the least significant bit on; zeros beyond the end."""

    def __init__(self, data: bytes) -> None:
        self._value, self._left = int.from_bytes(data, "little"), 8 * len(data)

    def take(self, count: int) -> int:
        if count > self._left:
            raise DecodeError("TRUNCATED", "the header is cut")
        found = self._value & ((1 << count) - 1)
        self._value >>= count
        self._left -= count
        return found

    def flag(self) -> bool:
        return bool(self.take(1))

    def one_of(self, *choices: int | tuple[int, int]) -> int:
        """One of four: a number, or (offset, bits) for the offset and so many bits more."""
        choice = choices[self.take(2)]
        return choice if isinstance(choice, int) else choice[0] + self.take(choice[1])

    def enum(self) -> int:
        return self.one_of(0, 1, (2, 4), (18, 6))

    def place(self) -> tuple[float, float]:
        packed = [self.one_of((0, 19), (524_288, 19), (1_048_576, 20), (2_097_152, 21)) for _ in range(2)]
        x, y = ((value >> 1) * (1 if value % 2 == 0 else -1) / 1e6 for value in packed)
        return x, y


def decode_jxl(buffer: bytes, *, name: str, preview_px: int, max_pixels: int) -> Raster:
    """One JPEG XL picture, of an animation the first. libjxl turns it upright; EXIF orientation is information.

    Raises `DecodeError`. A JPEG that was repacked without loss is unpacked and decoded as the JPEG it was.
    """
    import imagecodecs

    try:
        width, height, coded = _header(_codestream(buffer))
    except DecodeError as error:
        raise DecodeError(error.code, f"{name} is cut inside its JPEG XL header.") from error
    check_size(width, height, max_pixels, name)
    metadata, faults = metadata_or_warning(lambda: photo_metadata(_unpacked_boxes(buffer), _JXL))
    try:
        if jpeg := _packed_jpeg(buffer):
            raster = decode_raster(jpeg, _JPEG, name=name, preview_px=preview_px, max_pixels=max_pixels)
            own = raster.metadata if raster.metadata.camera_model or not metadata.camera_model else metadata
            warnings = tuple(dict.fromkeys((*raster.warnings, *faults)))
            return Raster(raster.pixels, raster.width, raster.height, raster.rung, warnings, own)
        values = np.asarray(imagecodecs.jpegxl_decode(buffer, index=0, numthreads=1))
        image = _picture(values)
        pixels = finished(image, fit_within(*image.size, preview_px), coded=coded)
    except MemoryError as error:
        raise DecodeError("DECODE_MEMORY", f"{name} needs more memory to decode than there is.") from error
    except PILLOW_ERRORS as error:
        if "NEED_MORE_INPUT" in str(error):
            raise DecodeError("TRUNCATED", f"{name} ends before its JPEG XL picture does.") from error
        raise plain(RuntimeError("libjxl cannot decode it"), _JXL, name) from error
    return Raster(pixels, *image.size, "raster", faults, metadata)


def _picture(values: np.ndarray) -> Image.Image:
    while values.ndim > 3:
        values = values[0]
    return samples_picture(values)


def _packed_jpeg(buffer: bytes) -> bytes | None:
    import imagecodecs

    view = memoryview(buffer)
    if buffer.startswith(_SIGNATURE) or not any(box.kind == b"jbrd" for box in boxes(view, 0, len(view))):
        return None
    try:
        return bytes(imagecodecs.jpegxl_decode_jpeg(buffer, numthreads=1))
    except RuntimeError:
        return None


def _unpacked_boxes(buffer: bytes) -> bytes:
    """The metadata boxes alone, those that were packed with Brotli unpacked."""
    import imagecodecs

    if buffer.startswith(_SIGNATURE):
        return b""
    view = memoryview(buffer)
    found = []
    for box in boxes(view, 0, len(view)):
        kind, data = box.kind, bytes(view[box.start : box.end]) if box.kind in (b"Exif", b"xml ", b"brob") else b""
        if kind == b"brob":
            kind = data[:4]
            try:
                data = bytes(imagecodecs.brotli_decode(data[4:], out=_MOST_BOX_BYTES)) if kind in _METADATA else b""
            except RuntimeError:
                data = b""
        if data:
            found.append((8 + len(data)).to_bytes(4, "big") + kind + data)
    return b"".join(found)


def _codestream(buffer: bytes) -> bytes:
    """The beginning of the codestream, which a container may hold in several boxes."""
    if buffer.startswith(_SIGNATURE):
        return buffer[:_HEADER_BYTES]
    view = memoryview(buffer)
    skipped = {b"jxlc": 0, b"jxlp": 4}  # parts begin with their number
    parts = (
        view[box.start + skipped[box.kind] : box.end][:_HEADER_BYTES]
        for box in boxes(view, 0, len(view))
        if box.kind in skipped
    )
    return b"".join(parts)[:_HEADER_BYTES]


def _header(codestream: bytes) -> tuple[int, int, Coded | None]:
    """Upright width and height, and the colour space of the samples where it is not sRGB."""
    bits = _Bits(codestream[len(_SIGNATURE) :])
    width, height = _size(bits)
    if bits.flag():  # every field has its default
        return width, height, None
    orientation = 1
    if bits.flag():
        orientation = 1 + bits.take(3)
        if bits.flag():
            _size(bits)
        if bits.flag():
            _preview_size(bits)
        if bits.flag():
            _animation(bits)
    if orientation > 4:
        width, height = height, width
    _bit_depth(bits)
    bits.flag()
    for _ in range(min(bits.one_of(0, 1, (2, 4), (1, 12)), _MOST_CHANNELS)):
        _extra_channel(bits)
    bits.flag()  # whether coded as XYB: libjxl gives the space that is named either way
    return width, height, _color(bits)


def _length(bits: _Bits) -> int:
    return bits.one_of((1, 9), (1, 13), (1, 18), (1, 30))


def _size(bits: _Bits) -> tuple[int, int]:
    small = bits.flag()
    height = 8 * (1 + bits.take(5)) if small else _length(bits)
    ratio = bits.take(3)
    if ratio:
        across, down = _RATIOS[ratio]
        return height * across // down, height
    return (8 * (1 + bits.take(5)) if small else _length(bits)), height


def _preview_size(bits: _Bits) -> None:
    by_eight = bits.flag()
    lengths = (16, 32, (1, 5), (33, 9)) if by_eight else ((1, 6), (65, 8), (321, 10), (1345, 12))
    bits.one_of(*lengths)
    if not bits.take(3):
        bits.one_of(*lengths)


def _animation(bits: _Bits) -> None:
    bits.one_of(100, 1000, (1, 10), (1, 30))
    bits.one_of(1, 1001, (1, 8), (1, 10))
    bits.one_of(0, (0, 3), (0, 16), (0, 32))
    bits.flag()


def _bit_depth(bits: _Bits) -> None:
    if bits.flag():
        bits.one_of(32, 16, 24, (1, 6))
        bits.take(4)
    else:
        bits.one_of(8, 10, 12, (1, 6))


def _extra_channel(bits: _Bits) -> None:
    if bits.flag():
        return
    kind = bits.enum()
    _bit_depth(bits)
    bits.one_of(0, 3, 4, (1, 3))
    for _ in range(bits.one_of(0, (0, 4), (16, 5), (48, 10))):
        bits.take(8)
    if kind == _ALPHA:
        bits.flag()
    elif kind == _SPOT:
        bits.take(64)
    elif kind == _FILTER:
        bits.one_of(1, (0, 2), (3, 4), (19, 8))


_CUSTOM, _P3, _D65_WHITE, _EQUAL_WHITE, _DCI_WHITE = 2, 11, 1, 10, 11
_WHITES = {_D65_WHITE: (0.3127, 0.3290), _EQUAL_WHITE: (1 / 3, 1 / 3), _DCI_WHITE: (0.314, 0.351)}
_SRGB_PRIMARIES, _BT2020_PRIMARIES = 1, 9
_CORNERS = {
    _SRGB_PRIMARIES: ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06)),
    _BT2020_PRIMARIES: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    _P3: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
_TRANSFERS: dict[int, str | float] = {8: 1.0, 16: "pq", 17: 2.6, 18: "hlg"}


def _color(bits: _Bits) -> Coded | None:
    if bits.flag():
        return None
    if bits.flag():  # a profile, packed in a way of its own: matrix profiles are written as numbers instead
        return None
    grey = bits.enum() == _GREY
    kind = bits.enum()
    white = bits.place() if kind == _CUSTOM else _WHITES.get(kind, _WHITES[_D65_WHITE])
    corners = _CORNERS[_SRGB_PRIMARIES]
    if not grey:
        kind = bits.enum()
        corners = (bits.place(), bits.place(), bits.place()) if kind == _CUSTOM else _CORNERS.get(kind, corners)
    if bits.flag():
        gamma = bits.take(24) / 1e7
        transfer: str | float = 1 / gamma if gamma > 0.1 else "srgb"
    else:
        transfer = _TRANSFERS.get(bits.enum(), "srgb")
    return Coded((*corners, white), transfer)
