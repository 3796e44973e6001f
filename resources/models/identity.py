"""Which model, exactly: read from a model folder's configuration, without torch.

Belongs here: the identity that keys embeddings and captions, and finding a folder's files. Not here: loading
weights. Runs in decode workers and at the start of every command, so it stays within milliseconds.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resources.errors import LoupeError
from resources.imaging.model_input import Interpolation, ModelInputSpec, ResizeMode
from resources.models.presets import Preset, captioner_preset, clip_preset, model_folder
from resources.settings import Settings

__all__ = [
    "RECORD_FILE",
    "WEIGHT_FILES",
    "ModelIdentity",
    "captioner_identity",
    "captioner_spec",
    "clip_identity",
    "clip_spec",
    "fetched_folder",
    "require_tokenizer",
    "weight_file",
]

# Written by `fetch` beside the weights: where they came from, to the commit.
RECORD_FILE = "loupe-model.json"

# In order of preference; pickles last, and then loaded as weights only.
WEIGHT_FILES = {
    "clip": (
        "open_clip_model.safetensors",
        "open_clip_pytorch_model.safetensors",
        "open_clip_pytorch_model.bin",
    ),
    "captioner": ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin"),
}

_VOCABULARIES = ("tokenizer.json", "vocab.txt", "vocab.json")

# open_clip's `PreprocessCfg` and transformers' BLIP defaults: OpenAI's mean and standard deviation.
_OPENAI_MEAN = (0.48145466, 0.4578275, 0.40821073)
_OPENAI_STD = (0.26862954, 0.26130258, 0.27577711)

# Pillow's numbers for resampling filters, as preprocessor_config.json carries them.
_PILLOW_FILTERS: dict[int, Interpolation] = {
    0: "nearest",
    1: "lanczos",
    2: "bilinear",
    3: "bicubic",
    4: "box",
    5: "hamming",
}


@dataclass(frozen=True)
class ModelIdentity:
    """What keys a vector or a caption: equal identities make comparable results.

    `revision`: the hub commit, or "local-" and a fingerprint of the files for a folder that was not fetched.
    `preprocess_version`: `input_spec.version`. `dim`: length of the vectors; 0 for captioners.
    """

    name: str
    revision: str
    preprocess_version: str
    dim: int
    input_spec: ModelInputSpec


def clip_spec(settings: Settings, preset: str | None = None) -> ModelIdentity:
    """The identity of a fetched image-text model.

    Raises `MODEL_UNKNOWN`, `MODEL_NOT_FETCHED`, `MODEL_FILES_INVALID`.
    """
    chosen = clip_preset(preset)
    return clip_identity(chosen.name, fetched_folder(settings, chosen))


def captioner_spec(settings: Settings, name: str | None = None) -> ModelIdentity:
    """The identity of a fetched captioner. Raises as `clip_spec`."""
    chosen = captioner_preset(name)
    return captioner_identity(chosen.name, fetched_folder(settings, chosen))


def fetched_folder(settings: Settings, preset: Preset) -> Path:
    """The preset's folder. Raises `MODEL_NOT_FETCHED` with what to do when it is not there."""
    folder = model_folder(settings, preset)
    if folder.is_dir():
        return folder
    remedy = (
        f"Run: loupe models fetch {preset.name}"
        if preset.repo
        else "It ships with the source checkout and is made by the demo's training script."
    )
    raise LoupeError(
        "MODEL_NOT_FETCHED",
        f"The {preset.kind} model '{preset.name}' is not on this machine. {remedy}",
        name=preset.name,
        folder=str(folder),
    )


