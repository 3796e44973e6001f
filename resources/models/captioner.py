"""The captioner: photos to one short sentence, by any transformers image-to-text model in a folder.

Belongs here: loading such a folder without the network, greedy generation and cleaning what it says. Not
here: resizing photos (`preprocess`), device and batches (`gpu`), presets.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from resources.device.blip import BlipCaptions
from resources.errors import LoupeError
from resources.imaging.model_input import ModelInputSpec, model_input
from resources.models.clip import normalised
from resources.models.gpu import GpuResource
from resources.models.identity import (
    ModelIdentity,
    captioner_identity,
    fetched_folder,
    require_tokenizer,
    weight_file,
)
from resources.models.photographs import photographs
from resources.models.presets import captioner_preset
from resources.settings import Settings

if TYPE_CHECKING:
    import torch

__all__ = ["MOST_TOKENS", "Captioner", "clean_caption", "load_captioner", "load_captioner_folder"]

# BLIP's captions average ten tokens and its own configuration stops at twenty.
MOST_TOKENS = 20

# Keys and values of 577 patches in twelve layers take about 20 MB an image in bf16.
_MOST_IMAGES = 64

# Words that captions in 8-bit arithmetic have in common with those in fp32.
_LEAST_ALIKE = 0.9
_FEW = 4

# blip-large is known to open captions with these non-words, left over from its training captions.
_NON_WORDS = re.compile(r"\b(?:there is an? )?(?:arafed|araffe|araffed|arafe)\b\s*", re.IGNORECASE)


class Captioner:
    """Photos to captions, greedily: the same photo gets the same caption. May be called from several threads."""

    def __init__(self, identity: ModelIdentity, model: Any, tokenizer: Any, gpu: GpuResource) -> None:
        self.identity = identity
        self._model = model
        self._tokenizer = tokenizer
        self._gpu = gpu
        spec = identity.input_spec
        # On Apple's GPUs it was never tried.
        fits = gpu.device.type != "mps"
        self._fixed = BlipCaptions.of(model, (spec.mean, spec.std), MOST_TOKENS) if fits else None
        self._pipeline = gpu.pipeline(self._fixed) if self._fixed and gpu.pipelined else None

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
    def input_spec(self) -> ModelInputSpec:
        return self.identity.input_spec

    def caption(self, images: np.ndarray) -> list[str]:
        """One sentence an image, no full stop, from uint8 `[n, size, size, 3]` (`preprocess.model_input`).

        A caption may be empty when the model says nothing but special tokens. Raises `OUT_OF_MEMORY`.
        """
        size = self.input_spec.size
        if images.dtype != np.uint8 or images.shape[1:] != (size, size, 3):
            raise ValueError(f"expected uint8 [n, {size}, {size}, 3], got {images.dtype} {list(images.shape)}")
        if self._pipeline:
            tokens = self._gpu.run_pipelined("caption", images, self._pipeline, most=_MOST_IMAGES)
            batches = [self._words(each) for each in tokens]
        else:
            batches = self._gpu.run_batches("caption", images, self._generate, most=_MOST_IMAGES)
        return [clean_caption(text) for batch in batches for text in batch]

    def warm(self) -> None:
        """Captions one blank picture, so that the first photo does not pay for the first call."""
        size = self.input_spec.size
        self.caption(np.full((1, size, size, 3), 128, np.uint8))

    @property
    def layers(self) -> torch.nn.ModuleList:
        """All layers that captions go through."""
        import torch

        return torch.nn.ModuleList([self._model, *([self._fixed.joined] if self._fixed else [])])

    def token_ids(self, batch: torch.Tensor) -> torch.Tensor:
        """The tokens generated for uint8 `[n, size, size, 3]` on the device, start token included, to the last end."""
        if self._fixed:
            tokens = self._fixed(batch)
            return tokens[:, : int((tokens != self._fixed.padding).any(dim=0).nonzero().max()) + 1]
        return self._model.generate(
            pixel_values=normalised(batch, self.input_spec, self._gpu.dtype),
            max_new_tokens=MOST_TOKENS,
            do_sample=False,
            num_beams=1,
        )

    def _generate(self, batch: torch.Tensor) -> list[str]:
        return self._words(self.token_ids(batch).cpu())

    def _words(self, tokens: Any) -> list[str]:
        return self._tokenizer.batch_decode(tokens, skip_special_tokens=True)


def clean_caption(text: str) -> str:
    """A caption fit for a person: one line, no stuttering, no non-words, no final full stop."""
    text = _NON_WORDS.sub("", " ".join(text.split()))
    text = re.sub(r"\s+([,.!?;:])", r"\1", text)
    words = text.split()
    for length in range(1, 5):
        words = _without_repeats(words, length)
    return " ".join(words).strip(" .,;:-")


def _without_repeats(words: list[str], length: int) -> list[str]:
    """`words` with runs of `length` words said again at once said once: greedy decoding may fall into a loop."""
    kept: list[str] = []
    at = 0
    while at < len(words):
        run = words[at : at + length]
        if len(run) == length and kept[-length:] == run:
            at += length
        else:
            kept.append(words[at])
            at += 1
    return kept


def load_captioner(settings: Settings, name: str | None, gpu: GpuResource) -> Captioner:
    """The captioner of a fetched preset or `owner/name`.

    Raises `MODEL_UNKNOWN`, `MODEL_NOT_FETCHED`, `MODEL_FILES_INVALID`, `DEVICE_UNAVAILABLE`. Never uses the
    network and runs no code from the model's repository.
    """
    chosen = captioner_preset(name)
    return load_captioner_folder(chosen.name, fetched_folder(settings, chosen), gpu)


def load_captioner_folder(name: str, folder: Path, gpu: GpuResource) -> Captioner:
    """The captioner in `folder`, of the class that its `config.json` names."""
    identity = captioner_identity(name, folder)
    weight_file(folder, "captioner")
    require_tokenizer(folder)
    _ = gpu.device
    import transformers

    transformers.utils.logging.disable_progress_bar()
    try:
        config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
        named = [getattr(transformers, architecture, None) for architecture in config.architectures or []]
        family = named[0] if named and named[0] is not None else transformers.AutoModelForImageTextToText
        model, problems = family.from_pretrained(
            folder, config=config, local_files_only=True, dtype=gpu.dtype, output_loading_info=True
        )
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except Exception as error:  # whatever a damaged file provokes in safetensors, torch or tokenizers
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise _invalid(name, folder, reason) from error
    # transformers fills what the weights lack with random numbers and only warns.
    lacking = sorted(problems["missing_keys"]) + sorted(str(key) for key in problems["mismatched_keys"])
    if lacking:
        raise _invalid(name, folder, f"the weights lack {len(lacking)} tensors, such as {lacking[0]}")
    captioner = Captioner(identity, gpu.place(model), tokenizer, gpu)
    gpu.take_int8(identity, captioner.layers, lambda: _captions_of_photographs(captioner), _worded_alike, _LEAST_ALIKE)
    return captioner


def _captions_of_photographs(captioner: Captioner) -> list[str]:
    """Of a few only: a caption takes a second."""
    shown = photographs()[:_FEW]
    return captioner.caption(np.stack([model_input(each.pixels, captioner.input_spec) for each in shown]))


def _worded_alike(one: list[str], other: list[str]) -> float:
    """The share of words that captions have in common, in order; 1 where all are the same."""
    shares = [SequenceMatcher(None, a.split(), b.split()).ratio() for a, b in zip(one, other, strict=True)]
    return float(np.mean(shares))


def _invalid(name: str, folder: Path, reason: str) -> LoupeError:
    return LoupeError(
        "MODEL_FILES_INVALID",
        f"The captioner '{name}' cannot be loaded from {folder}: {reason}. Fetch it again, or copy the "
        "folder whole from a machine where `loupe models check` passes.",
        folder=str(folder),
    )
