"""A library of duplicates and of look-alikes, of which it is known what belongs together: families of drawn pictures.

Belongs here: which files there are and the truth about each pair of them. Not here: what is found (`duplicates.py`).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import combinations, product
from pathlib import Path

import numpy as np
from burst_threshold import another_subject, another_view, seen
from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps
from PIL.TiffImagePlugin import IFDRational

from demo.dng import dng_bytes
from demo.postcards import Postcard, draw_postcards
from resources.duplicates import Tier
from resources.errors import LoupeError
from resources.imaging import decode
from resources.imaging.previews import perceptual_hash

__all__ = ["Family", "Pair", "distinct", "make_families"]

_SIZE = (720, 480)
_CANVAS = (720, 480)  # of which a frame of a series sees two thirds
_START = datetime(2023, 5, 1, 9, 0, 0)
_DISTINCT_BITS = 15

Change = Callable[[Image.Image, np.random.Generator], Image.Image]


@dataclass(frozen=True)
class Pair:
    """Two files and the truth about them. `tier`: the strongest in which they may be called duplicates, weaker ones
    are no mistake either; None: in none. `wanted`: they should be found in that tier."""

    one: str
    other: str
    kind: str
    tier: Tier | None
    wanted: bool


@dataclass
class Family:
    """Files by path, and the pairs that belong together or are traps. Pairs that are not named are different."""

    files: dict[str, bytes] = field(default_factory=dict)
    pairs: list[Pair] = field(default_factory=list)

    def add(self, path: str, data: bytes) -> str:
        self.files[path] = data
        return path

    def found(self, one: str, other: str, kind: str, tier: Tier) -> None:
        """They are duplicates of this tier."""
        self.pairs.append(Pair(one, other, kind, tier, wanted=True))

    def trap(self, paths: Sequence[str], kind: str, tier: Tier | None = "similar") -> None:
        """No two of these are duplicates of any tier stronger than `tier`."""
        self.pairs += [Pair(one, other, kind, tier, wanted=False) for one, other in combinations(paths, 2)]


# Files


@dataclass(frozen=True)
class Shot:
    """What a camera writes beside the pixels. `fraction`: of the second, in thousandths, None when it writes none."""

    taken_at: datetime
    fraction: int | None = None
    make: str = "Canon"
    model: str = "Canon EOS R6"
    exposure_s: Fraction = Fraction(1, 250)
    bias_ev: int = 0

    def later(self, seconds: float) -> Shot:
        """`seconds` from the first shot of a series that writes fractions, or whole seconds."""
        moment = self.taken_at + timedelta(seconds=seconds)
        fraction = None if self.fraction is None else moment.microsecond // 1000
        return replace(self, taken_at=moment.replace(microsecond=0), fraction=fraction)

    def exif(self, **more: str) -> Image.Exif:
        exif = Image.Exif()
        exif[0x010F], exif[0x0110] = self.make, self.model
        taken = self.taken_at.strftime("%Y:%m:%d %H:%M:%S")
        exif[0x0132] = taken
        if more:
            exif[0x010E] = more["description"]
        detail = exif.get_ifd(0x8769)
        detail[0x9003] = detail[0x9004] = taken
        if self.fraction is not None:
            detail[0x9291] = f"{self.fraction:03}"
        detail[0x829A], detail[0x829D], detail[0x8827] = IFDRational(self.exposure_s), IFDRational(8), 200
        detail[0x9204] = IFDRational(self.bias_ev)
        return exif


def _encoded(picture: Image.Image, form: str = "JPEG", shot: Shot | None = None, **options: object) -> bytes:
    out = io.BytesIO()
    if form == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
        options |= {"enc_params": {"preset": "ultrafast"}}
    if form == "JPEG":
        options = {"quality": 92, **options}
    if shot is not None:
        options["exif"] = shot.exif().tobytes()
    picture.save(out, form, **options)
    return out.getvalue()


def _raw(picture: Image.Image, shot: Shot, preview_px: int | None = None) -> bytes:
    return dng_bytes(
        picture,
        preview_px=preview_px,
        make=shot.make,
        model=shot.model,
        taken_at=shot.taken_at.strftime("%Y:%m:%d %H:%M:%S"),
        offset="+02:00",
        exposure_s=shot.exposure_s,
        f_number=Fraction(8),
        iso=200,
        focal_length_mm=35,
        lens="RF24-105mm F4 L IS USM",
    )


def _without_metadata(jpeg: bytes) -> bytes:
    """The same coded picture, all application segments and comments left out."""
    out, at = bytearray(jpeg[:2]), 2
    while jpeg[at + 1] != 0xDA:
        size = 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
        if not (0xE1 <= jpeg[at + 1] <= 0xED or jpeg[at + 1] == 0xFE):
            out += jpeg[at : at + size]
        at += size
    return bytes(out + jpeg[at:])


# How people copy and edit pictures


def _scaled(share: float) -> Change:
    def change(picture: Image.Image, _: np.random.Generator) -> Image.Image:
        return picture.resize((round(picture.width * share), round(picture.height * share)), Image.Resampling.LANCZOS)

    return change


def _again(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    for quality in (70, 80, 65, 75):
        picture = Image.open(io.BytesIO(_encoded(picture, quality=quality)))
    return picture


def _cropped(share: float) -> Change:
    def change(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
        width, height = (round(edge * (1 - share)) for edge in picture.size)
        left, top = int(rng.integers(picture.width - width + 1)), int(rng.integers(picture.height - height + 1))
        return picture.crop((left, top, left + width, top + height))

    return change


def _lighter(by: float) -> Change:
    return lambda picture, _: ImageEnhance.Brightness(picture).enhance(by)


def _warmer(picture: Image.Image, _: np.random.Generator) -> Image.Image:
    warm = np.asarray(ImageEnhance.Color(picture).enhance(1.3), np.float32) * (1.08, 1.0, 0.9)
    return Image.fromarray(np.clip(warm, 0, 255).astype(np.uint8))


def _straightened(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    turned = picture.rotate(2.0, Image.Resampling.BICUBIC)
    return _cropped(0.09)(turned.resize(picture.size), rng)


def _lettered(picture: Image.Image, _: np.random.Generator) -> Image.Image:
    out = picture.copy()
    font = ImageFont.load_default(picture.height // 9)
    ImageDraw.Draw(out).text((picture.width // 9, picture.height // 2), "Greetings from here", "white", font)
    return out


def _retouched(share: float) -> Change:
    """A part of the picture is painted over by what is beside it."""

    def change(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
        width, height = (round(edge * share) for edge in picture.size)
        left, top = int(rng.integers(picture.width - 2 * width)), int(rng.integers(picture.height - 2 * height))
        out = picture.copy()
        patch = picture.crop((left + width, top + height, left + 2 * width, top + 2 * height))
        out.paste(ImageOps.invert(patch), (left, top))
        return out

    return change


def _same(picture: Image.Image, _: np.random.Generator) -> Image.Image:
    return picture


_COPIES: dict[str, tuple[Change, str, dict[str, object]]] = {
    "JPEG, quality 75": (_same, "JPEG", {"quality": 75}),
    "JPEG, quality 30": (_same, "JPEG", {"quality": 30}),
    "JPEG, quality 10": (_same, "JPEG", {"quality": 10}),
    "three quarters of the size": (_scaled(0.75), "JPEG", {"quality": 85}),
    "half size, quality 75": (_scaled(0.5), "JPEG", {"quality": 75}),
    "quarter size, quality 40": (_scaled(0.25), "JPEG", {"quality": 40}),
    "15 % size, quality 75": (_scaled(0.15), "JPEG", {"quality": 75}),
    "WebP, quality 70": (_same, "WEBP", {"quality": 70, "method": 2}),
    "HEIC, quality 50, two thirds of the size": (_scaled(2 / 3), "HEIF", {"quality": 50}),
    "PNG of 256 colours": (lambda picture, _: picture.quantize(256), "PNG", {}),
    "saved five times": (_again, "JPEG", {"quality": 70}),
    "double size": (_scaled(2), "JPEG", {"quality": 80}),
}

_EDITS: dict[str, Change] = {
    "2 % cropped": _cropped(0.02),
    "5 % cropped": _cropped(0.05),
    "10 % cropped": _cropped(0.10),
    "20 % cropped": _cropped(0.20),
    "10 % lighter": _lighter(1.1),
    "30 % lighter": _lighter(1.3),
    "warmer": _warmer,
    "grey": lambda picture, _: picture.convert("L").convert("RGB"),
    "straightened by 2 degrees": _straightened,
    "lettered": _lettered,
    "5 % x 5 % retouched": _retouched(0.05),
    "10 % x 10 % retouched": _retouched(0.10),
    "cropped and lightened": lambda picture, rng: _lighter(1.2)(_cropped(0.10)(picture, rng), rng),
}


# Families: each is drawn from a number, so that any process can make it


Source = Postcard | bytes  # a photograph as a file


@dataclass(frozen=True)
class Plan:
    """A family to make: `maker` with a number of its own, the pictures it begins with, and which of its kind it is."""

    maker: Callable[[Plan], Family]
    number: int
    turn: int
    sources: tuple[Source, ...]

    def picture(self, which: int = 0) -> Image.Image:
        source = self.sources[which]
        return source.draw(*_SIZE) if isinstance(source, Postcard) else Image.open(io.BytesIO(source)).convert("RGB")

    def card(self, which: int = 0) -> Postcard:
        source = self.sources[which]
        assert isinstance(source, Postcard)
        return source

    @property
    def folder(self) -> str:
        return f"{self.maker.__name__.strip('_')} {self.number:03}"

    @property
    def rng(self) -> np.random.Generator:
        return np.random.default_rng(self.number)

    @property
    def shot(self) -> Shot:
        """No two families were taken on one day."""
        return Shot(_START + timedelta(days=self.number, minutes=7 * self.number % 300))


def _bytes(plan: Plan) -> Family:
    """The same file in several places; and, not that, files that differ in one byte of text."""
    made = Family()
    data = _encoded(plan.picture(), shot=plan.shot)
    names = [f"IMG_{plan.number:04}.jpg", f"copy/IMG_{plan.number:04}.jpg", f"IMG_{plan.number:04} (1).jpg"]
    paths = [made.add(f"{plan.folder}/{name}", data) for name in names[: 2 + plan.turn % 2]]
    for one, other in combinations(paths, 2):
        made.found(one, other, "the same file elsewhere", "same_bytes")
    if plan.turn % 3 == 0:
        changed = made.add(f"{plan.folder}/mail/IMG_{plan.number:04}.jpg", data.replace(b"EOS R6", b"EOS R7"))
        for path in paths:
            made.found(path, changed, "one byte of the metadata differs", "same_pixels")
    return made


def _pixels(plan: Plan) -> Family:
    """The same pixels in other files; and, not that, one whose pixel differs by one step."""
    made = Family()
    folder = plan.folder
    source = _encoded(plan.picture(), shot=plan.shot)
    picture = Image.open(io.BytesIO(source))
    picture.load()
    exif = plan.shot.exif(description="Our holiday").tobytes()
    head = len(exif) + 2
    described = _without_metadata(source)
    described = described[:2] + b"\xff\xe1" + head.to_bytes(2, "big") + exif + described[2:]
    forms: dict[str, tuple[str, bytes]] = {
        "metadata taken out": ("bare.jpg", _without_metadata(source)),
        "other metadata": ("described.jpg", described),
        "bytes appended": ("longer.jpg", source + b"\0" * 64),
        "PNG of it": ("a.png", _encoded(picture, "PNG", compress_level=1)),
        "TIFF of it": ("a.tif", _encoded(picture, "TIFF", compression="tiff_lzw")),
        "lossless WebP of it": ("a.webp", _encoded(picture, "WEBP", lossless=True, exact=True, method=0, quality=10)),
        "PNG on its side with an orientation tag": ("turned.png", _turned(picture)),
    }
    kinds = list(forms)
    chosen = [kinds[(2 * plan.turn + step) % len(kinds)] for step in range(2)]
    paths = [made.add(f"{folder}/a.jpg", source)] + [made.add(f"{folder}/{forms[k][0]}", forms[k][1]) for k in chosen]
    for path, kind in zip(paths[1:], chosen, strict=True):
        made.found(paths[0], path, kind, "same_pixels")
    made.found(paths[1], paths[2], "two of those", "same_pixels")
    if plan.turn % 3 == 0:
        other = picture.copy()
        red, green, blue = other.getpixel((9, 9))  # type: ignore[misc]
        other.putpixel((9, 9), (red, green, blue ^ 1))
        path = made.add(f"{folder}/one step.png", _encoded(other, "PNG", compress_level=1))
        for each in paths:
            made.found(each, path, "one pixel differs by one step", "same_picture")
    return made


def _turned(picture: Image.Image) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return _encoded(picture.transpose(Image.Transpose.ROTATE_90), "PNG", exif=exif.tobytes(), compress_level=1)


def _resized(plan: Plan) -> Family:
    """One picture, resized and compressed anew."""
    made = Family()
    picture = plan.picture()
    original = made.add(f"{plan.folder}/IMG_{plan.number:04}.jpg", _encoded(picture, shot=plan.shot))
    kinds = list(_COPIES)
    copies = []
    for step in range(3):
        kind = kinds[(3 * plan.turn + step) % len(kinds)]
        change, form, options = _COPIES[kind]
        data = _encoded(change(picture, plan.rng), form, plan.shot if step == 1 and form == "JPEG" else None, **options)
        ending = {"JPEG": "jpg", "WEBP": "webp", "PNG": "png", "HEIF": "heic"}[form]
        copies.append(made.add(f"{plan.folder}/web/{step}.{ending}", data))
        made.found(original, copies[-1], kind, "same_picture")
    if plan.turn % 4 == 0:
        data = _encoded(picture, shot=plan.shot, quality=62)
        edited = made.add(f"{plan.folder}/IMG_{plan.number:04} edited.jpg", data)
        for path in (original, *copies):
            made.trap([path, edited], "re-encoded beside it under an editor's name", "same_picture")
    for one, other in combinations(copies, 2):
        made.found(one, other, "two of those copies", "same_picture")
    return made


def _edited(plan: Plan) -> Family:
    """Crops and light edits; and, beside a drawing, another drawing of its kind."""
    made = Family()
    picture = plan.picture()
    original = made.add(f"{plan.folder}/a.jpg", _encoded(picture, shot=plan.shot))
    kinds = list(_EDITS)
    edits = []
    for step in range(2):
        kind = kinds[(2 * plan.turn + step) % len(kinds)]
        data = _encoded(_EDITS[kind](picture, plan.rng), shot=plan.shot if step else None, quality=88)
        edits.append(made.add(f"{plan.folder}/edits/{step}.jpg", data))
        made.found(original, edits[-1], kind, "similar")
    made.found(edits[0], edits[1], "two of those edits", "similar")
    if isinstance(plan.sources[0], Postcard):
        other = made.add(f"{plan.folder}/other.jpg", _encoded(another_view(*_two(plan)).draw(*_SIZE)))
        for path in (original, *edits):
            made.trap([path, other], "another drawing of one kind of scene", None)
    return made


def _two(plan: Plan) -> tuple[Postcard, Postcard]:
    return plan.card(), replace(plan.card(), seed=plan.card().seed ^ 0x2A2A)


_RAW_KINDS = (
    "RAW and JPEG of one name",
    "RAW with a preview, and JPEG",
    "JPEG of half size",
    "JPEG in black and white",
    "JPEG with a film look",
    "other case, camera named otherwise",
    "JPEG without metadata",
    "RAW, JPEG and an edit of it",
    "RAW and JPEG in two folders",
)


def _raw_pair(plan: Plan) -> Family:
    """A RAW and its JPEG, as cameras and people leave them."""
    made = Family()
    kind = _RAW_KINDS[plan.turn % len(_RAW_KINDS)]
    picture, shot = plan.picture(), plan.shot
    preview_px = 480 if kind == "RAW with a preview, and JPEG" else None
    name = f"IMG_{plan.number:04}"
    jpeg, said, jpeg_name = picture, shot, f"{name}.JPG"
    if kind == "JPEG of half size":
        jpeg = _scaled(0.5)(picture, plan.rng)
    elif kind == "JPEG in black and white":
        jpeg = picture.convert("L")
    elif kind == "JPEG with a film look":
        jpeg = ImageEnhance.Contrast(_warmer(picture, plan.rng)).enhance(1.25)
    elif kind == "other case, camera named otherwise":
        said, jpeg_name = replace(shot, model="EOS R6", make="CANON"), f"{name.lower()}.jpg"
    elif kind == "RAW and JPEG in two folders":
        jpeg_name = f"Jpeg/{name}.JPG"
    raw = made.add(
        f"{plan.folder}/{'Raw/' if '/' in jpeg_name else ''}{name}.DNG",
        _raw(picture, shot, preview_px),
    )
    data = _encoded(jpeg, shot=None if kind == "JPEG without metadata" else said)
    path = made.add(f"{plan.folder}/{jpeg_name}", data)
    made.found(raw, path, kind, "raw_jpeg")
    if kind == "RAW, JPEG and an edit of it":
        edit = _encoded(ImageEnhance.Contrast(_cropped(0.15)(picture, plan.rng)).enhance(1.2), shot=shot)
        edit_path = made.add(f"{plan.folder}/{name}-Edit.jpg", edit)
        made.trap([raw, edit_path], "a RAW and an edit")
        made.trap([path, edit_path], "a JPEG and an edit")
    return made


_RAW_TRAPS = (
    "one name, the counter came round",
    "one name and second, two cameras",
    "one name, the other without a date, another picture",
    "one name, another camera two hours on",
)


def _raw_trap(plan: Plan) -> Family:
    """A RAW and a JPEG of one name that are not one shot."""
    made = Family()
    kind = _RAW_TRAPS[plan.turn % len(_RAW_TRAPS)]
    said: Shot | None = plan.shot
    if kind == _RAW_TRAPS[0]:
        said = replace(plan.shot, taken_at=plan.shot.taken_at + timedelta(days=400, seconds=31))
    elif kind == _RAW_TRAPS[1]:
        said = replace(plan.shot, make="Apple", model="iPhone 13")
    elif kind == _RAW_TRAPS[2]:
        said = None
    else:
        said = replace(plan.shot, model="EOS R5", taken_at=plan.shot.taken_at + timedelta(hours=2))
    other = another_view(*_two(plan)).draw(*_SIZE)
    one = made.add(f"{plan.folder}/IMG_0001.DNG", _raw(plan.picture(), plan.shot))
    made.trap([one, made.add(f"{plan.folder}/IMG_0001.JPG", _encoded(other, shot=said))], kind, None)
    return made


@dataclass(frozen=True)
class _Series:
    """Frames of one scene: `gap_s` apart, with dates to the second unless `exact`."""

    frames: int
    gap_s: float
    exact: bool = True
    step: int = 1
    shake: float = 1.0
    across: float = 0.0


_BURSTS = {
    "hand-held, 8 a second": _Series(6, 0.125),
    "the subject moves, 8 a second": _Series(6, 0.125, step=6),
    "shaky, 8 a second": _Series(6, 0.125, step=2, shake=2.5),
    "dates to the second, 4 a second": _Series(6, 0.25, exact=False),
    "2 a second": _Series(5, 0.5),
}
_NO_BURSTS = {
    "timelapse, a frame each 2 s": _Series(6, 2, shake=0),
    "timelapse, a frame each second": _Series(8, 1, exact=False, shake=0),
    "panorama, 20 % a frame, each 0.9 s": _Series(4, 0.9, across=0.2),
    "panorama, 30 % a frame, each 0.9 s": _Series(4, 0.9, across=0.3),
    "panorama, 10 % a frame, each 0.9 s": _Series(4, 0.9, across=0.1),
}


def _frames(plan: Plan, made: Family, series: _Series, start_s: float = 0.0, first: int = 1) -> list[str]:
    rng, paths = plan.rng, []
    begin = replace(plan.shot, fraction=100 if series.exact else None)
    for number in range(series.frames):
        card = replace(plan.card(), moment=(first - 1 + number) * series.step)
        picture = seen(card.draw(*_CANVAS), rng, across=series.across * number, shake=series.shake)
        shot = begin.later(start_s + number * series.gap_s + (0.1 if series.exact else 0))
        paths.append(made.add(f"{plan.folder}/IMG_{first + number:04}.JPG", _encoded(picture, shot=shot)))
    return paths


def _burst(plan: Plan) -> Family:
    made = Family()
    kind = list(_BURSTS)[plan.turn % len(_BURSTS)]
    for one, other in combinations(_frames(plan, made, _BURSTS[kind]), 2):
        made.found(one, other, kind, "burst")
    return made


def _raw_burst(plan: Plan) -> Family:
    """A burst of which each frame is a RAW and a JPEG."""
    made = Family()
    raws, jpegs = [], []
    for number in range(4):
        picture = seen(replace(plan.card(), moment=number).draw(*_CANVAS), plan.rng)
        shot = plan.shot.later(number // 3)
        raws.append(made.add(f"{plan.folder}/IMG_{number + 1:04}.DNG", _raw(picture, shot)))
        jpegs.append(made.add(f"{plan.folder}/IMG_{number + 1:04}.JPG", _encoded(picture, shot=shot)))
    for raw, jpeg in zip(raws, jpegs, strict=True):
        made.found(raw, jpeg, "RAW and JPEG of a frame of a burst", "raw_jpeg")
    for paths in (raws, jpegs):
        for one, other in combinations(paths, 2):
            made.found(one, other, "burst of RAW and JPEG", "burst")
    made.pairs += [
        Pair(raw, jpeg, "RAW of one frame, JPEG of another", "burst", wanted=False)
        for (i, raw), (j, jpeg) in product(enumerate(raws), enumerate(jpegs))
        if i != j
    ]
    return made


def _no_burst(plan: Plan) -> Family:
    """Series of one scene that are no burst."""
    made = Family()
    kind = list(_NO_BURSTS)[plan.turn % len(_NO_BURSTS)]
    made.trap(_frames(plan, made, _NO_BURSTS[kind]), kind)
    return made


def _two_bursts(plan: Plan) -> Family:
    made = Family()
    bursts = [_frames(plan, made, _BURSTS["hand-held, 8 a second"], 6.0 * n, 1 + 6 * n) for n in range(2)]
    for burst in bursts:
        for one, other in combinations(burst, 2):
            made.found(one, other, "hand-held, 8 a second", "burst")
    for one, other in product(*bursts):
        made.trap([one, other], "two bursts of one scene, 6 s between")
    return made


def _bracket(plan: Plan) -> Family:
    """Three frames, 2 EV apart, within a quarter of a second; every other one without the compensation's tag."""
    made, paths = Family(), []
    for number, bias in enumerate((0, -2, 2)):
        picture = seen(replace(plan.card(), moment=number).draw(*_CANVAS), plan.rng, shake=0.3)
        exposed = np.asarray(picture, np.float32) * 2 ** (bias / 2.2)
        shot = replace(plan.shot, fraction=100, exposure_s=Fraction(1, 250) * Fraction(2) ** bias)
        shot = replace(shot.later(0.1 + number * 0.125), bias_ev=0 if plan.turn % 2 else bias)
        data = _encoded(Image.fromarray(np.clip(exposed, 0, 255).astype(np.uint8)), shot=shot)
        paths.append(made.add(f"{plan.folder}/IMG_{number + 1:04}.JPG", data))
    made.trap(paths, "bracket, 2 EV apart")
    return made


