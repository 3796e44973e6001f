"""Small real models in the hub's folder layout: a custom open_clip CLIP and a BLIP over a few words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

WORDS = ["a", "the", "of", "on", "red", "green", "blue", "cat", "dog", "boat", "tree", "house", "sun", "beach"]


def write_word_tokenizer(folder: Path, words: list[str], length: int) -> int:
    """A word-level tokenizer; answers the vocabulary's size."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: index for index, word in enumerate(["[PAD]", "[UNK]", "[BOS]", "[EOS]", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[BOS] $A [EOS]", special_tokens=[("[BOS]", 2), ("[EOS]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        bos_token="[BOS]",
        eos_token="[EOS]",
        sep_token="[EOS]",
        model_max_length=length,
    ).save_pretrained(folder)
    return len(vocabulary)


def write_tiny_clip(
    folder: Path, words: list[str] = WORDS, *, width: int = 32, size: int = 32, patch: int = 8, seed: int = 0
) -> Any:
    """A custom open_clip model of two small towers over a word-level vocabulary; answers the model."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    vocabulary = write_word_tokenizer(folder, words, 16)
    config = {
        "model_cfg": {
            "embed_dim": width,
            "custom_text": True,
            "vision_cfg": {
                "image_size": size,
                "layers": 2,
                "width": width,
                "head_width": 16,
                "patch_size": patch,
            },
            "text_cfg": {
                "context_length": 16,
                "vocab_size": vocabulary,
                "hf_tokenizer_name": "in-this-folder",
                "width": width,
                "heads": 2,
                "layers": 2,
                "no_causal_mask": True,
                "pool_type": "last",
                "pad_id": 0,
            },
        },
        "preprocess_cfg": {"mean": [0.4, 0.5, 0.6], "std": [0.2, 0.3, 0.25], "resize_mode": "squash"},
    }
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    torch.manual_seed(seed)
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    return model.eval()


def write_tiny_blip(folder: Path, words: list[str] = WORDS, *, width: int = 32, size: int = 32, seed: int = 0) -> Any:
    """A small BLIP over a word-level vocabulary; answers the model."""
    import torch
    from transformers import BlipConfig, BlipForConditionalGeneration, BlipImageProcessor

    folder.mkdir(parents=True)
    vocabulary = write_word_tokenizer(folder, words, 32)
    layers = {"hidden_size": width, "intermediate_size": 2 * width, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = BlipConfig(
        text_config={
            **layers,
            "vocab_size": vocabulary,
            "encoder_hidden_size": width,
            "max_position_embeddings": 32,
            "pad_token_id": 0,
            "bos_token_id": 2,
            "eos_token_id": 3,
            "sep_token_id": 3,
        },
        vision_config={**layers, "image_size": size, "patch_size": 8},
    )
    torch.manual_seed(seed)
    model = BlipForConditionalGeneration(config).eval()
    model.save_pretrained(folder)
    BlipImageProcessor(size={"height": size, "width": size}).save_pretrained(folder)
    return model


def random_images(count: int, size: int, seed: int = 0) -> np.ndarray:
    """uint8 `[count, size, size, 3]`: coloured blocks, different enough to tell apart."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return np.kron(blocks, np.ones((1, size // 4, size // 4, 1), np.uint8))
