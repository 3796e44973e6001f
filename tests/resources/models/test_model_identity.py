"""Identities come from a folder's configuration, quickly and without torch."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from resources.errors import LoupeError
from resources.models import captioner_spec, clip_spec
from resources.models.identity import captioner_identity, clip_identity
from resources.settings import Settings

SIGLIP = {
    "model_cfg": {"embed_dim": 768, "vision_cfg": {"image_size": 256}, "text_cfg": {}},
    "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"},
}
BLIP = {
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "resample": 3,
    "size": {"height": 384, "width": 384},
}


def clip_folder(folder: Path, config: dict[str, Any], weights: bytes = b"weights" * 5000) -> Path:
    folder.mkdir(parents=True)
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    (folder / "open_clip_model.safetensors").write_bytes(weights)
    return folder


def captioner_folder(folder: Path, processor: dict[str, Any], name: str = "preprocessor_config.json") -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / name).write_text(json.dumps(processor))
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def test_siglip_folder(tmp_path: Path) -> None:
    identity = clip_identity("siglip2-b32", clip_folder(tmp_path / "m", SIGLIP))
    spec = identity.input_spec
    assert (identity.dim, spec.size, spec.resize_mode, spec.interpolation) == (768, 256, "squash", "bicubic")
    assert spec.mean == (0.5, 0.5, 0.5)
    assert identity.preprocess_version == spec.version


def test_missing_preprocessing_takes_open_clips_defaults(tmp_path: Path) -> None:
    from open_clip.transform import PreprocessCfg

    bare = {"model_cfg": {"embed_dim": 512, "vision_cfg": {"image_size": [224, 224]}}}
    spec = clip_identity("m", clip_folder(tmp_path / "m", bare)).input_spec
    theirs = PreprocessCfg()
    assert (spec.mean, spec.std) == (theirs.mean, theirs.std)
    assert (spec.resize_mode, spec.interpolation) == (theirs.resize_mode, theirs.interpolation)


def test_blip_folder_with_either_processor_file(tmp_path: Path) -> None:
    old = captioner_identity("blip", captioner_folder(tmp_path / "old", BLIP))
    new = captioner_identity(
        "blip", captioner_folder(tmp_path / "new", {"image_processor": BLIP}, "processor_config.json")
    )
    assert old.input_spec == new.input_spec
    assert (old.input_spec.size, old.input_spec.resize_mode, old.dim) == (384, "squash", 0)


def test_processor_that_crops_is_shortest_then_crop(tmp_path: Path) -> None:
    git = BLIP | {"size": {"shortest_edge": 224}, "do_center_crop": True, "crop_size": {"height": 224, "width": 224}}
    spec = captioner_identity("git", captioner_folder(tmp_path / "m", git)).input_spec
    assert (spec.size, spec.resize_mode) == (224, "shortest")


@pytest.mark.parametrize(
    "processor",
    [
        {"size": {"shortest_edge": 256}, "do_center_crop": True, "crop_size": 224},
        {"size": {"shortest_edge": 256}},
        {"size": {"height": 384, "width": 256}},
        {"size": {"max_patches": 2048}},
        {"resample": 17},
    ],
)
def test_processor_without_one_fixed_square_is_refused(tmp_path: Path, processor: dict[str, Any]) -> None:
    with pytest.raises(LoupeError, match="image processor") as caught:
        captioner_identity("m", captioner_folder(tmp_path / "m", BLIP | processor))
    assert caught.value.code == "MODEL_FILES_INVALID"


@pytest.mark.parametrize(
    "content", ["", "[]", "{", "{}", '{"model_cfg": {}}', '{"model_cfg": {"embed_dim": 1, "vision_cfg": null}}']
)
def test_damaged_configuration_is_named(tmp_path: Path, content: str) -> None:
    folder = clip_folder(tmp_path / "m", SIGLIP)
    (folder / "open_clip_config.json").write_text(content)
    with pytest.raises(LoupeError, match=r"open_clip_config\.json") as caught:
        clip_identity("m", folder)
    assert caught.value.code == "MODEL_FILES_INVALID"


def test_folder_without_weights_is_refused(tmp_path: Path) -> None:
    folder = clip_folder(tmp_path / "m", SIGLIP)
    (folder / "open_clip_model.safetensors").unlink()
    with pytest.raises(LoupeError, match="no weights"):
        clip_identity("m", folder)


def test_recorded_commit_is_the_revision(tmp_path: Path) -> None:
    folder = clip_folder(tmp_path / "m", SIGLIP)
    (folder / "loupe-model.json").write_text(json.dumps({"revision": "0123abcd"}))
    assert clip_identity("m", folder).revision == "0123abcd"


def test_copied_folder_is_told_apart_by_its_weights(tmp_path: Path) -> None:
    weights = bytes(range(256)) * 4000
    first = clip_identity("m", clip_folder(tmp_path / "a", SIGLIP, weights)).revision
    same = clip_identity("m", clip_folder(tmp_path / "b", SIGLIP, weights)).revision
    retrained = clip_identity("m", clip_folder(tmp_path / "c", SIGLIP, weights[::-1])).revision
    longer = clip_identity("m", clip_folder(tmp_path / "d", SIGLIP, weights + b"x")).revision
    assert first.startswith("local-")
    assert first == same
    assert len({first, retrained, longer}) == 3


def test_model_that_is_not_here_names_the_command(settings: Settings) -> None:
    with pytest.raises(LoupeError, match="loupe models fetch siglip2-b32") as caught:
        clip_spec(settings)
    assert caught.value.code == "MODEL_NOT_FETCHED"
    with pytest.raises(LoupeError, match="loupe models fetch blip-base"):
        captioner_spec(settings)


def test_identity_needs_no_torch_and_milliseconds(settings: Settings) -> None:
    clip_folder(settings.home / "models" / "siglip2-b32", SIGLIP, b"x" * 50_000_000)
    code = (
        "import sys; from resources.models import clip_spec; from resources.settings import Settings\n"
        f"clip_spec(Settings(home={str(settings.home)!r}))\n"
        "heavy = {'torch', 'open_clip', 'transformers', 'huggingface_hub', 'skimage'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    took = []
    for _ in range(5):
        start = time.perf_counter()
        clip_spec(settings)
        took.append(time.perf_counter() - start)
    assert min(took) < 0.05
