"""Models by name: what is known, what is pinned, what is never a default."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from resources.errors import LoupeError
from resources.models import (
    CAPTIONERS,
    DEMO_MODEL,
    PRESETS,
    available,
    captioner_preset,
    clip_preset,
    model_folder,
    preset_by_name,
)
from resources.settings import Settings


def test_defaults_are_siglip2_and_blip_and_never_the_demo() -> None:
    assert clip_preset().name == "siglip2-b32"
    assert captioner_preset().name == "blip-base"
    assert not clip_preset().only_by_name
    assert not captioner_preset().only_by_name


def test_demo_model_comes_when_asked_for_by_name() -> None:
    assert clip_preset(DEMO_MODEL).only_by_name
    assert captioner_preset(DEMO_MODEL).only_by_name


def test_every_hub_preset_is_pinned_to_a_commit() -> None:
    for preset in [*PRESETS.values(), *CAPTIONERS.values()]:
        if preset.repo is not None:
            assert re.fullmatch(r"[0-9a-f]{40}", preset.revision), preset.name
            assert preset.download_bytes, preset.name


def test_every_clip_architecture_is_one_open_clip_builds() -> None:
    import open_clip

    for preset in PRESETS.values():
        if preset.repo is not None:
            assert preset.architecture in open_clip.list_models()


@pytest.mark.parametrize("name", ["clip", "SIGLIP2-B32", "", "blip-base", "../../etc"])
def test_unknown_name_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(LoupeError, match="siglip2-b32") as caught:
        clip_preset(name)
    assert caught.value.code == "MODEL_UNKNOWN"


@pytest.mark.parametrize("name", ["siglip2-b32", "a/b/c", "../evil", "owner/..", "/abs", "owner/na--me"])
def test_captioner_names_that_cannot_be_a_repository_are_refused(name: str) -> None:
    with pytest.raises(LoupeError) as caught:
        captioner_preset(name)
    assert caught.value.code == "MODEL_UNKNOWN"


def test_captioner_by_repository_has_its_own_folder(settings: Settings) -> None:
    preset = captioner_preset("microsoft/git-base-coco")
    assert preset.revision == "main"
    assert model_folder(settings, preset) == settings.home / "models" / "microsoft--git-base-coco"


def test_one_name_finds_either_kind() -> None:
    assert preset_by_name("siglip2-b16").kind == "clip"
    assert preset_by_name("blip-large").kind == "captioner"
    with pytest.raises(LoupeError, match="owner/name"):
        preset_by_name("nothing")


def test_available_tells_what_is_here(settings: Settings) -> None:
    assert not any(status.fetched for status in available(settings) if status.preset.repo)
    folder = settings.home / "models" / "siglip2-b32"
    by_repo = settings.home / "models" / "microsoft--git-base-coco"
    partial = settings.home / "models" / ".blip-base.partial"
    for made in (folder, by_repo, partial):
        made.mkdir(parents=True)
    (folder / "open_clip_config.json").write_text("{}")
    (by_repo / "config.json").write_text("{}")
    (partial / "config.json").write_text("{}")
    here = {status.preset.name: status for status in available(settings) if status.preset.repo and status.fetched}
    assert set(here) == {"siglip2-b32", "microsoft/git-base-coco"}
    assert here["siglip2-b32"].path == folder
    assert here["siglip2-b32"].bytes == 2


def test_checkout_models_are_found_from_any_directory(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = model_folder(settings, clip_preset(DEMO_MODEL))
    monkeypatch.chdir(tmp_path)
    assert model_folder(settings, clip_preset(DEMO_MODEL)) == before
    assert before.parts[-4:] == ("demo", "models", "demo-postcards", "clip")
    assert model_folder(settings, captioner_preset(DEMO_MODEL)).name == "captioner"
