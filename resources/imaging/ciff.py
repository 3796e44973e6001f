"""Canon's CIFF, the structure of `.CRW` files (2000 to 2004): the camera's own record of a photo.

Record numbers follow the CIFF specification 1.0 and ExifTool's CanonRaw tables.
"""

from __future__ import annotations

import struct
from datetime import datetime, timedelta

from resources.imaging.metadata import PhotoMetadata

__all__ = ["ciff_metadata"]

_MAKE_MODEL, _TIMESTAMP, _SHOT_INFO, _FOCAL_LENGTH, _CAMERA_SETTINGS, _IMAGE_INFO = (
    0x080A,
    0x180E,
    0x102A,
    0x1029,
    0x102D,
    0x1810,
)
# Places in the arrays of 16-bit values; exposure values are in 1/32 EV.
_FOCAL_UNITS_INDEX = 25
_BASE_ISO_INDEX, _BIAS_INDEX, _F_NUMBER_INDEX, _EXPOSURE_TIME_INDEX = 2, 6, 21, 22
# Of a heap within heaps, and of all heaps together: a heap can name itself a thousand times as its own part.
_MAX_DEPTH, _MAX_RECORDS = 6, 4096
_ORIENTATION_OF_ROTATION = {0: 1, 90: 6, 180: 3, 270: 8}


def ciff_metadata(buffer: bytes) -> PhotoMetadata:
    """What the camera wrote; empty when the structure is damaged."""
    order = "<" if buffer[:2] == b"II" else ">"
    records: dict[int, bytes] = {}
    try:
        (start,) = struct.unpack_from(order + "I", buffer, 2)
        _read_heap(memoryview(buffer), start, len(buffer), order, records, 0, _MAX_RECORDS)
    except struct.error:
        return PhotoMetadata()
    names = [part.decode("latin-1").strip() or None for part in records.get(_MAKE_MODEL, b"").split(b"\0")[:2]]
    make, model = [*names, None, None][:2]
    seconds = _unpack(order + "I", records.get(_TIMESTAMP))
    shot = _unpack(order + f"{_EXPOSURE_TIME_INDEX + 1}h", records.get(_SHOT_INFO)) or ()
    base_iso, bias, aperture, shutter = (
        (shot[_BASE_ISO_INDEX], shot[_BIAS_INDEX], shot[_F_NUMBER_INDEX], shot[_EXPOSURE_TIME_INDEX])
        if shot
        else (0, 0, 0, 0)
    )
    focal = _unpack(order + "2H", records.get(_FOCAL_LENGTH))
    settings = _unpack(order + f"{_FOCAL_UNITS_INDEX + 1}H", records.get(_CAMERA_SETTINGS))
    image = _unpack(order + "2If i", records.get(_IMAGE_INFO))
    units = settings[_FOCAL_UNITS_INDEX] if settings else 0
    return PhotoMetadata(
        taken_at=datetime(1970, 1, 1) + timedelta(seconds=seconds[0]) if seconds and seconds[0] else None,
        taken_at_source="raw" if seconds and seconds[0] else None,
        camera_make=make,
        camera_model=model,
        focal_length_mm=focal[1] / (units or 1) if focal and focal[1] else None,
        exposure_bias_ev=bias / 32 if shot and abs(bias) < 320 else None,
        # As far as there are such cameras: up to two minutes and 1/16,000,000 s, f/512, ISO 13,000,000.
        exposure_s=2.0 ** (-shutter / 32) if shutter and -224 <= shutter <= 768 else None,
        f_number=2.0 ** (aperture / 64) if 0 < aperture <= 576 else None,
        iso=round(2.0 ** (base_iso / 32) * 100 / 32) if 0 < base_iso <= 704 else None,
        orientation=_ORIENTATION_OF_ROTATION.get(int(image[3]) % 360) if image else None,
    )


def _unpack(form: str, record: bytes | None) -> tuple[float, ...] | None:
    if record is None or len(record) < struct.calcsize(form.replace(" ", "")):
        return None
    return struct.unpack_from(form.replace(" ", ""), record)


def _read_heap(
    data: memoryview, start: int, end: int, order: str, records: dict[int, bytes], depth: int, room: int
) -> int:
    """Collects the records of a heap and its sub-heaps; the table's place stands in the heap's last four bytes.

    Reads `room` records at most and returns how much of it is left.
    """
    if depth > _MAX_DEPTH or end - start < 6:
        return room
    (table,) = struct.unpack_from(order + "I", data, end - 4)
    table += start
    (count,) = struct.unpack_from(order + "H", data, table)
    for index in range(count):
        if room <= 0:
            break
        room -= 1
        at = table + 2 + 10 * index
        kind, size, offset = struct.unpack_from(order + "HII", data, at)
        if kind & 0xC000 == 0x4000:  # eight bytes of value in the table itself
            records.setdefault(kind & 0x3FFF, bytes(data[at + 2 : at + 10]))
        elif kind & 0x3800 in (0x2800, 0x3000):
            if start + offset + size <= end:
                room = _read_heap(data, start + offset, start + offset + size, order, records, depth + 1, room)
        elif start + offset + size <= end and size <= 65_536:
            records.setdefault(kind & 0x3FFF, bytes(data[start + offset : start + offset + size]))
    return room
