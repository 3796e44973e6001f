# /// script
# dependencies = [
#   "torch==2.15.0", "torchvision==0.29.2", "open_clip_torch==3.3.0", "pillow==13.0.0", "transformers==5.23.0",
#   "sentence-transformers==6.2.0", "imagededup==0.3.3.post2", "pyvips==3.2.0", "pyvips-binary==8.18.7",
# ]
# ///
"""Vectors of a folder of photos by plain open_clip: its own transform in a DataLoader, fp32, as its README shows.

open_clip_loader.py MODEL_FOLDER PHOTOS BATCH WORKERS
"""

import json
import sys
import time
from pathlib import Path

import open_clip
import torch
from PIL import Image


class Photos(torch.utils.data.Dataset):
    def __init__(self, folder, transform):
        self.paths, self.transform = sorted(Path(folder).iterdir()), transform

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, at):
        return self.transform(Image.open(self.paths[at]).convert("RGB"))


def main():
    model_folder, photos, batch, workers = sys.argv[1:]
    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{model_folder}")
    model.eval()
    loader = torch.utils.data.DataLoader(Photos(photos, transform), batch_size=int(batch), num_workers=int(workers))
    started, done = time.perf_counter(), 0
    with torch.no_grad():
        for images in loader:
            done += len(model.encode_image(images, normalize=True))
    print(json.dumps({"photos": done, "seconds": time.perf_counter() - started}))


main()