def _one_second(plan: Plan) -> Family:
    """Other pictures that bear one second or follow each other by less."""
    made = Family()
    kind = ("other views of one kind, each 0.9 s", "other views, a stopped clock", "three cameras in one second")[
        plan.turn % 3
    ]
    card, paths = plan.card(), []
    models = ("EOS R6", "EOS R5", "EOS R3") if kind.startswith("three") else ("EOS R6",) * 3
    for number, model in enumerate(models):
        own = card if not number else another_view(card, replace(card, seed=card.seed ^ (0x2A2A + number)))
        shot = replace(plan.shot, model=model, fraction=100 if "0.9" in kind else None)
        shot = shot.later(0.1 + 0.9 * number) if "0.9" in kind else shot
        name = f"{model[-2:]}_" if kind.startswith("three") else "IMG_"
        paths.append(made.add(f"{plan.folder}/{name}{number + 1:04}.JPG", _encoded(own.draw(*_SIZE), shot=shot)))
    made.trap(paths, kind, None)
    return made


def _one_place(plan: Plan) -> Family:
    made, paths = Family(), []
    shot = replace(plan.shot, fraction=100)
    for number in range(3):
        card = another_subject(plan.card(), np.random.default_rng(plan.number * 3 + number)) if number else plan.card()
        data = _encoded(seen(card.draw(*_CANVAS), plan.rng), shot=shot.later(0.1 + 0.9 * number))
        paths.append(made.add(f"{plan.folder}/IMG_{number + 1:04}.JPG", data))
    made.trap(paths, "one place, another subject each 0.9 s")
    return made


