"""The check tells a model that sees from one that was loaded wrongly."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small_models import WORDS, write_tiny_blip, write_tiny_clip

from resources.errors import LoupeError
from resources.imaging.model_input import model_input
from resources.models import DEMO_MODEL, GpuResource, check, clip_preset
from resources.models.captioner import load_captioner_folder
from resources.models.check import Picture, check_captioner, check_clip, pictures
from resources.models.clip import load_clip_folder
from resources.models.identity import clip_identity
from resources.models.presets import ModelKind
from resources.settings import Settings


@pytest.fixture(scope="module")
def photographs() -> list[Picture]:
    return pictures(Settings(home=Path("/nonexistent")), clip_preset())


def caption_words(shown: list[Picture]) -> list[str]:
    return sorted({word for picture in shown for word in re.findall(r"\w+|'", picture.caption.lower())})


@pytest.fixture(scope="module")
def taught_clip(tmp_path_factory: pytest.TempPathFactory, photographs: list[Picture]) -> Path:
    """A small model that has learnt the fourteen photographs by heart."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("taught") / "clip"
    model = write_tiny_clip(folder, caption_words(photographs), width=48, size=32, patch=8)
    spec = clip_identity("taught", folder).input_spec
    images = torch.from_numpy(np.stack([model_input(picture.pixels, spec) for picture in photographs]))
    inputs = (images.permute(0, 3, 1, 2) / 255 - torch.tensor(spec.mean).view(3, 1, 1)) / torch.tensor(spec.std).view(
        3, 1, 1
    )
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")([picture.caption for picture in photographs])
    wanted = torch.arange(len(photographs))
    optimiser = torch.optim.Adam(model.parameters(), lr=2e-3)
    model.train()
    for _ in range(120):
        scores = 20 * model.encode_image(inputs, normalize=True) @ model.encode_text(tokens, normalize=True).T
        loss = (
            torch.nn.functional.cross_entropy(scores, wanted) + torch.nn.functional.cross_entropy(scores.T, wanted)
        ) / 2
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if loss < 0.02:
            break
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return folder


def test_photographs_are_there_without_a_download(photographs: list[Picture], no_network: list[Any]) -> None:
    assert len(photographs) >= 12
    assert len({picture.caption for picture in photographs}) == len(photographs)
    for picture in photographs:
        assert picture.pixels.dtype == np.uint8
        assert picture.pixels.ndim == 3
        assert min(picture.pixels.shape[:2]) > 100
        assert picture.pixels.std() > 5


def test_model_that_sees_passes(taught_clip: Path, photographs: list[Picture], gpu: GpuResource) -> None:
    report = check_clip(load_clip_folder("taught", taught_clip, gpu), photographs)
    assert report.fitting == len(photographs)
    assert all(item.expected == item.answered for item in report.items)


