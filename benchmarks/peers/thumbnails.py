# /// script
# dependencies = [
#   "torch==2.15.0", "torchvision==0.29.2", "open_clip_torch==3.3.0", "pillow==13.0.0", "transformers==5.23.0",
#   "sentence-transformers==6.2.0", "imagededup==0.3.3.post2", "pyvips==3.2.0", "pyvips-binary==8.18.7",
# ]
# ///
"""Two small pictures of each photo, long edges 1024 and 256, as JPEG in memory: pyvips and Pillow, one after the other.

thumbnails.py PHOTOS

One core; the smaller is made of the larger. pyvips reads the file at a fraction of its size (both from the file take it
longer); so does Pillow with `draft`, and without it at full size.
"""

import json
import os
import sys
import time
from io import BytesIO
from pathlib import Path

os.environ["VIPS_CONCURRENCY"] = "1"

import pyvips
from PIL import Image

EDGES, QUALITY = (1024, 256), 85


def vips(path):
    larger = pyvips.Image.thumbnail(str(path), EDGES[0]).copy_memory()
    return [picture.jpegsave_buffer(Q=QUALITY) for picture in (larger, larger.thumbnail_image(EDGES[1]))]


def pillow_draft(path):
    with Image.open(path) as picture:
        picture.draft("RGB", (EDGES[0], EDGES[0]))
        return shrunk(picture)


def pillow(path):
    with Image.open(path) as picture:
        picture.load()
        return shrunk(picture)


def shrunk(picture):
    written = []
    for edge in EDGES:
        picture.thumbnail((edge, edge))
        out = BytesIO()
        picture.save(out, "JPEG", quality=QUALITY)
        written.append(out.getvalue())
    return written


def main():
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    paths = sorted(Path(sys.argv[1]).iterdir())
    took = {}
    for name, make in {"pyvips": vips, "Pillow draft": pillow_draft, "Pillow": pillow}.items():
        make(paths[0])
        started = time.perf_counter()
        for path in paths:
            for data, edge in zip(make(path), EDGES, strict=True):
                assert max(Image.open(BytesIO(data)).size) == edge, (name, path)
        took[name] = time.perf_counter() - started
    print(json.dumps({"photos": len(paths), "seconds": took}))


main()