def _tripod(plan: Plan) -> Family:
    """Two frames of a camera that stands still, nine seconds apart; every other pair without dates."""
    made, paths = Family(), []
    dated = plan.turn % 2 == 0
    for number in range(2):
        card = replace(plan.card(), moment=1 + number)
        shot = plan.shot.later(9 * number) if dated else None
        paths.append(made.add(f"{plan.folder}/IMG_{number + 1:04}.JPG", _encoded(card.draw(*_SIZE), shot=shot)))
    made.trap(paths, f"from a tripod, 9 s apart, {'dated' if dated else 'without dates'}")
    return made


def _forms(plan: Plan) -> Family:
    """Pages of one form that are filled in otherwise, messages on one screen, pictures of next to nothing."""
    made, paths = Family(), []
    kind = ("pages of text", "one form, filled in otherwise", "one screen, another message", "pictures of nothing")[
        plan.turn % 4
    ]
    fixed = plan.rng
    lines = [_words(fixed) for _ in range(22)]
    for number in range(3):
        rng = np.random.default_rng([plan.number, number])
        if kind == "pictures of nothing":
            top, bottom = rng.integers(90, 215, 3), rng.integers(90, 215, 3)
            share = np.linspace(0, 1, _SIZE[1])[:, None, None]
            plain = (1 - share) * top + share * bottom + rng.normal(0, 3, (_SIZE[1], _SIZE[0], 3))
            page = Image.fromarray(np.clip(plain, 0, 255).astype(np.uint8))
        else:
            screen = kind == "one screen, another message"
            page = Image.new("RGB", _SIZE if screen else (680, 960), "#e8f0e8" if screen else "white")
            draw, font = ImageDraw.Draw(page), ImageFont.load_default(16)
            changed = {"pages of text": range(22), "one form, filled in otherwise": (3, 8, 9, 15)}.get(kind, (4, 5))
            if screen:
                draw.rectangle((0, 0, page.width, 60), "#205080")
            for row, line in enumerate(lines):
                if 70 + 40 * row < page.height - 30:
                    text = _words(rng) if row in changed else line
                    draw.text((50, 70 + 40 * row), text, "#202020", font)
        paths.append(made.add(f"{plan.folder}/{number}.png", _encoded(page, "PNG")))
    made.trap(paths, kind, None)
    return made


