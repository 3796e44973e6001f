# /// script
# dependencies = [
#   "torch==2.15.0", "torchvision==0.29.2", "open_clip_torch==3.3.0", "pillow==13.0.0", "transformers==5.23.0",
#   "sentence-transformers==6.2.0", "imagededup==0.3.3.post2", "pyvips==3.2.0", "pyvips-binary==8.18.7",
# ]
# ///
"""Vectors of a folder of photos by sentence-transformers: `encode` of opened pictures in batches of 32, fp32.

sentence_transformers_clip.py MODEL_FOLDER PHOTOS

The image tower of MODEL_FOLDER is written as transformers' `CLIPModel` before the clock runs; the text tower is random.
All pictures are opened first and handed over together, as its documentation shows; they are decoded by its processor.
"""

import json
import re
import sys
import tempfile
import time
from pathlib import Path

# Names in open_clip and in transformers, the first pattern that fits.
RENAMED = {
    r"visual\.class_embedding": "vision_model.embeddings.class_embedding",
    r"visual\.positional_embedding": "vision_model.embeddings.position_embedding.weight",
    r"visual\.conv1\.": "vision_model.embeddings.patch_embedding.",
    r"visual\.ln_pre\.": "vision_model.pre_layrnorm.",
    r"visual\.ln_post\.": "vision_model.post_layernorm.",
    r"visual\.transformer\.resblocks\.(\d+)\.ln_": r"vision_model.encoder.layers.\1.layer_norm",
    r"visual\.transformer\.resblocks\.(\d+)\.attn\.": r"vision_model.encoder.layers.\1.self_attn.",
    r"visual\.transformer\.resblocks\.(\d+)\.mlp\.c_fc\.": r"vision_model.encoder.layers.\1.mlp.fc1.",
    r"visual\.transformer\.resblocks\.(\d+)\.mlp\.c_proj\.": r"vision_model.encoder.layers.\1.mlp.fc2.",
}


def renamed(weights):
    found = {"visual_projection.weight": weights["visual.proj"].T.contiguous()}
    for name, tensor in weights.items():
        for pattern, other in RENAMED.items():
            new, fits = re.subn("^" + pattern, other, name)
            if fits and ".in_proj_" in new:
                parts = zip("qkv", tensor.chunk(3), strict=True)
                found |= {new.replace("in_proj_", f"{letter}_proj."): part for letter, part in parts}
            elif fits:
                found[new] = tensor
    return found


def write(model_folder, folder):
    from safetensors.torch import load_file
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizer

    model = CLIPModel(CLIPConfig(vision_config={"hidden_act": "gelu"}, text_config={"hidden_act": "gelu"}))
    weights = renamed(load_file(Path(model_folder) / "open_clip_model.safetensors"))
    left = model.load_state_dict(weights, strict=False)
    assert not left.unexpected_keys, left
    assert all("text" in name or name == "logit_scale" for name in left.missing_keys), left
    model.save_pretrained(folder)
    tokenizer = CLIPTokenizer(vocab={"<|startoftext|>": 0, "<|endoftext|>": 1, "a</w>": 2}, merges=[])
    CLIPProcessor(CLIPImageProcessor(), tokenizer).save_pretrained(folder)


def encode(folder, photos):
    started = time.perf_counter()
    from PIL import Image
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(folder, device="cpu")
    before = time.perf_counter()
    model.encode([Image.new("RGB", (224, 224))], batch_size=32)
    began = time.perf_counter()
    vectors = model.encode([Image.open(path) for path in sorted(Path(photos).iterdir())], batch_size=32)
    ended = time.perf_counter()
    assert vectors.shape[1] == 512, vectors.shape
    return {"photos": len(vectors), "seconds": ended - began, "whole_seconds": ended - started - (began - before)}


def main():
    model_folder, photos = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        write(model_folder, folder)
        print(json.dumps(encode(folder, photos)))


main()
