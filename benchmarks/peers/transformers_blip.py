# /// script
# dependencies = [
#   "torch==2.15.0", "torchvision==0.29.2", "open_clip_torch==3.3.0", "pillow==13.0.0", "transformers==5.23.0",
#   "sentence-transformers==6.2.0", "imagededup==0.3.3.post2", "pyvips==3.2.0", "pyvips-binary==8.18.7",
# ]
# ///
"""Captions of a folder of photos by plain transformers: BLIP, fp32, batches of 8, greedy, at most 20 tokens.

transformers_blip.py MODEL_FOLDER PHOTOS

`seconds` is from the files to sentences: decoding, its processor, `generate`; one caption was made before.
"""

import json
import sys
import time
from pathlib import Path

BATCH, TOKENS = 8, 20


def main():
    started = time.perf_counter()
    import torch
    from PIL import Image
    from transformers import BlipForConditionalGeneration, BlipProcessor

    model_folder, photos = sys.argv[1:]
    processor = BlipProcessor.from_pretrained(model_folder)
    model = BlipForConditionalGeneration.from_pretrained(model_folder, dtype=torch.float32).eval()

    def captions(pictures):
        inputs = processor(images=pictures, return_tensors="pt")
        tokens = model.generate(**inputs, max_new_tokens=TOKENS, do_sample=False, num_beams=1)
        return processor.batch_decode(tokens, skip_special_tokens=True)

    paths = sorted(Path(photos).iterdir())
    before = time.perf_counter()
    captions([Image.new("RGB", (384, 384))])
    began, done = time.perf_counter(), 0
    for at in range(0, len(paths), BATCH):
        done += len(captions([Image.open(path).convert("RGB") for path in paths[at : at + BATCH]]))
    ended = time.perf_counter()
    print(json.dumps({"photos": done, "seconds": ended - began, "whole_seconds": ended - started - (began - before)}))


main()