def _words(rng: np.random.Generator) -> str:
    letters = "etaoinshrdlucmfwyp"
    sizes = rng.integers(2, 9, int(rng.integers(3, 10)))
    return " ".join("".join(letters[int(n)] for n in rng.integers(0, len(letters), size)) for size in sizes)[:52]


# All of them

# Makers, how many families, and whether photographs may be among what they begin with.
_FAMILIES: tuple[tuple[Callable[[Plan], Family], int, bool], ...] = (
    (_bytes, 12, True),
    (_pixels, 14, True),
    (_resized, 32, True),
    (_edited, 39, True),
    (_raw_pair, 18, False),
    (_raw_burst, 2, False),
    (_raw_trap, 8, False),
    (_burst, 15, False),
    (_two_bursts, 1, False),
    (_no_burst, 10, False),
    (_bracket, 4, False),
    (_one_second, 6, False),
    (_one_place, 3, False),
    (_tripod, 6, False),
    (_forms, 8, False),
)


def make_families(folder: Path, photographs: Sequence[bytes] = (), workers: int = 2) -> list[Family]:
    """Write the library into `folder`; every other picture of copies and edits is a photograph, as far as there are.

    The families' files are written and no longer held; their paths are relative to `folder`.
    """
    cards = draw_postcards(11, "evaluation")
    left = iter(photographs)
    plans: list[Plan] = []
    for maker, count, takes_photographs in _FAMILIES:
        for turn in range(count):
            source: Source | None = next(left, None) if takes_photographs and turn % 2 else None
            plans.append(Plan(maker, len(plans), turn, (source or next(cards),)))
    with ProcessPoolExecutor(workers) as pool:
        made = []
        for family in pool.map(_made, plans, chunksize=4):
            for path, data in family.files.items():
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
            made.append(Family(dict.fromkeys(family.files, b""), family.pairs))
    return made


def _made(plan: Plan) -> Family:
    return plan.maker(plan)


def distinct(folder: Path, most: int) -> Iterator[bytes]:
    """Photographs of a folder that differ from each other, as JPEGs of at most 1,024 pixels."""
    hashes: list[int] = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        try:
            pixels = decode(path.read_bytes(), name=path.name, preview_px=1024, max_pixels=10**9).pixels
        except LoupeError:
            continue
        found = perceptual_hash(pixels)
        too_alike = any((found ^ other).bit_count() < _DISTINCT_BITS for other in hashes)
        if min(pixels.shape[:2]) >= 200 and pixels.std() >= 12 and not too_alike:
            hashes.append(found)
            yield _encoded(Image.fromarray(pixels), quality=95)
        if len(hashes) == most:
            return
