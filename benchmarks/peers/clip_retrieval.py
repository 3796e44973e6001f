# /// script
# dependencies = [
#   "torch==2.15.0", "torchvision==0.29.2", "clip-retrieval==2.45.0", "all_clip==1.3.0", "open_clip_torch==2.32.0",
#   "sentence-transformers==2.7.0", "transformers==4.57.6", "numpy==1.26.4", "pillow==13.0.0", "setuptools<81",
# ]
# ///
"""Vectors of a folder of photos by clip-retrieval's own inference, with its reader of files, writer and statistics.

clip_retrieval.py MODEL_FOLDER PHOTOS [BATCH] [WORKERS]

BATCH is 32 unless told (its default of 256 would warm up with more pictures than are measured), WORKERS one a core.
`seconds` is what it counts itself for its batches: reading, encoding and writing, without loading and warming up.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path


def main():
    started = time.perf_counter()
    from clip_retrieval import clip_inference

    model_folder, photos, batch, workers = [*sys.argv[1:], "32", str(os.cpu_count())][:4]
    with tempfile.TemporaryDirectory() as place:
        clip_inference(
            photos,
            place,
            batch_size=int(batch),
            num_prepro_workers=int(workers),
            clip_model=f"open_clip:ViT-B-32/{Path(model_folder).resolve()}/open_clip_model.safetensors",
        )
        ended = time.perf_counter()
        counted = json.loads((Path(place) / "stats" / "0.json").read_text(encoding="utf-8"))
    seconds = {"seconds": counted["total_duration"], "whole_seconds": ended - started}
    print("\n" + json.dumps({"photos": counted["sample_count"], **seconds}))


if __name__ == "__main__":
    main()
