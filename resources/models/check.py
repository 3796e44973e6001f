"""`loupe models check`: does a loaded model see what everyone sees?

Belongs here: the verdict. Not here: loading models, the photographs (`photographs`). A model whose
weights, tokenizer or preprocessing are wrong still answers unit vectors and sentences; only pictures tell.

The photographs are those that scikit-image and scikit-learn carry in their packages. A model folder may bring its
own pictures instead (`check/captions.json`: file name -> caption), for models that know no photographs; those of the
demo's model stand beside its two folders.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from resources.errors import LoupeError
from resources.imaging.model_input import model_input
from resources.models.captioner import Captioner, load_captioner
from resources.models.clip import ClipEncoder, load_clip
from resources.models.fetch import preset_by_name
from resources.models.gpu import GpuResource
from resources.models.photographs import Picture, photographs
from resources.models.presets import ModelKind, Preset, model_folder
from resources.settings import Settings

__all__ = ["CheckItem", "CheckReport", "Picture", "check", "check_captioner", "check_clip", "pictures"]

# Of fourteen photographs two may go wrong: a page of text and coins are hard for small models. Random weights
# match one by chance, and all twelve of fourteen with probability below 1e-11.
_MOST_WRONG_SHARE = 2 / 14

# Captioners word things their own way: related words in most captions, and mostly different captions.
_LEAST_RELATED_SHARE = 0.6
_LEAST_DIFFERENT_SHARE = 0.6


@dataclass(frozen=True)
class CheckItem:
    """One picture's result: what the model said (the best-matching caption, or its own) and whether it fits."""

    picture: str
    expected: str
    answered: str
    fits: bool


@dataclass(frozen=True)
class CheckReport:
    """The verdict on a model. `fitting` of `items` pictures were recognised; `needed` had to be."""

    name: str
    kind: ModelKind
    items: tuple[CheckItem, ...]
    needed: int

    @property
    def fitting(self) -> int:
        return sum(item.fits for item in self.items)


def check(settings: Settings, name: str, gpu: GpuResource | None = None, kind: ModelKind | None = None) -> CheckReport:
    """Loads the model and shows it the pictures. `kind` tells apart a name that is both.

    Raises `MODEL_CHECK_FAILED` ("model loaded wrongly") with the report in the details, and what loading raises.
    """
    preset = preset_by_name(name)
    if kind is not None:
        preset = replace(preset, kind=kind)
    gpu = gpu or GpuResource(settings)
    shown = pictures(settings, preset)
    if preset.kind == "clip":
        return check_clip(load_clip(settings, preset.name, gpu), shown)
    return check_captioner(load_captioner(settings, preset.name, gpu), shown)


def check_clip(encoder: ClipEncoder, shown: list[Picture]) -> CheckReport:
    """Each picture's nearest caption must be its own, for nearly all. Raises `MODEL_CHECK_FAILED`."""
    images = np.stack([model_input(picture.pixels, encoder.input_spec) for picture in shown])
    scores = encoder.embed_images(images) @ encoder.embed_texts([picture.caption for picture in shown]).T
    best = scores.argmax(axis=1)
    items = tuple(
        CheckItem(picture.name, picture.caption, shown[nearest].caption, shown[nearest].caption == picture.caption)
        for picture, nearest in zip(shown, best, strict=True)
    )
    needed = len(shown) - int(len(shown) * _MOST_WRONG_SHARE)
    return _judged(CheckReport(encoder.name, "clip", items, needed))


def check_captioner(captioner: Captioner, shown: list[Picture]) -> CheckReport:
    """Captions must be there, differ, and mostly name what is in the picture. Raises `MODEL_CHECK_FAILED`."""
    images = np.stack([model_input(picture.pixels, captioner.input_spec) for picture in shown])
    captions = captioner.caption(images)
    items = tuple(
        CheckItem(
            picture.name,
            f"one of: {', '.join(picture.words)}",
            caption,
            bool(set(picture.words) & set(re.findall(r"\w+", caption.lower()))),
        )
        for picture, caption in zip(shown, captions, strict=True)
    )
    report = CheckReport(captioner.name, "captioner", items, int(np.ceil(len(shown) * _LEAST_RELATED_SHARE)))
    different = len({caption for caption in captions if caption})
    if different < len(shown) * _LEAST_DIFFERENT_SHARE:
        raise _failed(report, f"it gave only {different} different captions for {len(shown)} pictures")
    return _judged(report)


def pictures(settings: Settings, preset: Preset) -> list[Picture]:
    """The folder's own pictures if it brings any, else the photographs.

    Raises `MODEL_FILES_INVALID` for the demo's model without its pictures: it knows no photographs.
    """
    folder = model_folder(settings, preset)
    own = (folder.parent if preset.only_by_name else folder) / "check"
    if (own / "captions.json").is_file():
        return _own_pictures(own)
    if preset.only_by_name:
        raise LoupeError(
            "MODEL_FILES_INVALID",
            f"'{preset.name}' knows only drawn postcards, and the pictures to check it with are missing: {own}. "
            "`python -m demo.check_pictures` draws them.",
            name=preset.name,
        )
    return photographs()


def _judged(report: CheckReport) -> CheckReport:
    if report.fitting < report.needed:
        raise _failed(report, f"it recognised {report.fitting} of {len(report.items)} well-known pictures")
    return report


def _failed(report: CheckReport, reason: str) -> LoupeError:
    return LoupeError(
        "MODEL_CHECK_FAILED",
        f"The model '{report.name}' was loaded wrongly: {reason}, and {report.needed} are needed. Its files are "
        f"damaged or not of this model; fetch it again with `loupe models fetch {report.name}`.",
        name=report.name,
        fitting=report.fitting,
        needed=report.needed,
        pictures=[
            {"picture": item.picture, "expected": item.expected, "answered": item.answered, "fits": item.fits}
            for item in report.items
        ],
    )


def _own_pictures(folder: Path) -> list[Picture]:
    from PIL import Image

    captions: dict[str, str] = json.loads((folder / "captions.json").read_text(encoding="utf-8"))
    small = {"a", "an", "the", "of", "on", "in", "at", "and", "with", "by", "over", "under", "near"}
    shown = []
    for name, caption in captions.items():
        with Image.open(folder / name) as image:
            pixels = np.asarray(image.convert("RGB"))
        words = tuple(word for word in re.findall(r"\w+", caption.lower()) if word not in small)
        shown.append(Picture(name, pixels, caption, words))
    return shown
