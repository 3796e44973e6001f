"""Wide and bright colour spaces that a container names by number instead of a profile."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from sample_pictures import difference

from resources.imaging import decode
from resources.imaging.color import Coded, coded_to_srgb

BT709, BT2020, P3 = 1, 9, 12
SRGB, PQ, HLG = 13, 16, 18


def one(pixel: tuple[int, int, int], primaries: int, transfer: int) -> list[int]:
    return coded_to_srgb(np.full((1, 1, 3), pixel, np.uint8), Coded.numbered(primaries, transfer))[0, 0].tolist()


def test_srgb_is_left_alone() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    assert coded_to_srgb(pixels, Coded.numbered(BT709, SRGB)) is pixels


@pytest.mark.parametrize("primaries", [P3, BT2020])
@pytest.mark.parametrize("grey", [0, 17, 128, 255])
def test_greys_stay_grey(primaries: int, grey: int) -> None:
    assert one((grey, grey, grey), primaries, SRGB) == pytest.approx([grey] * 3, abs=1)


def test_p3_colours_are_more_saturated_in_srgb() -> None:
    # The sRGB red inside P3, by the CSS Color 4 conversion: color(display-p3 0.9175 0.2003 0.1386).
    assert one((234, 51, 35), P3, SRGB) == pytest.approx([255, 0, 0], abs=6)


@pytest.mark.parametrize(("transfer", "code"), [(PQ, 148), (HLG, 191)])
def test_diffuse_white_of_hdr_is_bright_but_not_clipped(transfer: int, code: int) -> None:
    # 203 nits are 58% of PQ and 75% of HLG (ITU-R BT.2408).
    shown = one((code, code, code), BT2020, transfer)
    assert 225 < shown[0] < 250
    assert one((250, 250, 250), BT2020, transfer)[0] > shown[0]


def test_the_number_in_an_avif_counts() -> None:
    red = Image.new("RGB", (64, 64), (234, 51, 35))
    out = io.BytesIO()
    red.save(out, "AVIF", quality=100, subsampling="4:4:4")
    plain = out.getvalue()
    at = plain.index(b"colrnclx") + 8
    as_p3 = plain[:at] + bytes((0, P3)) + plain[at + 2 :]
    for buffer, expected in ((plain, (234, 51, 35)), (as_p3, (255, 0, 0))):
        pixels = decode(buffer, name="x", preview_px=64, max_pixels=10_000).pixels
        assert difference(pixels, Image.new("RGB", (64, 64), expected)) < 6