def clip_identity(name: str, folder: Path) -> ModelIdentity:
    """Identity of the open_clip model in `folder`. Raises `MODEL_FILES_INVALID`."""
    config = _read_json(folder, "open_clip_config.json")
    try:
        model_cfg = config["model_cfg"]
        given = {key: value for key, value in config.get("preprocess_cfg", {}).items() if value is not None}
        interpolation = given.get("interpolation", "bicubic")
        spec = ModelInputSpec(
            size=_square(model_cfg["vision_cfg"].get("image_size", 224)),
            resize_mode=given.get("resize_mode", "shortest"),
            # "random" concerns training; open_clip's inference transform then takes bicubic.
            interpolation="bicubic" if interpolation == "random" else interpolation,
            mean=_per_channel(given.get("mean", _OPENAI_MEAN)),
            std=_per_channel(given.get("std", _OPENAI_STD)),
            fill_color=int(given.get("fill_color", 0)),
        )
        dim = int(model_cfg["embed_dim"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _invalid(folder, f"open_clip_config.json cannot be used: {error}") from error
    return ModelIdentity(name, _revision(folder, "clip"), spec.version, dim, spec)


def captioner_identity(name: str, folder: Path) -> ModelIdentity:
    """Identity of the transformers image-to-text model in `folder`. Raises `MODEL_FILES_INVALID`."""
    _read_json(folder, "config.json")
    if (folder / "preprocessor_config.json").is_file():
        config = _read_json(folder, "preprocessor_config.json")
    else:  # transformers 5 saves a whole processor as one file
        config = _read_json(folder, "processor_config.json").get("image_processor", {})
    try:
        spec = _image_processor_spec(config)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _invalid(folder, f"its image processor cannot be used: {error}") from error
    return ModelIdentity(name, _revision(folder, "captioner"), spec.version, 0, spec)


def weight_file(folder: Path, kind: str) -> Path:
    """The file with the weights. Raises `MODEL_FILES_INVALID` when there is none."""
    for name in WEIGHT_FILES[kind]:
        if (folder / name).is_file():
            return folder / name
    raise _invalid(folder, f"there are no weights ({' or '.join(WEIGHT_FILES[kind])})")


def require_tokenizer(folder: Path) -> None:
    """Raises `MODEL_FILES_INVALID` for a folder without vocabulary: transformers would make up an empty one."""
    if not any((folder / name).is_file() for name in _VOCABULARIES) and not list(folder.glob("*.model")):
        raise _invalid(folder, f"there is no tokenizer ({', '.join(_VOCABULARIES)} or *.model)")


def _image_processor_spec(config: dict[str, Any]) -> ModelInputSpec:
    """The spec of a transformers image processor whose input is one fixed square."""
    size = config.get("size", {"height": 384, "width": 384})
    mode: ResizeMode = "squash"
    if isinstance(size, dict) and "shortest_edge" in size:
        edge, mode = int(size["shortest_edge"]), "shortest"
    elif isinstance(size, dict):
        edge = _square([size["height"], size["width"]])
    else:
        edge = int(size)
    if config.get("do_center_crop"):
        crop = config.get("crop_size", size)
        crop_edge = _square([crop["height"], crop["width"]] if isinstance(crop, dict) else crop)
        if crop_edge != edge:
            raise ValueError(f"a crop of {crop_edge} after a resize to {edge} is not supported")
    elif mode == "shortest":
        raise ValueError("a picture that keeps its shape is not supported")
    normalise = config.get("do_normalize", True)
    return ModelInputSpec(
        size=edge,
        resize_mode=mode,
        interpolation=_PILLOW_FILTERS[int(config.get("resample", 3))],
        mean=_per_channel(config.get("image_mean", _OPENAI_MEAN)) if normalise else (0.0, 0.0, 0.0),
        std=_per_channel(config.get("image_std", _OPENAI_STD)) if normalise else (1.0, 1.0, 1.0),
    )


def _revision(folder: Path, kind: str) -> str:
    record = folder / RECORD_FILE
    if record.is_file():
        revision = _read_json(folder, RECORD_FILE).get("revision")
        if isinstance(revision, str) and revision:
            return revision
    return "local-" + _fingerprint(folder, kind)


def _fingerprint(folder: Path, kind: str) -> str:
    """Twelve hex digits over the configuration, the weights' size and 64 samples of them.

    Hashing gigabytes at every start would take seconds; retrained weights differ nearly everywhere, so
    samples tell.
    """
    digest = hashlib.sha256()
    config = folder / ("open_clip_config.json" if kind == "clip" else "config.json")
    digest.update(config.read_bytes())
    weights = weight_file(folder, kind)
    size = weights.stat().st_size
    digest.update(f"{weights.name} {size}".encode())
    with weights.open("rb") as file:
        for index in range(64):
            file.seek(max(0, size - 4096) * index // 63)
            digest.update(file.read(4096))
    return digest.hexdigest()[:12]


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    try:
        content = json.loads((folder / name).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise _invalid(folder, f"{name} is missing") from error
    except (OSError, ValueError) as error:
        raise _invalid(folder, f"{name} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise _invalid(folder, f"{name} is not an object")
    return content


def _invalid(folder: Path, reason: str) -> LoupeError:
    return LoupeError(
        "MODEL_FILES_INVALID",
        f"The model folder {folder} cannot be used: {reason}. Fetch it again, or copy it whole from a "
        "machine where `loupe models check` passes.",
        folder=str(folder),
    )


def _square(size: Any) -> int:
    edges = [int(edge) for edge in size] if isinstance(size, (list, tuple)) else [int(size)]
    if len(set(edges)) != 1:
        raise ValueError(f"an input of {edges} pixels is not square")
    return edges[0]


def _per_channel(values: Any) -> tuple[float, float, float]:
    if isinstance(values, (int, float)):
        values = [values] * 3
    red, green, blue = (float(value) for value in values)
    return red, green, blue
