"""BLIP's captions in fixed shapes: the same greedy tokens as transformers' `generate`, without its bookkeeping.

Keys and values of the picture are computed once a layer and those of the text are kept in buffers of their final
length; no step asks the device anything, so that a whole batch can be one CUDA graph. Attention is torch's fused one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from resources.device.patches import Normalisation, patch_embedding

if TYPE_CHECKING:
    import torch

__all__ = ["BlipCaptions"]

# Settings of `generate` that change what is said greedily, and the values at which they do not.
_PLAIN: dict[str, tuple[Any, ...]] = {
    "repetition_penalty": (None, 1.0),
    "encoder_repetition_penalty": (None, 1.0),
    "no_repeat_ngram_size": (None, 0),
    "encoder_no_repeat_ngram_size": (None, 0),
    "min_length": (None, 0),
    "min_new_tokens": (None, 0),
    "bad_words_ids": (None,),
    "suppress_tokens": (None,),
    "begin_suppress_tokens": (None,),
    "forced_bos_token_id": (None,),
    "forced_eos_token_id": (None,),
    "exponential_decay_length_penalty": (None,),
    "sequence_bias": (None,),
    "guidance_scale": (None, 1.0),
    "watermarking_config": (None,),
    "stop_strings": (None,),
    "max_time": (None,),
}


class BlipCaptions:
    """Token numbers `[n, 1 + most_tokens]` from uint8 `[n, size, size, 3]` on the model's device.

    The start token first, then what `generate(max_new_tokens=most_tokens, do_sample=False, num_beams=1)` says, then
    padding.
    """

    @classmethod
    def of(cls, model: Any, normalisation: Normalisation, most_tokens: int) -> BlipCaptions | None:
        """None for another family, or one whose settings ask for more than the most likely token."""
        import transformers

        if not isinstance(model, transformers.BlipForConditionalGeneration):
            return None
        settings = model.text_decoder.generation_config
        if any(getattr(settings, name, None) not in plain for name, plain in _PLAIN.items()):
            return None
        if most_tokens >= model.config.text_config.max_position_embeddings:
            return None
        embed = patch_embedding(model.vision_model.embeddings.patch_embedding, normalisation)
        return cls(model, embed, most_tokens) if embed else None

    def __init__(self, model: Any, embed: Any, most_tokens: int) -> None:
        import torch

        self._vision = model.vision_model
        self._text = model.text_decoder
        self._embed = embed
        self._most = most_tokens
        text = model.config.text_config
        self._start, self._end, self.padding = text.bos_token_id, text.sep_token_id, text.pad_token_id
        self._heads = text.num_attention_heads
        layers = self._text.bert.encoder.layer
        # Layers of this class's own; the others are the model's.
        self.joined = torch.nn.ModuleDict(
            {
                "query_key_value": torch.nn.ModuleList(
                    _joined(each.attention.self, "query", "key", "value") for each in layers
                ),
                "key_value": torch.nn.ModuleList(_joined(each.crossattention.self, "key", "value") for each in layers),
            }
        )

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        import torch
        from torch.nn.functional import scaled_dot_product_attention as attention

        picture = self.picture(images)
        count = len(images)
        bert, heads = self._text.bert, self._heads
        pictured = [_by_head(each(picture), 2, heads).contiguous() for each in self._layers("key_value")]
        query_key_value = self._layers("query_key_value")
        width = bert.embeddings.word_embeddings.weight.shape[1]
        shape = (len(pictured), 2, count, heads, self._most, width // heads)
        said = torch.empty(shape, dtype=picture.dtype, device=picture.device)
        tokens = torch.full((count, 1 + self._most), self.padding, dtype=torch.long, device=picture.device)
        tokens[:, 0] = self._start
        going = torch.ones(count, dtype=torch.bool, device=picture.device)
        for at in range(self._most):
            seen = bert.embeddings.word_embeddings(tokens[:, at : at + 1])
            seen = bert.embeddings.LayerNorm(seen + bert.embeddings.position_embeddings.weight[at])
            for number, layer in enumerate(bert.encoder.layer):
                mixed = _by_head(query_key_value[number](seen), 3, heads)
                said[number, :, :, :, at : at + 1] = mixed[1:]
                before = said[number, :, :, :, : at + 1]
                seen = layer.attention.output(_joined_heads(attention(mixed[0], *before)), seen)
                (query,) = _by_head(layer.crossattention.self.query(seen), 1, heads)
                seen = layer.crossattention.output(_joined_heads(attention(query, *pictured[number])), seen)
                seen = layer.feed_forward_chunk(seen)
            likeliest = self._text.cls(seen)[:, -1].float().argmax(dim=-1)
            tokens[:, at + 1] = likeliest.masked_fill(~going, self.padding)
            going = going & (likeliest != self._end)
            # Asking costs nothing here; a GPU would have to be waited for.
            if picture.device.type == "cpu" and not going.any():
                break
        return tokens

    def _layers(self, name: str) -> Sequence[Any]:
        return cast("Sequence[Any]", self.joined[name])

    def picture(self, images: torch.Tensor) -> torch.Tensor:
        """What the vision tower makes of uint8 `[n, size, size, 3]`: `[n, 1 + patches, width]`."""
        import torch
        from torch.nn.functional import scaled_dot_product_attention as attention

        first = self._vision.embeddings
        seen = self._embed(images)
        seen = torch.cat([first.class_embedding.to(seen.dtype).expand(len(images), 1, -1), seen], dim=1)
        seen = seen + first.position_embedding[:, : seen.shape[1]].to(seen.dtype)
        for layer in self._vision.encoder.layers:
            own = layer.self_attn
            query, key, value = _by_head(own.qkv(layer.layer_norm1(seen)), 3, own.num_heads)
            seen = seen + own.projection(_joined_heads(attention(query, key, value, scale=own.scale)))
            seen = seen + layer.mlp(layer.layer_norm2(seen))
        embedded: torch.Tensor = self._vision.post_layernorm(seen)
        return embedded


def _joined(module: Any, *names: str) -> torch.nn.Linear:
    """One linear layer for several over the same input."""
    import torch

    layers = [getattr(module, name) for name in names]
    weight = torch.cat([layer.weight for layer in layers])
    joined = torch.nn.Linear(weight.shape[1], weight.shape[0], device="meta")
    joined.weight = torch.nn.Parameter(weight, requires_grad=False)
    joined.bias = torch.nn.Parameter(torch.cat([layer.bias for layer in layers]), requires_grad=False)
    return joined


def _by_head(mixed: torch.Tensor, parts: int, heads: int) -> torch.Tensor:
    """`[parts, n, heads, length, width]` from `[n, length, parts * heads * width]`."""
    count, length, _ = mixed.shape
    return mixed.view(count, length, parts, heads, -1).permute(2, 0, 3, 1, 4)


def _joined_heads(attended: torch.Tensor) -> torch.Tensor:
    """`[n, length, heads * width]` from `[n, heads, length, width]`."""
    return attended.transpose(1, 2).flatten(2)
