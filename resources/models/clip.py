"""The image-text encoder: photos and words to vectors of one space, by any open_clip model in a folder.

Belongs here: loading an open_clip folder without the network, and encoding. Not here: resizing photos
(`preprocess`), device and batches (`gpu`), presets.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from resources.device.patches import embed_bytes
from resources.device.pipeline import Pipeline
from resources.errors import LoupeError
from resources.imaging.model_input import ModelInputSpec, model_input
from resources.models.gpu import GpuResource
from resources.models.identity import (
    ModelIdentity,
    clip_identity,
    fetched_folder,
    require_tokenizer,
    weight_file,
)
from resources.models.photographs import photographs
from resources.models.presets import clip_preset
from resources.settings import Settings

if TYPE_CHECKING:
    import torch

__all__ = ["ClipEncoder", "centred_cosine", "load_clip", "load_clip_folder", "normalised"]

# How alike vectors in 8-bit arithmetic have to be to those in fp32: at .996 one photo in ten had another nearest one.
_LEAST_COSINE = 0.998
# Texts are short: more in a batch only delays the first answer.
_MOST_TEXTS = 64


class ClipEncoder:
    """Photos and texts to unit vectors. Safe to call from several threads."""

    def __init__(
        self,
        identity: ModelIdentity,
        model: Any,
        tokenizer: Callable[[list[str]], torch.Tensor],
        gpu: GpuResource,
    ) -> None:
        self.identity = identity
        self._tokenizer = tokenizer
        self._gpu = gpu
        self._encode_image = _image_encoder(model, identity.input_spec, gpu)
        self._encode_text = _text_encoder(model)

    @property
    def name(self) -> str:
        return self.identity.name

    @property
    def revision(self) -> str:
        return self.identity.revision

    @property
    def preprocess_version(self) -> str:
        return self.identity.preprocess_version

    @property
    def dim(self) -> int:
        return self.identity.dim

    @property
    def input_spec(self) -> ModelInputSpec:
        return self.identity.input_spec

    def embed_images(self, images: np.ndarray) -> np.ndarray:
        """float32 `[n, dim]` of unit norm from uint8 `[n, size, size, 3]` (`preprocess.model_input`).

        Raises `EMBED_FAILED` with the positions in `details["indexes"]` when a vector is not finite, and
        `OUT_OF_MEMORY`.
        """
        size = self.input_spec.size
        if images.dtype != np.uint8 or images.shape[1:] != (size, size, 3):
            raise ValueError(f"expected uint8 [n, {size}, {size}, 3], got {images.dtype} {list(images.shape)}")
        return self._vectors("embed_images", images, self._encode_image)

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """float32 `[n, dim]` of unit norm, one row a text."""
        if isinstance(texts, str):
            raise TypeError("embed_texts takes a list of texts")
        tokens = self._tokenizer(list(texts)).numpy() if texts else np.empty((0, 1), np.int64)
        return self._vectors("embed_texts", tokens, self._encode_text, most=_MOST_TEXTS)

    def unknown_words(self, text: str) -> list[str]:
        """The words of `text` that a word-level vocabulary lacks, in order; [] for real tokenizers."""
        backend = getattr(getattr(self._tokenizer, "tokenizer", None), "backend_tokenizer", None)
        if backend is None or type(backend.model).__name__ != "WordLevel":
            return []
        cleaned = self._tokenizer.clean_fn(text)  # type: ignore[attr-defined]
        if backend.normalizer is not None:
            cleaned = backend.normalizer.normalize_str(cleaned)
        if backend.pre_tokenizer is not None:
            words = [word for word, _ in backend.pre_tokenizer.pre_tokenize_str(cleaned)]
        else:
            words = cleaned.split()
        unknown = [word for word in words if re.search(r"\w", word) and backend.model.token_to_id(word) is None]
        return list(dict.fromkeys(unknown))

    def warm(self) -> None:
        """Runs one text and one blank picture, so that the first search does not pay for the first call."""
        self.embed_texts(["a photo"])
        size = self.input_spec.size
        self.embed_images(np.full((1, size, size, 3), 128, np.uint8))

    def _vectors(
        self, stage: str, items: np.ndarray, encode: Callable[[Any], Any] | Pipeline, most: int | None = None
    ) -> np.ndarray:
        if isinstance(encode, Pipeline):
            parts = self._gpu.run_pipelined(stage, items, encode, most=most)
        else:
            unit = _unit_vectors(encode)
            parts = self._gpu.run_batches(stage, items, lambda batch: unit(batch).cpu().numpy(), most=most)
        vectors = np.concatenate(parts) if parts else np.empty((0, self.dim), np.float32)
        bad = np.flatnonzero(~(np.abs(np.linalg.norm(vectors, axis=1) - 1) < 1e-3))
        if len(bad):
            raise LoupeError(
                "EMBED_FAILED",
                f"The model {self.name} answered no usable vector for {len(bad)} of {len(vectors)} inputs. "
                "Setting LOUPE_DTYPE=fp32 may help.",
                indexes=bad.tolist(),
            )
        return vectors


def _unit_vectors(encode: Callable[[Any], Any]) -> Callable[[Any], Any]:
    import torch

    return lambda batch: torch.nn.functional.normalize(encode(batch).float(), dim=-1)


def _image_encoder(model: Any, spec: ModelInputSpec, gpu: GpuResource) -> Callable[[Any], Any] | Pipeline:
    """How uint8 `[n, size, size, 3]` become `[n, dim]`; as a pipeline, unit vectors, where the device wants one."""

    def from_pixels(images: torch.Tensor) -> Any:
        return model.encode_image(normalised(images, spec, gpu.dtype))

    if not gpu.pipelined:
        return gpu.compiled(from_pixels)
    # What is normalised for each batch takes its constants from the host, which a graph cannot.
    takes_bytes = embed_bytes(model.visual, (spec.mean, spec.std))
    encode = gpu.compiled(model.encode_image if takes_bytes else from_pixels, dynamic=None)
    return gpu.pipeline(_unit_vectors(encode), graphs=takes_bytes)


def _text_encoder(model: Any) -> Callable[[Any], Any]:
    """How texts are encoded: `[n, dim]` from tokens `[n, context]`.

    CLIP's own text encoder looks back only and takes what stands at the end of a text, so what is behind the longest of
    a batch is left away: of 77 places a query fills some ten. Others look at their padding too.
    """
    import open_clip
    import torch

    if not isinstance(model, open_clip.CLIP) or model.attn_mask is None or model.text_pool_type != "argmax":
        encode: Callable[[Any], Any] = model.encode_text
        return encode

    def encode_to_the_end(tokens: torch.Tensor) -> torch.Tensor:
        ends = tokens.argmax(dim=-1)  # the end has the highest number
        length = int(ends.max()) + 1
        dtype = model.transformer.get_cast_dtype()
        seen = model.token_embedding(tokens[:, :length]).to(dtype) + model.positional_embedding[:length].to(dtype)
        seen = model.ln_final(model.transformer(seen, attn_mask=model.attn_mask[:length, :length]))
        pooled = seen[torch.arange(len(ends), device=ends.device), ends]
        match model.text_projection:
            case None:
                return pooled
            case torch.nn.Linear() as projection:
                return projection(pooled)
            case matrix:
                return pooled @ matrix

    return encode_to_the_end


def normalised(images: torch.Tensor, spec: ModelInputSpec, dtype: torch.dtype) -> torch.Tensor:
    """`[n, 3, size, size]` in `dtype`, mean and deviation applied, from uint8 `[n, size, size, 3]`.

    One multiply-add in fp32: x / 255 / std - mean / std.
    """
    import torch

    scale = torch.tensor([1 / (255 * deviation) for deviation in spec.std], device=images.device)
    shift = torch.tensor(
        [-mean / deviation for mean, deviation in zip(spec.mean, spec.std, strict=True)], device=images.device
    )
    return torch.addcmul(shift, images.float(), scale).permute(0, 3, 1, 2).to(dtype)


def load_clip(settings: Settings, preset: str | None, gpu: GpuResource) -> ClipEncoder:
    """The encoder of a fetched preset.

    Raises `MODEL_UNKNOWN`, `MODEL_NOT_FETCHED`, `MODEL_FILES_INVALID`, `DEVICE_UNAVAILABLE`. Never uses the
    network.
    """
    chosen = clip_preset(preset)
    return load_clip_folder(chosen.name, fetched_folder(settings, chosen), gpu)


def load_clip_folder(name: str, folder: Path, gpu: GpuResource) -> ClipEncoder:
    """The encoder in `folder`, its architecture built from the folder's own `open_clip_config.json`."""
    identity = clip_identity(name, folder)
    weights = weight_file(folder, "clip")
    _ = gpu.device
    try:
        with _quiet_loading():
            model = _build(folder, weights, gpu.dtype)
            tokenizer = _tokenizer(folder)
    except LoupeError:
        raise
    except Exception as error:  # whatever a damaged file provokes in safetensors, torch or tokenizers
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise LoupeError(
            "MODEL_FILES_INVALID",
            f"The model '{name}' cannot be loaded from {folder}: {reason}. Fetch it again, or copy the "
            "folder whole from a machine where `loupe models check` passes.",
            folder=str(folder),
        ) from error
    model = gpu.place(model)
    encoder = ClipEncoder(identity, model, tokenizer, gpu)
    gpu.take_int8(identity, model.visual, lambda: _vectors_of_photographs(encoder), centred_cosine, _LEAST_COSINE)
    return encoder


