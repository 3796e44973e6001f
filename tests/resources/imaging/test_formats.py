"""Every format that is read, by its content: a file of each, written by Pillow or by its specification."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import Image
from sample_pictures import difference, photoshop, saved

from resources.errors import DecodeError
from resources.imaging import DecodedPhoto, decode, kind_by_name, sniff


def read(buffer: bytes, name: str = "without_extension", max_pixels: int = 10_000_000) -> DecodedPhoto:
    return decode(buffer, name=name, preview_px=1024, max_pixels=max_pixels)


@pytest.mark.parametrize(
    ("form", "mode", "expected", "mime", "tolerance"),
    [
        ("BLP", "P", "BLP", "image/x-blp", 3),
        ("DDS", "RGB", "DDS", "image/vnd.ms-dds", 0),
        ("DDS", "RGBA", "DDS", "image/vnd.ms-dds", 0),
        ("IM", "RGB", "IM", "image/x-im", 0),
        ("JPEG2000", "RGB", "JP2", "image/jp2", 2),
        ("MPO", "RGB", "JPEG", "image/jpeg", 3),
        ("MSP", "1", "MSP", "image/x-msp", 0),
        ("PCX", "RGB", "PCX", "image/vnd.zbrush.pcx", 0),
        ("PCX", "L", "PCX", "image/vnd.zbrush.pcx", 0),
        ("PCX", "P", "PCX", "image/vnd.zbrush.pcx", 0),
        ("PCX", "1", "PCX", "image/vnd.zbrush.pcx", 0),
        ("PPM", "1", "PPM", "image/x-portable-anymap", 0),
        ("PPM", "L", "PPM", "image/x-portable-anymap", 0),
        ("PPM", "RGB", "PPM", "image/x-portable-anymap", 0),
        ("QOI", "RGB", "QOI", "image/qoi", 0),
        ("QOI", "RGBA", "QOI", "image/qoi", 0),
        ("SGI", "RGB", "SGI", "image/sgi", 0),
        ("SGI", "L", "SGI", "image/sgi", 0),
        ("XBM", "1", "XBM", "image/x-xbitmap", 0),
    ],
)
def test_what_pillow_writes_is_read(
    scene: Image.Image, form: str, mode: str, expected: str, mime: str, tolerance: float
) -> None:
    picture = scene.quantize(64) if mode == "P" else scene.convert(mode)
    photo = read(saved(picture, form))
    assert (photo.format, photo.mime, photo.warnings) == (expected, mime, ())
    assert (photo.width, photo.height) == scene.size
    assert difference(photo.pixels, picture) <= tolerance


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "1"])
@pytest.mark.parametrize("packed", [None, "tga_rle"])
def test_targa_is_told_by_its_footer(scene: Image.Image, mode: str, packed: str | None) -> None:
    if (mode, packed) == ("1", "tga_rle"):
        pytest.skip("one bit is never packed")
    buffer = saved(scene.convert(mode), "TGA", compression=packed)
    photo = read(buffer)
    assert photo.format == "TGA"
    assert difference(photo.pixels, scene.convert(mode).convert("RGB")) == 0


def test_targa_without_a_footer_needs_its_name(scene: Image.Image) -> None:
    buffer = saved(scene, "TGA")[:-26]
    assert difference(read(buffer, "render.TGA").pixels, scene) == 0
    with pytest.raises(DecodeError) as caught:
        read(buffer, "render.jpg")
    assert caught.value.code == "NOT_AN_IMAGE"


@pytest.mark.parametrize(("form", "side"), [("ICO", 256), ("ICNS", 1024)])
def test_the_largest_picture_of_an_icon(scene: Image.Image, form: str, side: int) -> None:
    square = scene.resize((side, side))
    photo = read(saved(square, form))
    assert photo.format == form
    assert (photo.width, photo.height) == (side, side)
    assert difference(photo.pixels, square) < 1


def test_a_cursor_is_an_icon(scene: Image.Image) -> None:
    icon = bytearray(saved(scene.resize((32, 32)).convert("RGBA"), "ICO", bitmap_format="bmp", sizes=[(32, 32)]))
    icon[2] = 2
    photo = read(bytes(icon))
    assert photo.format == "CUR"
    assert photo.width == 32


def test_a_picture_inside_an_icon_is_measured_before_it_is_unpacked(scene: Image.Image) -> None:
    icon = saved(scene.resize((64, 64)), "ICO", sizes=[(64, 64)])
    at = icon.index(b"IHDR") + 4
    bomb = icon[:at] + struct.pack(">II", 30_000, 30_000) + icon[at + 8 :]
    with pytest.raises(DecodeError) as caught:
        read(bomb)
    assert caught.value.code == "TOO_LARGE"


def test_portable_maps_of_sixteen_bits_and_in_words(scene: Image.Image) -> None:
    pixels = np.asarray(scene)
    wide = b"P6 320 240 65535\n" + (pixels.astype(">u2") * 257).tobytes()
    words = b"P3\n# a comment\n320 240\n255\n" + b" ".join(b"%d" % value for value in pixels.ravel().tolist())
    for buffer in (wide, words):
        photo = read(buffer)
        assert photo.format == "PPM"
        assert difference(photo.pixels, scene) < 1


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_float_maps(scene: Image.Image, order: str, mode: str) -> None:
    picture = scene.convert(mode)
    values = (np.asarray(picture)[::-1] / 255).astype(f"{order}f4")
    header = b"P%s\n320 240\n%s\n" % (b"F" if mode == "RGB" else b"f", b"-1.0" if order == "<" else b"1.0")
    photo = read(header + values.tobytes())
    assert photo.format == "PFM"
    assert difference(photo.pixels, picture) < 1


@pytest.mark.parametrize(("depth", "kind"), [(1, b"GRAYSCALE"), (3, b"RGB"), (4, b"RGB_ALPHA")])
@pytest.mark.parametrize("most", [1, 255, 65_535])
def test_arbitrary_maps(scene: Image.Image, depth: int, kind: bytes, most: int) -> None:
    picture = scene.convert({1: "L", 3: "RGB", 4: "RGBA"}[depth])
    values = np.asarray(picture).reshape(240, 320, depth)
    if most == 1:
        values = values >> 7
        picture = Image.fromarray((values * 255)[..., : min(depth, 3)].squeeze())
    stored = (values.astype(np.uint32) * (most // 255 or 1)).astype("u1" if most < 256 else ">u2")
    header = b"P7\nWIDTH 320\nHEIGHT 240\nDEPTH %d\nMAXVAL %d\nTUPLTYPE %s\nENDHDR\n" % (depth, most, kind)
    if (depth, most) == (4, 1):
        stored[..., 3] = 1
    photo = read(header + stored.tobytes())
    assert photo.format == "PAM"
    assert difference(photo.pixels, picture) < 1


def test_dcx_holds_pages_of_pcx_and_gives_the_first(scene: Image.Image) -> None:
    pages = [saved(scene, "PCX"), saved(scene.rotate(180), "PCX")]
    start = 4 + 4 * 3
    table = struct.pack("<IIII", 0x3ADE68B1, start, start + len(pages[0]), 0)
    photo = read(table + b"".join(pages))
    assert photo.format == "DCX"
    assert difference(photo.pixels, scene) == 0


@pytest.mark.parametrize("kind", [1, 3])
def test_sun_raster(scene: Image.Image, kind: int) -> None:
    pixels = np.asarray(scene)[..., :: 1 if kind == 3 else -1]  # type 3 is RGB, type 1 BGR
    header = struct.pack(">8I", 0x59A66A95, 320, 240, 24, pixels.nbytes, kind, 0, 0)
    photo = read(header + pixels.tobytes())
    assert photo.format == "SUN"
    assert difference(photo.pixels, scene) == 0


@pytest.mark.parametrize(("bits", "kind"), [(8, "u1"), (16, ">i2"), (-32, ">f4")])
def test_fits(scene: Image.Image, bits: int, kind: str) -> None:
    grey = np.asarray(scene.convert("L"))
    cards = [("SIMPLE", "T"), ("BITPIX", bits), ("NAXIS", 2), ("NAXIS1", 320), ("NAXIS2", 240)]
    header = b"".join(b"%-8s= %20s" % (key.encode(), str(value).encode()) + b" " * 50 for key, value in cards)
    header = (header + b"END").ljust(2880)
    stored = grey[::-1].astype(kind) if bits != -32 else (grey[::-1] / 255).astype(kind)
    photo = read(header + stored.tobytes().ljust(2880 * 110, b"\0"))
    assert photo.format == "FITS"
    assert np.corrcoef(photo.pixels[..., 0].ravel(), grey.ravel())[0, 1] > 0.999


def test_xpm() -> None:
    lines = [b"4 2 2 1", b"a c #ff0000", b"b c #0000ff", b"aabb", b"bbaa"]
    text = b"/* XPM */\nstatic char *icon[] = {\n" + b",\n".join(b'"%s"' % line for line in lines) + b"\n};\n"
    photo = read(text)
    assert photo.format == "XPM"
    assert photo.pixels[0].tolist() == [[255, 0, 0]] * 2 + [[0, 0, 255]] * 2


def test_spider_needs_its_name(scene: Image.Image) -> None:
    buffer = saved(scene.convert("F"), "SPIDER")
    photo = read(buffer, "particles.spider")
    assert photo.format == "SPIDER"
    assert np.corrcoef(photo.pixels[..., 0].ravel(), np.asarray(scene.convert("L")).ravel())[0, 1] > 0.99


def test_formats_of_single_programs(scene: Image.Image) -> None:
    grey, colors = np.asarray(scene.convert("L")), np.asarray(scene)
    words = [0] * 64
    words[1], words[8], words[9], words[10], words[13], words[33] = 4, 240, 320, 1, 1, 256
    files = {
        "GBR": struct.pack(">5I4sI", 34, 2, 320, 240, 1, b"GIMP", 10) + b"brush\0" + grey.tobytes(),
        "MCIDAS": struct.pack(">64i", *words) + grey.tobytes(),
        "FTEX": b"FTEX"
        + struct.pack("<9i", 0, 320, 240, 1, 1, 1, 32, colors.nbytes, 0)[:28]
        + colors.nbytes.to_bytes(4, "little")
        + colors.tobytes(),
        "PIXAR": b"\x80\xe8\0\0".ljust(416, b"\0")
        + struct.pack("<HH4xHH", 240, 320, 14, 2).ljust(608, b"\0")
        + colors.tobytes(),
    }
    for form, buffer in files.items():
        photo = read(buffer)
        assert photo.format == form
        expected = scene if form in ("FTEX", "PIXAR") else scene.convert("L")
        assert difference(photo.pixels, expected) == 0, form


def test_xv_thumbnails() -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(6, 8)
    photo = read(b"P7 332\n#IMGINFO:64x48 RGB\n#END_OF_COMMENTS\n8 6 255\n" + pixels.tobytes())
    assert (photo.format, photo.width, photo.height) == ("XVTHUMB", 8, 6)
    assert np.ptp(photo.pixels[..., 1]) > 30  # its palette has 3 bits of red, 3 of green, 2 of blue


def test_the_first_frame_of_a_flic() -> None:
    pixels = (np.arange(320 * 200) % 251).astype(np.uint8)
    copy = struct.pack("<IH", 6 + pixels.size, 16) + pixels.tobytes()
    colors = bytes(range(64)) * 3
    palette = struct.pack("<IHHBB", 6 + 4 + 192, 11, 1, 0, 64) + colors
    frame = struct.pack("<IHH8x", 16 + len(palette) + len(copy), 0xF1FA, 2) + palette + copy
    header = struct.pack("<IHHHHHH", 128 + len(frame), 0xAF11, 1, 320, 200, 8, 3).ljust(128, b"\0")
    photo = read(header + frame)
    assert (photo.format, photo.width, photo.height) == ("FLI", 320, 200)
    assert photo.pixels[0, :64, 0].tolist() == [4 * (3 * index % 64) for index in range(64)]


def test_the_base_picture_of_a_photo_cd() -> None:
    # Three rows of luminance and chroma at a time: two of 768, then 384 of each colour difference.
    block = bytes([100]) * 768 * 2 + bytes([156]) * 384 + bytes([137]) * 384  # grey by Kodak's YCC
    photo = read(bytes(2048) + b"PCD_".ljust(94 * 2048 + 1536 + 512, b"\0") + block * 256)
    assert (photo.format, photo.width, photo.height) == ("PCD", 768, 512)
    assert np.ptp(photo.pixels[256, 384].astype(int)) < 12


def test_jpeg_2000_codestreams_have_no_container(scene: Image.Image) -> None:
    photo = read(saved(scene, "JPEG2000", no_jp2=True))
    assert photo.format == "JP2"
    assert difference(photo.pixels, scene) < 2


def test_jpeg_2000_is_scaled_while_it_is_decoded(scene: Image.Image) -> None:
    large = scene.resize((2000, 1500), Image.Resampling.BICUBIC)
    photo = decode(saved(large, "JPEG2000"), name="x", preview_px=400, max_pixels=10_000_000)
    assert (photo.width, photo.height, photo.rung) == (2000, 1500, "draft")
    assert difference(photo.pixels, large.resize((400, 300), Image.Resampling.BICUBIC)) < 3


# Photoshop

_GREY, _INDEXED, _RGB, _CMYK, _LAB = 1, 2, 3, 4, 9


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
def test_photoshop_documents(scene: Image.Image, large: bool, packed: bool, bits: int) -> None:
    pixels = np.asarray(scene)
    stored = pixels if bits == 8 else pixels.astype(np.uint16) * 257
    photo = read(photoshop(stored, large=large, packed=packed))
    assert (photo.format, photo.mime) == ("PSD", "image/vnd.adobe.photoshop")
    assert (photo.width, photo.height) == scene.size
    assert difference(photo.pixels, scene) == 0


def test_photoshop_in_other_modes(scene: Image.Image) -> None:
    grey = np.asarray(scene.convert("L"))
    assert difference(read(photoshop(grey, mode=_GREY)).pixels, scene.convert("L")) == 0
    ink = 255 - np.asarray(scene.convert("CMYK"))
    assert difference(read(photoshop(ink, mode=_CMYK)).pixels, scene) < 2
    indexed = scene.quantize(32)
    colors = np.zeros((256, 3), np.uint8)
    table = np.array(indexed.getpalette(), np.uint8).reshape(-1, 3)
    colors[: len(table)] = table
    buffer = photoshop(np.asarray(indexed), mode=_INDEXED, palette=colors.T.tobytes())
    assert difference(read(buffer).pixels, indexed) == 0


def test_photoshop_in_lab(scene: Image.Image) -> None:
    from PIL import ImageCms

    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = ImageCms.applyTransform(scene, to_lab)
    assert lab is not None
    assert difference(read(photoshop(np.asarray(lab), mode=_LAB)).pixels, scene) < 3


def test_only_the_pictures_own_transparency_shows_in_photoshop(scene: Image.Image) -> None:
    four = np.dstack([np.asarray(scene), np.zeros((240, 320), np.uint8)])
    assert difference(read(photoshop(four)).pixels, scene) == 0  # somebody's selection
    assert read(photoshop(four, transparency=True)).pixels.min() == 255


def test_photoshop_without_its_flattened_picture(scene: Image.Image) -> None:
    blank = np.full((240, 320, 3), 255, np.uint8)
    nothing = {1057: struct.pack(">IB", 1, 0)}
    with pytest.raises(DecodeError) as caught:
        read(photoshop(blank, resources=nothing))
    assert caught.value.code == "UNSUPPORTED_FORMAT"
    small = bytes(28) + saved(scene.resize((160, 120)), "JPEG", quality=95)
    photo = read(photoshop(blank, resources={**nothing, 1036: small}))
    assert (photo.warnings, photo.rung) == (("PREVIEW_ONLY",), "embedded_preview")
    assert (photo.width, photo.height) == (320, 240)
    assert difference(photo.pixels, scene.resize((160, 120))) < 5


def test_the_readable_rows_of_a_cut_photoshop_document(scene: Image.Image) -> None:
    whole = photoshop(np.asarray(scene.resize((640, 480))), packed=False)
    photo = read(whole[: -640 * 160])  # the last plane is the blue one
    assert photo.warnings == ("TRUNCATED",)
    assert (photo.pixels[-10:] == 128).all()
    with pytest.raises(DecodeError) as caught:
        read(whole[: len(whole) // 2])
    assert caught.value.code == "TRUNCATED"


# JPEG XL


def jpeg_xl(image: Image.Image, **options: object) -> bytes:
    import imagecodecs

    return bytes(imagecodecs.jpegxl_encode(np.asarray(image), **options))


@pytest.mark.parametrize("container", [False, True])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_jpeg_xl(scene: Image.Image, mode: str, container: bool) -> None:
    photo = read(jpeg_xl(scene.convert(mode), lossless=True, usecontainer=container))
    assert (photo.format, photo.mime) == ("JXL", "image/jxl")
    assert difference(photo.pixels, scene.convert(mode).convert("RGB")) == 0
    assert difference(read(jpeg_xl(scene.convert(mode), distance=0.5)).pixels, scene.convert(mode)) < 3


def test_jpeg_xl_of_sixteen_bits_in_linear_light(scene: Image.Image) -> None:
    import imagecodecs

    code = np.asarray(scene) / 255
    light = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)
    wide = (light * 65_535 + 0.5).astype(np.uint16)  # the encoder declares linear light for more than 8 bits
    assert difference(read(bytes(imagecodecs.jpegxl_encode(wide, lossless=True))).pixels, scene) < 1


def test_the_first_frame_of_an_animated_jpeg_xl(scene: Image.Image) -> None:
    import imagecodecs

    frames = np.stack([np.asarray(scene), np.asarray(scene)[::-1]])
    photo = read(bytes(imagecodecs.jpegxl_encode(frames, lossless=True)))
    assert (photo.width, photo.height, photo.pages) == (320, 240, 1)
    assert difference(photo.pixels, scene) == 0


def test_a_jpeg_repacked_as_jpeg_xl_is_decoded_as_the_jpeg_it_was(scene: Image.Image) -> None:
    import imagecodecs

    exif = Image.Exif()
    exif[0x0112], exif[0x0110] = 3, "Model"
    jpeg = saved(scene.rotate(180).resize((1600, 1200)), "JPEG", exif=exif, quality=95)
    photo = decode(bytes(imagecodecs.jpegxl_encode_jpeg(jpeg)), name="x", preview_px=320, max_pixels=10_000_000)
    assert (photo.format, photo.rung, photo.width) == ("JXL", "draft", 1600)
    assert photo.metadata.camera_model == "Model"
    assert difference(photo.pixels, scene) < 4


def test_packed_metadata_of_jpeg_xl(scene: Image.Image) -> None:
    import imagecodecs

    exif = Image.Exif()
    exif[0x0110] = "Model"
    block = bytes(4) + exif.tobytes()[6:]
    packed = b"brobExif" + bytes(imagecodecs.brotli_encode(block))
    whole = jpeg_xl(scene, lossless=True, usecontainer=True) + (4 + len(packed)).to_bytes(4, "big") + packed
    assert read(whole).metadata.camera_model == "Model"


@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_a_cut_jpeg_xl_is_refused(scene: Image.Image, share: float) -> None:
    whole = jpeg_xl(scene.resize((640, 480), Image.Resampling.BICUBIC), distance=1.0)
    with pytest.raises(DecodeError) as caught:
        read(whole[: max(2, int(len(whole) * share))])
    assert caught.value.code == "TRUNCATED"


def test_the_size_of_a_jpeg_xl_is_read_before_it_is_decoded() -> None:
    for size in ((40, 56), (320, 240), (1000, 333), (2000, 2000), (1920, 1080), (3000, 2000)):
        buffer = jpeg_xl(Image.new("RGB", size), effort=1, lossless=True)
        with pytest.raises(DecodeError) as caught:
            read(buffer, max_pixels=1)
        assert (caught.value.details["width"], caught.value.details["height"]) == size


# A red of Display P3 that is sRGB's own red, made by cjxl 0.7 of 96 x 64 pixels.
P3_RED = bytes.fromhex("ff0a0f414066eead22080802010064004b188b1500d41f63d0c6bf4004008104a41ad480236db57b3e")


def test_jpeg_xl_in_a_wide_space_is_converted() -> None:
    assert read(P3_RED).pixels[32, 48].tolist() == pytest.approx([255, 0, 0], abs=3)


# Blue with a yellow corner at the top left, 24 x 16 upright, stored in the eight orientations; made by cjxl 0.7.
TURNED = [
    "0000000c4a584c200d0a870a00000014667479706a786c20000000006a786c20000000386a786c63ff0a0341407121080201008c004b188b1500d4771963c6bcbb400800820309021000a15a2580ea0009ec31522e707101",
    "0000000c4a584c200d0a870a00000014667479706a786c20000000006a786c20000000396a786c63ff0a030d10505c12080201008c004b188b1500d4971963c6bcbb40080080e3010082441001a15a8580f0ec2e3331f07501",
    "0000000c4a584c200d0a870a00000014667479706a786c20000000006a786c20000000376a786c63ff0a031510505c120802010084004b188b1500d41733c68c79778110000887e200100920354381ca1d12d863e0fd00",
    "0000000c4a584c200d0a870a00000014667479706a786c20000000006a786c20000000396a786c63ff0a031d10505c12080201008c004b188b1500d4971963c6bcbb40080086d3010082e41001a15ae581f0eca63431f07501",
    "0000000c4a584c200d0a870a00000014667479706a786c20000000006a786c200000003a6a786c63ff0a058204028a4b02080201008c004b188b1500d4771963c6bcbb400800820309021000a15a2580ea0009ec31828c707101",
    "0000000c4a584c200d0a870a00000014667479706a786c20000000006a786c200000003a6a786c63ff0a058205028a4b02080201008c004b188b1500d4971963c6bcbb40080081e3010082641001a15ac581f0eca3013170e900",
    "0000000c4a584c200d0a870a00000014667479706a786c20000000006a786c20000000386a786c63ff0a058206028a4b020802010084004b188b1500d41733c68c79778110000807e600100920354189ca11d2d863604c00",
    "0000000c4a584c200d0a870a00000014667479706a786c20000000006a786c200000003a6a786c63ff0a058207028a4b02080201008c004b188b1500d4971963c6bcbb40080083e3010082041001a15a4581f0eca3293170e900",
]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_jpeg_xl_of_every_orientation_is_upright(orientation: int) -> None:
    photo = read(bytes.fromhex(TURNED[orientation - 1]))
    assert (photo.width, photo.height) == (24, 16)
    assert photo.pixels[2, 3].tolist() == pytest.approx([220, 200, 30], abs=3)
    for row, column in ((2, 20), (13, 3), (13, 20)):
        assert photo.pixels[row, column].tolist() == pytest.approx([40, 60, 160], abs=3)


# Never


@pytest.mark.parametrize(
    ("head", "code"),
    [
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "NOT_AN_IMAGE"),
        (b"\xc5\xd0\xd3\xc6" + bytes(40), "NOT_AN_IMAGE"),
        (b"\xd7\xcd\xc6\x9a" + bytes(40), "UNSUPPORTED_FORMAT"),
        (b"\x01\0\0\0\x6c\0\0\0" + bytes(40), "UNSUPPORTED_FORMAT"),
    ],
)
def test_formats_that_other_programs_would_have_to_draw_are_refused(head: bytes, code: str) -> None:
    with pytest.raises(DecodeError) as caught:
        read(head)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "text",
    [b"P1 is a road", b"Picture of the day", b"I like photographs", b"#define WIDTH 3\n", b"\n\x05\x01\x08" * 40],
)
def test_what_only_begins_like_a_format_is_none(text: bytes) -> None:
    found = sniff(text)
    assert found is None or found.format in ("PPM", "PCX")
    with pytest.raises(DecodeError):
        read(text)


@pytest.mark.parametrize("name", ["a.psd", "a.jxl", "a.PSB", "b.tga", "c.3fr", "d.mos", "e.ppm", "f.qoi"])
def test_names_that_promise_a_photo(name: str) -> None:
    assert kind_by_name(name) == "photo"
