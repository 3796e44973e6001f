"""open_clip's image towers, rewritten for inference: the same numbers, with less work.

Belongs here: what can be left away or put together without changing what comes out. Not here: number formats
(`int8`), loading (`clip`).
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import nn

__all__ = ["for_inference"]


def for_inference(visual: nn.Module) -> nn.Module:
    """The tower, changed in place.

    CLIP's own towers answer the first token of the last block alone, so that block is worked out for it and no other
    (a fourteenth of ViT-B's arithmetic, a twenty-eighth of ViT-L's); their attention becomes two plain linear layers
    around `scaled_dot_product_attention`. Towers of timm stay as they are.
    """
    from open_clip.transformer import ResidualAttentionBlock, VisionTransformer

    if not isinstance(visual, VisionTransformer):
        return visual
    blocks = cast(nn.ModuleList, visual.transformer.resblocks)
    if not all(type(block) is ResidualAttentionBlock for block in blocks):
        return visual
    for block in blocks:
        block.attn = _Attention(cast(nn.MultiheadAttention, block.attn))
    if visual.attn_pool is None and visual.pool_type == "tok" and not visual.output_tokens:
        blocks[-1] = _FirstTokenBlock(blocks[-1])
    return visual


class _Attention(nn.Module):
    """`nn.MultiheadAttention` of a tower: `[n, tokens, width]`, nothing masked, no weights asked for."""

    def __init__(self, attention: nn.MultiheadAttention) -> None:
        super().__init__()
        self.heads = attention.num_heads
        self.taken_in = _linear(attention.in_proj_weight, attention.in_proj_bias)
        self.given_out = _linear(attention.out_proj.weight, attention.out_proj.bias)

    def forward(self, query: torch.Tensor, *_: torch.Tensor, **__: Any) -> tuple[torch.Tensor]:
        return (self.given_out(self._mixed(*self.taken_in(query).chunk(3, dim=-1))),)

    def _mixed(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        query, key, value = (each.unflatten(-1, (self.heads, -1)).transpose(1, 2) for each in (query, key, value))
        return nn.functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)


class _FirstTokenAttention(_Attention):
    """Attention of the first token to all: `[n, 1, width]` from `[n, tokens, width]`."""

    def __init__(self, attention: _Attention) -> None:
        nn.Module.__init__(self)
        self.heads, self.given_out = attention.heads, attention.given_out
        weight, bias = attention.taken_in.weight, attention.taken_in.bias
        width = weight.shape[1]
        self.asks = _linear(weight[:width], bias[:width])
        self.answers = _linear(weight[width:], bias[width:])

    def forward(self, query: torch.Tensor, *_: torch.Tensor, **__: Any) -> tuple[torch.Tensor]:
        return (self.given_out(self._mixed(self.asks(query[:, :1]), *self.answers(query).chunk(2, dim=-1))),)


class _FirstTokenBlock(nn.Module):
    """The last block for its first token: `[n, 1, width]` from `[n, tokens, width]`."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.ln_1, self.ls_1 = block.ln_1, block.ls_1
        self.ln_2, self.ls_2, self.mlp = block.ln_2, block.ls_2, block.mlp
        self.attn = _FirstTokenAttention(block.attn)

    def forward(self, seen: torch.Tensor, **_: Any) -> torch.Tensor:
        first = seen[:, :1] + self.ls_1(self.attn(self.ln_1(seen))[0])
        return cast(torch.Tensor, first + self.ls_2(self.mlp(self.ln_2(first))))


def _linear(weight: torch.Tensor, bias: torch.Tensor) -> nn.Linear:
    """A linear layer over weights that are there; none are drawn."""
    layer = nn.utils.skip_init(nn.Linear, weight.shape[1], weight.shape[0], device="meta")
    layer.weight, layer.bias = nn.Parameter(weight, requires_grad=False), nn.Parameter(bias, requires_grad=False)
    return layer