def _vectors_of_photographs(encoder: ClipEncoder) -> np.ndarray:
    return encoder.embed_images(np.stack([model_input(each.pixels, encoder.input_spec) for each in photographs()]))


def centred_cosine(one: np.ndarray, other: np.ndarray) -> float:
    """The least cosine between rows of two `[n, dim]`, less their mean rows: what tells one photo from another."""
    one, other = one - one.mean(axis=0), other - other.mean(axis=0)
    return float(((one * other).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)).min())


def _build(folder: Path, weights: Path, dtype: torch.dtype) -> Any:
    """The model on the CPU in `dtype`.

    open_clip builds and converts, but neither draws the random numbers that the weights overwrite (8 s of 11 for
    siglip2-b32 on one core) nor copies them: tensors are taken from the mapped file, cast as they come.
    """
    import open_clip
    import torch
    from torch.overrides import TorchFunctionMode

    from resources.models.image_tower import for_inference

    random_fills = {
        torch.Tensor.normal_,
        torch.Tensor.uniform_,
        torch.Tensor.erfinv_,
        torch.nn.init.normal_,
        torch.nn.init.uniform_,
        torch.nn.init.trunc_normal_,
        torch.nn.init.kaiming_normal_,
        torch.nn.init.kaiming_uniform_,
        torch.nn.init.xavier_normal_,
        torch.nn.init.xavier_uniform_,
    }

    class WithoutRandomFills(TorchFunctionMode):
        def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if function in random_fills:
                return args[0] if args else kwargs["tensor"]
            return function(*args, **(kwargs or {}))

    with WithoutRandomFills():
        model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)

    def take(state: dict[str, torch.Tensor], strict: bool) -> Any:
        state = {key: value.to(dtype) if value.is_floating_point() else value for key, value in state.items()}
        return type(model).load_state_dict(model, state, strict=strict, assign=True)

    # `load_checkpoint` maps other layouts to open_clip's and ends in `load_state_dict`; strict, so that nothing
    # stays unfilled.
    model.load_state_dict = take
    open_clip.load_checkpoint(model, str(weights), strict=True)
    del model.load_state_dict
    model.visual = for_inference(model.visual)
    return model


def _tokenizer(folder: Path) -> Any:
    """The folder's own tokenizer, or CLIP's byte pairs, which open_clip carries."""
    import open_clip

    config = open_clip.get_model_config(f"local-dir:{folder}")
    if not config["text_cfg"].get("hf_tokenizer_name"):
        return open_clip.get_tokenizer(f"local-dir:{folder}")
    require_tokenizer(folder)
    return open_clip.get_tokenizer(f"local-dir:{folder}", local_files_only=True)


@contextlib.contextmanager
def _quiet_loading() -> Any:
    """open_clip reports each loading step to the root logger; that weights are loaded later is known here."""
    import logging

    root = logging.getLogger()
    level = root.level
    root.setLevel(max(level, logging.ERROR))
    try:
        yield
    finally:
        root.setLevel(level)