def damaged(folder: Path, to: Path, what: str) -> Path:
    """A copy that still loads and answers unit vectors, but wrongly."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(folder, to)
    weights = load_file(to / "open_clip_model.safetensors")
    if what == "channels":
        weights["visual.conv1.weight"] = weights["visual.conv1.weight"].flip(1).contiguous()
    elif what == "mean":
        config = json.loads((to / "open_clip_config.json").read_text())
        config["preprocess_cfg"] |= {"mean": [3.0, -2.0, 2.5], "std": [0.05, 2.0, 0.1]}
        (to / "open_clip_config.json").write_text(json.dumps(config))
    elif what == "one tensor":
        weights["visual.proj"] = weights["visual.proj"].flip(1).contiguous()
    else:
        tokenizer = json.loads((to / "tokenizer.json").read_text())
        words = tokenizer["model"]["vocab"]
        names = [name for name in words if not name.startswith("[")]
        tokenizer["model"]["vocab"] |= dict(zip(names, (words[name] for name in names[1:] + names[:1]), strict=True))
        (to / "tokenizer.json").write_text(json.dumps(tokenizer))
    save_file(weights, to / "open_clip_model.safetensors")
    return to


@pytest.mark.parametrize("what", ["mean", "one tensor", "tokenizer"])
def test_model_loaded_wrongly_fails(
    taught_clip: Path, photographs: list[Picture], gpu: GpuResource, tmp_path: Path, what: str
) -> None:
    encoder = load_clip_folder("taught", damaged(taught_clip, tmp_path / "wrong", what), gpu)
    with pytest.raises(LoupeError, match="loaded wrongly") as caught:
        check_clip(encoder, photographs)
    assert caught.value.code == "MODEL_CHECK_FAILED"
    assert len(caught.value.details["pictures"]) == len(photographs)


def test_random_weights_fail_by_name(settings: Settings, gpu: GpuResource, photographs: list[Picture]) -> None:
    write_tiny_clip(settings.home / "models" / "siglip2-b32", caption_words(photographs))
    with pytest.raises(LoupeError) as caught:
        check(settings, "siglip2-b32", gpu)
    assert caught.value.code == "MODEL_CHECK_FAILED"
    write_tiny_blip(settings.home / "models" / "blip-base", caption_words(photographs))
    with pytest.raises(LoupeError) as caught:
        check(settings, "blip-base", gpu)
    assert caught.value.code == "MODEL_CHECK_FAILED"


def test_folder_may_bring_its_own_pictures(settings: Settings) -> None:
    own = settings.home / "models" / "siglip2-b32" / "check"
    own.mkdir(parents=True)
    for name, colour in (("red.png", (200, 0, 0)), ("blue.png", (0, 0, 200))):
        Image.new("RGB", (40, 30), colour).save(own / name)
    (own / "captions.json").write_text(json.dumps({"red.png": "a red boat", "blue.png": "the blue house"}))
    shown = pictures(settings, clip_preset())
    assert [(picture.name, picture.caption) for picture in shown] == [
        ("red.png", "a red boat"),
        ("blue.png", "the blue house"),
    ]
    assert shown[0].words == ("red", "boat")
    assert shown[1].pixels[0, 0].tolist() == [0, 0, 200]


@pytest.mark.parametrize("kind", ["clip", "captioner"])
def test_demo_model_is_checked_with_postcards(settings: Settings, gpu: GpuResource, kind: ModelKind) -> None:
    report = check(settings, DEMO_MODEL, gpu, kind)
    assert (report.kind, len(report.items)) == (kind, 14)
    assert report.fitting >= report.needed
    assert all(item.picture.startswith("postcard-") for item in report.items)


def test_demo_model_is_never_judged_by_photographs(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resources.models.presets._CHECKOUT_MODELS", tmp_path)
    with pytest.raises(LoupeError, match="check_pictures") as caught:
        pictures(settings, clip_preset(DEMO_MODEL))
    assert caught.value.code == "MODEL_FILES_INVALID"


def test_captioner_that_sees_passes_and_one_that_repeats_itself_fails(tmp_path: Path, gpu: GpuResource) -> None:
    """A small BLIP learns six plain colours by heart; then its picture tower goes blind."""
    import torch
    from safetensors.torch import load_file, save_file
    from transformers import AutoTokenizer

    known = {
        "a red boat on the beach": (220, 20, 20),
        "the green tree": (20, 220, 20),
        "a blue house": (20, 20, 220),
        "the sun on the beach": (240, 240, 20),
        "a dog": (20, 20, 20),
        "the cat of the house": (240, 240, 240),
    }
    shown = [
        Picture(caption, np.full((32, 32, 3), colour, np.uint8), caption, (caption.split()[-1],))
        for caption, colour in known.items()
    ]
    folder = tmp_path / "taught"
    model = write_tiny_blip(folder, WORDS)
    captioner = load_captioner_folder("taught", folder, gpu)
    spec = captioner.input_spec
    images = torch.from_numpy(np.stack([picture.pixels for picture in shown])).permute(0, 3, 1, 2) / 255
    inputs = (images - torch.tensor(spec.mean).view(3, 1, 1)) / torch.tensor(spec.std).view(3, 1, 1)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    tokens = tokenizer([picture.caption for picture in shown], return_tensors="pt", padding=True).input_ids
    labels = tokens.masked_fill(tokens == 0, -100)
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
    model.train()
    for _ in range(150):
        loss = model(pixel_values=inputs, input_ids=tokens, labels=labels).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if loss < 0.05:
            break
    model.eval().save_pretrained(folder)

    report = check_captioner(load_captioner_folder("taught", folder, gpu), shown)
    assert [item.answered for item in report.items] == [picture.caption for picture in shown]

    weights = load_file(folder / "model.safetensors")
    weights["vision_model.embeddings.patch_embedding.weight"].zero_()
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(LoupeError, match="different captions") as caught:
        check_captioner(load_captioner_folder("taught", folder, gpu), shown)
    assert caught.value.code == "MODEL_CHECK_FAILED"
