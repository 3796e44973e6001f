"""The models Loupe knows by name, and where their folders lie.

Belongs here: names, pinned revisions, sizes, paths. Not here: reading a folder's configuration (`identity`),
bringing one (`fetch`) or loading one (`clip`, `captioner`).

Every hub preset is pinned to a commit, so that two machines embed with the same weights. A captioner may also
be any transformers image-to-text repository by its `owner/name`, resolved to a commit when it is fetched.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from resources.errors import LoupeError
from resources.settings import Settings

__all__ = [
    "CAPTIONERS",
    "DEFAULT_CAPTIONER",
    "DEFAULT_CLIP",
    "DEMO_MODEL",
    "PRESETS",
    "ModelKind",
    "ModelStatus",
    "Preset",
    "available",
    "captioner_preset",
    "clip_preset",
    "model_folder",
]

ModelKind = Literal["clip", "captioner"]

DEFAULT_CLIP = "siglip2-b32"
DEFAULT_CAPTIONER = "blip-base"
DEMO_MODEL = "demo-postcards"

# Models that ship with the checkout live beside the packages, whatever the current directory is.
_CHECKOUT_MODELS = Path(__file__).resolve().parents[2] / "demo" / "models"

_HUB_REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True)
class Preset:
    """One model by name.

    `repo`: hub repository, None for a model that ships with the checkout. `revision`: commit, or "main" where
    no commit is pinned (resolved and recorded when fetched). `architecture`: open_clip's name, or the
    transformers model type. `download_bytes`: about what a fetch brings; None when only the hub knows.
    """

    name: str
    kind: ModelKind
    repo: str | None
    revision: str
    architecture: str
    download_bytes: int | None
    description: str

    @property
    def only_by_name(self) -> bool:
        """True for models that are never a default: they know only the demo's drawn postcards."""
        return self.name == DEMO_MODEL


@dataclass(frozen=True)
class ModelStatus:
    """Whether a preset's files are on this machine: folder (whether or not it exists) and bytes in it."""

    preset: Preset
    fetched: bool
    path: Path
    bytes: int


def _clip(name: str, repo: str | None, revision: str, architecture: str, megabytes: int, description: str) -> Preset:
    return Preset(name, "clip", repo, revision, architecture, megabytes * 1_000_000, description)


def _captioner(
    name: str, repo: str | None, revision: str, architecture: str, megabytes: int, description: str
) -> Preset:
    return Preset(name, "captioner", repo, revision, architecture, megabytes * 1_000_000, description)


PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        _clip(
            "siglip2-b32",
            "timm/ViT-B-32-SigLIP2-256",
            "cd1efb47643f2794413dd79ef24397c175032780",
            "ViT-B-32-SigLIP2-256",
            1541,
            "The default: many languages, best recall for its cost.",
        ),
        _clip(
            "siglip2-b16",
            "timm/ViT-B-16-SigLIP2",
            "eee10eff6dd8cabae2d7f379d4e8cfcd352030aa",
            "ViT-B-16-SigLIP2",
            1536,
            "Many languages, finer detail, about three times the cost of siglip2-b32.",
        ),
        _clip(
            "siglip2-l16",
            "timm/ViT-L-16-SigLIP2-256",
            "da9426945c7c5acbd3afd0c158c8bb9cfd4d8cc0",
            "ViT-L-16-SigLIP2-256",
            3560,
            "Many languages, best recall here; for a GPU.",
        ),
        _clip(
            "clip-b32-laion2b",
            "laion/CLIP-ViT-B-32-laion2B-s34B-b79K",
            "1a25a446712ba5ee05982a381eed697ef9b435cf",
            "ViT-B-32",
            609,
            "English, small and fast.",
        ),
        _clip(
            "clip-b32-openai",
            "timm/vit_base_patch32_clip_224.openai",
            "a6f597a30f7b82c51704746581f9a4e41421e878",
            "ViT-B-32",
            609,
            "English, OpenAI's weights, for comparing with other programs.",
        ),
        _clip(DEMO_MODEL, None, "checkout", "custom", 0, "Knows only the demo's drawn postcards."),
    )
}

CAPTIONERS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        _captioner(
            "blip-base",
            "Salesforce/blip-image-captioning-base",
            "82a37760796d32b1411fe092ab5d4e227313294b",
            "blip",
            991,
            "The default: short English captions.",
        ),
        _captioner(
            "blip-large",
            "Salesforce/blip-image-captioning-large",
            "353689b859fcf0523410b1806dace5fb46ecdf41",
            "blip",
            1880,
            "Longer English captions, about three times the cost; for a GPU.",
        ),
        _captioner(DEMO_MODEL, None, "checkout", "blip", 0, "Captions only the demo's drawn postcards."),
    )
}


def clip_preset(name: str | None = None) -> Preset:
    """The image-text preset of this name, the default one for None. Raises `MODEL_UNKNOWN`."""
    if name is None:
        return PRESETS[DEFAULT_CLIP]
    if name in PRESETS:
        return PRESETS[name]
    known = ", ".join(PRESETS)
    hint = f" '{name}' is a captioner." if name in CAPTIONERS else ""
    raise LoupeError(
        "MODEL_UNKNOWN", f"No image-text model is called '{name}'.{hint} Choose one of: {known}.", name=name
    )


def captioner_preset(name: str | None = None) -> Preset:
    """The captioner of this name or `owner/name`, the default one for None. Raises `MODEL_UNKNOWN`."""
    if name is None:
        return CAPTIONERS[DEFAULT_CAPTIONER]
    if name in CAPTIONERS:
        return CAPTIONERS[name]
    if _HUB_REPO.fullmatch(name) and ".." not in name and "--" not in name:
        return Preset(name, "captioner", name, "main", "transformers", None, "An image-to-text model by name.")
    known = ", ".join(CAPTIONERS)
    hint = f" '{name}' is an image-text model." if name in PRESETS else ""
    raise LoupeError(
        "MODEL_UNKNOWN",
        f"No captioner is called '{name}'.{hint} Choose one of: {known}, or a hub repository as owner/name.",
        name=name,
    )


def model_folder(settings: Settings, preset: Preset) -> Path:
    """Where the preset's files lie, or would lie once fetched."""
    if preset.repo is None:
        return _CHECKOUT_MODELS / preset.name / preset.kind
    return settings.home / "models" / preset.name.replace("/", "--")


def available(settings: Settings) -> list[ModelStatus]:
    """Every preset, and every captioner fetched by `owner/name`, with whether its files are here."""
    presets = [*PRESETS.values(), *CAPTIONERS.values()]
    by_repo = sorted(path.name for path in (settings.home / "models").glob("[!.]*--*") if path.is_dir())
    presets += [captioner_preset(name.replace("--", "/", 1)) for name in by_repo]
    return [_status(settings, preset) for preset in presets]


def _status(settings: Settings, preset: Preset) -> ModelStatus:
    folder = model_folder(settings, preset)
    config = "open_clip_config.json" if preset.kind == "clip" else "config.json"
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
    return ModelStatus(preset, (folder / config).is_file(), folder, size)
