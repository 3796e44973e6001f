"""Normalisation folded into the patch embedding: the same numbers, for every kind of tower."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_models import random_images, write_tiny_clip

from resources.device.patches import byte_patches, embed_bytes, patch_embedding
from resources.imaging.model_input import ModelInputSpec
from resources.models.clip import normalised

SPEC = ModelInputSpec(
    32, "squash", "bicubic", (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
)
NORMALISATION = (SPEC.mean, SPEC.std)


def noise(count: int, height: int, width: int) -> Any:
    import torch

    pixels = np.random.default_rng(1).integers(0, 256, (count, height, width, 3), dtype=np.uint8)
    pixels[0, 0, 0], pixels[0, 0, 1] = 0, 255
    return torch.from_numpy(pixels)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("size", [32, 37])
def test_embedding_of_bytes_is_the_convolution_of_normalised_pixels(bias: bool, size: int) -> None:
    import torch

    torch.manual_seed(0)
    convolution = torch.nn.Conv2d(3, 48, 8, 8, bias=bias).requires_grad_(False)
    images = noise(3, size, size)
    theirs = convolution(normalised(images, SPEC, torch.float32)).flatten(2).transpose(1, 2)
    embed = patch_embedding(convolution, NORMALISATION)
    assert embed is not None
    assert torch.allclose(embed(images), theirs, atol=2e-6)


@pytest.mark.parametrize("name", ["float16", "bfloat16"])
def test_bytes_lose_nothing_in_half_precision_and_the_sum_no_more_than_before(name: str) -> None:
    import torch

    dtype = getattr(torch, name)
    images = noise(2, 16, 16)
    patches = byte_patches(images, 8, torch.tensor(-2.0, dtype=dtype))
    assert patches.dtype == dtype
    tiles = images.view(2, 2, 8, 2, 8, 3).permute(0, 1, 3, 2, 4, 5).reshape(2, 4, 192)
    assert torch.equal(patches.double(), tiles.double() / 64 - 2)

    torch.manual_seed(0)
    exact = torch.nn.Conv2d(3, 64, 8, 8).requires_grad_(False)
    theirs = exact(normalised(images, SPEC, torch.float32)).flatten(2).transpose(1, 2)
    half = torch.nn.Conv2d(3, 64, 8, 8).requires_grad_(False)
    half.load_state_dict(exact.state_dict())
    half.to(dtype)
    before = half(normalised(images, SPEC, dtype)).flatten(2).transpose(1, 2)
    embed = patch_embedding(half, NORMALISATION)
    assert embed is not None
    wrong, wrong_before = (embed(images) - theirs).pow(2).mean(), (before - theirs).pow(2).mean()
    assert wrong < 2 * wrong_before


@pytest.mark.parametrize(
    "given", [{"stride": 4}, {"padding": 2}, {"kernel_size": (8, 4), "stride": (8, 4)}, {"groups": 3}]
)
def test_other_convolutions_are_left_as_they_are(given: dict[str, Any]) -> None:
    import torch

    convolution = torch.nn.Conv2d(**({"in_channels": 3, "out_channels": 6, "kernel_size": 8, "stride": 8} | given))
    assert patch_embedding(convolution, NORMALISATION) is None


def test_tower_of_open_clip(tmp_path: Path) -> None:
    import torch

    model = write_tiny_clip(tmp_path / "tiny")
    images = torch.from_numpy(random_images(4, 32))
    with torch.inference_mode():
        theirs = model.encode_image(normalised(images, SPEC, torch.float32))
        assert embed_bytes(model.visual, NORMALISATION)
        assert torch.allclose(model.encode_image(images), theirs, atol=1e-5)


def test_tower_of_timm(tmp_path: Path) -> None:
    """SigLIP's: attention pooling, and at 14 pixels a patch a rest that no patch covers."""
    import open_clip
    import torch

    config = open_clip.get_model_config("ViT-B-16-SigLIP2")
    config["vision_cfg"]["timm_model_name"] = "vit_so400m_patch14_siglip_224"
    small = {"image_size": 32, "timm_model_pretrained": False}
    vision = open_clip.model.CLIPVisionCfg(**(config["vision_cfg"] | small))
    tower = open_clip.model._build_vision_tower(32, vision)
    import timm

    tower.trunk = timm.create_model(
        "vit_so400m_patch14_siglip_224", img_size=32, embed_dim=32, depth=2, num_heads=2, num_classes=0
    )
    tower = tower.eval().requires_grad_(False)
    images = torch.from_numpy(random_images(4, 32))
    with torch.inference_mode():
        theirs = tower(normalised(images, SPEC, torch.float32))
        assert embed_bytes(tower, NORMALISATION)
        assert torch.allclose(tower(images), theirs, atol=1e-5)


def test_tower_without_patches_is_refused_and_still_works() -> None:
    import open_clip
    import torch

    vision = open_clip.model.CLIPVisionCfg(layers=(1, 1, 1, 1), width=8, image_size=32, head_width=8)
    tower = open_clip.model._build_vision_tower(16, vision).eval()
    pixels = normalised(torch.from_numpy(random_images(2, 32)), replace(SPEC), torch.float32)
    with torch.inference_mode():
        before = tower(pixels)
        assert not embed_bytes(tower, NORMALISATION)
        assert torch.equal(tower(pixels), before)
