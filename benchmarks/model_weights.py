"""Full-size models with seeded random weights, in the hub's folder layout.

Random weights change no arithmetic, so speed, memory and parity can be measured where real weights cannot be
downloaded. They match nothing: `loupe models check` refuses them, as it should.

    python benchmarks/model_weights.py siglip2-b32 FOLDER [--seed 0]
    python benchmarks/model_weights.py blip-base FOLDER
"""

from __future__ import annotations

import argparse
import json
import string
from pathlib import Path
from typing import Any

from resources.models import captioner_preset, clip_preset
from resources.models.presets import CAPTIONERS

# open_clip's preprocessing of the two families, as their hub folders carry it.
SIGLIP_PREPROCESS = {"mean": [0.5] * 3, "std": [0.5] * 3, "interpolation": "bicubic", "resize_mode": "squash"}
CLIP_PREPROCESS = {
    "mean": [0.48145466, 0.4578275, 0.40821073],
    "std": [0.26862954, 0.26130258, 0.27577711],
    "interpolation": "bicubic",
    "resize_mode": "shortest",
}


def write_clip(preset: str, folder: Path, seed: int = 0, small_text: bool = False) -> Any:
    """Writes and answers a random open_clip model of the preset's architecture.

    `small_text` cuts SigLIP 2's text tower to 512 tokens and four layers: a third of the bytes, for tests.
    """
    import open_clip
    import torch
    from safetensors.torch import save_file

    architecture = clip_preset(preset).architecture
    config = open_clip.get_model_config(architecture)
    if small_text and "hf_tokenizer_name" in config["text_cfg"]:
        config["text_cfg"] |= {"vocab_size": 512, "layers": 4}
    if preset == "clip-b32-openai":
        config["quick_gelu"] = True
    folder.mkdir(parents=True, exist_ok=True)
    preprocess = SIGLIP_PREPROCESS if "SigLIP" in architecture else CLIP_PREPROCESS
    write_json(folder / "open_clip_config.json", {"model_cfg": config, "preprocess_cfg": preprocess})
    torch.manual_seed(seed)
    model = open_clip.create_model(f"local-dir:{folder}", load_weights=False)
    save_file(model.state_dict(), folder / "open_clip_model.safetensors")
    if "hf_tokenizer_name" in config["text_cfg"]:
        write_gemma_tokenizer(folder)
    return model.eval()


def write_blip(preset: str, folder: Path, seed: int = 0) -> Any:
    """Writes and answers a random BLIP of the preset's size, with a word-piece tokenizer of single letters."""
    import torch
    from transformers import BertTokenizer, BlipConfig, BlipForConditionalGeneration

    sizes: dict[str, Any] = {}
    if preset == "blip-large":
        sizes = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16}
    config = BlipConfig(
        vision_config={"image_size": 384, **sizes},
        text_config={"encoder_hidden_size": sizes.get("hidden_size", 768)},
    )
    torch.manual_seed(seed)
    model = BlipForConditionalGeneration(config)
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces += [prefix + letter for prefix in ("", "##") for letter in string.ascii_lowercase]
    pieces += [f"word{index}" for index in range(30522 - len(pieces))]
    pieces += ["[DEC]", "[ENC]"]  # BLIP's start tokens, 30522 and 30523
    tokenizer = BertTokenizer(vocab={piece: index for index, piece in enumerate(pieces)})
    tokenizer.add_special_tokens({"bos_token": "[DEC]"})
    tokenizer.save_pretrained(folder)
    write_json(
        folder / "preprocessor_config.json",
        {
            "do_normalize": True,
            "do_resize": True,
            "image_mean": CLIP_PREPROCESS["mean"],
            "image_std": CLIP_PREPROCESS["std"],
            "image_processor_type": "BlipImageProcessor",
            "resample": 3,
            "size": {"height": 384, "width": 384},
        },
    )
    return model.eval()


def write_gemma_tokenizer(folder: Path) -> None:
    """A tokenizer of Gemma's kind (bytes and letters) with SigLIP 2's settings: end token, padding right."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    tokens = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    tokens += [f"<0x{byte:02X}>" for byte in range(256)]
    tokens += [letter for letter in ("\u2581" + string.ascii_letters + string.digits) if letter not in tokens]
    bpe = models.BPE(
        vocab={token: index for index, token in enumerate(tokens)},
        merges=[],
        unk_token="<unk>",
        fuse_unk=True,
        byte_fallback=True,
    )
    tokenizer = Tokenizer(bpe)
    tokenizer.add_special_tokens(tokens[:5])
    tokenizer.normalizer = normalizers.Replace(" ", "\u2581")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback()])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A:0 <eos>:0", pair="$A:0 <eos>:0 $B:1 <eos>:1", special_tokens=[("<eos>", 1)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    named = {"bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>", "unk_token": "<unk>"}
    write_json(folder / "special_tokens_map.json", named)
    write_json(
        folder / "tokenizer_config.json",
        named
        | {
            "add_bos_token": False,
            "add_eos_token": True,
            "model_max_length": 64,
            "padding_side": "right",
            "tokenizer_class": "GemmaTokenizer",
        },
    )


def write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("preset")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.preset in CAPTIONERS:
        write_blip(captioner_preset(arguments.preset).name, arguments.folder, arguments.seed)
    else:
        write_clip(arguments.preset, arguments.folder, arguments.seed)
    print(arguments.folder)


if __name__ == "__main__":
    main()
