"""A vision transformer's first step from bytes: mean and deviation live in its weights, so normalising costs nothing.

A patch embedding is linear, and so is normalising: W((u / 255 - mean) / std) + b = W'(u / 64 - 2) + b'. u / 64 - 2 is a
byte without rounding in fp16 and bf16 alike, of about the size that normalised values have, so W' is no coarser than W.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = ["Normalisation", "byte_patches", "embed_bytes", "folded", "patch_embedding"]

# Mean and deviation per channel, of values in 0..1.
Normalisation = tuple[tuple[float, float, float], tuple[float, float, float]]

_STEP = 1 / 64
_LEAST = -2.0


def folded(weight: torch.Tensor, bias: torch.Tensor | None, normalisation: Normalisation) -> tuple[Any, Any]:
    """Weight `[out, patch * patch * 3]` and bias `[out]`, fp32, for `byte_patches` instead of normalised pixels.

    `weight`: `[out, 3, patch, patch]`, a convolution's. Computed in fp64.
    """
    import torch

    mean, std = (torch.tensor(values, dtype=torch.float64, device=weight.device) for values in normalisation)
    exact = weight.double()
    # u = 64 x + 128 for x = u / 64 - 2.
    scaled = exact * (1 / (_STEP * 255 * std)).view(1, 3, 1, 1)
    middle = (-_LEAST / _STEP / 255 - mean) / std
    shift = (exact * middle.view(1, 3, 1, 1)).sum(dim=(1, 2, 3))
    if bias is not None:
        shift = shift + bias.double()
    return scaled.permute(0, 2, 3, 1).flatten(1).float(), shift.float()


def byte_patches(images: torch.Tensor, patch: int, least: torch.Tensor) -> torch.Tensor:
    """`[n, patches, patch * patch * 3]` of -2..1.98 from uint8 `[n, height, width, 3]`, row by row of patches.

    One kernel reads bytes and writes what the matrix product reads. `least`: -2 as a tensor without axes; its type and
    device are the answer's. What is left at the right and below of whole patches is passed over, as convolutions do.
    """
    import torch

    count, height, width, _ = images.shape
    rows, columns = height // patch, width // patch
    cut = images[:, : rows * patch, : columns * patch]
    tiles = cut.view(count, rows, patch, columns, patch, 3).permute(0, 1, 3, 2, 4, 5)
    if torch.compiler.is_compiling():  # makes one kernel of it by itself, and forgets how `out` lies in memory
        return torch.add(least, tiles, alpha=_STEP).reshape(count, rows * columns, patch * patch * 3)
    made = torch.empty(tiles.shape, dtype=least.dtype, device=images.device)
    torch.add(least, tiles, alpha=_STEP, out=made)
    return made.view(count, rows * columns, patch * patch * 3)


def patch_embedding(convolution: Any, normalisation: Normalisation) -> Callable[[torch.Tensor], torch.Tensor] | None:
    """`[n, patches, out]` from uint8 `[n, height, width, 3]`, as `convolution` makes them of normalised pixels.

    None where it is no plain embedding of patches that do not overlap.
    """
    import torch

    if not isinstance(convolution, torch.nn.Conv2d):
        return None
    patch = convolution.kernel_size[0]
    plain = (
        convolution.kernel_size == convolution.stride == (patch, patch)
        and convolution.padding == (0, 0)
        and convolution.dilation == (1, 1)
        and convolution.groups == 1
        and convolution.in_channels == 3
    )
    if not plain:
        return None
    dtype, device = convolution.weight.dtype, convolution.weight.device
    weight, bias = (each.to(dtype) for each in folded(convolution.weight, convolution.bias, normalisation))
    least = torch.tensor(_LEAST, dtype=dtype, device=device)
    return lambda images: torch.nn.functional.linear(byte_patches(images, patch, least), weight, bias)


def embed_bytes(visual: Any, normalisation: Normalisation) -> bool:
    """Has an open_clip vision tower take uint8 `[n, size, size, 3]` instead of normalised pixels; whether it can.

    Towers of open_clip's own and of timm; both go on with what their patch embedding answers.
    """
    trunk = getattr(visual, "trunk", visual)
    tiles = getattr(trunk, "patch_embed", None)
    if tiles is not None:  # timm's: [n, patches, width] after a norm that is none here
        embed = patch_embedding(getattr(tiles, "proj", None), normalisation)
        if embed is None or not getattr(tiles, "flatten", False) or getattr(trunk, "dynamic_img_size", False):
            return False
        norm = tiles.norm
        tiles.forward = lambda images: norm(embed(images))
        return True
    # open_clip's own: [n, width, patches], which it turns back without a copy
    convolution = getattr(visual, "conv1", None)
    embed = patch_embedding(convolution, normalisation) if hasattr(visual, "_embeds") else None
    if embed is None or convolution is None:
        return False
    convolution.forward = lambda images: embed(images).transpose(1, 2)
    return True
