"""Full-size models with seeded random weights, made once below `.bench/`."""

from __future__ import annotations

from pathlib import Path

from model_weights import write_blip, write_clip

__all__ = ["random_model", "random_models"]

_PLACE = Path(__file__).parents[1] / ".bench" / "models"


def random_model(preset: str) -> Path:
    """The folder of a preset's architecture."""
    folder = _PLACE / preset
    if not (folder / ".made").exists():
        (write_blip if preset.startswith("blip") else write_clip)(preset, folder)
        (folder / ".made").touch()
    return folder


def random_models(*presets: str) -> Path:
    """The folder that holds those folders, as a home's `models` does."""
    for preset in presets:
        random_model(preset)
    return _PLACE
