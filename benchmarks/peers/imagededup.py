# /// script
# dependencies = [
#   "torch==2.15.0", "torchvision==0.29.2", "open_clip_torch==3.3.0", "pillow==13.0.0", "transformers==5.23.0",
#   "sentence-transformers==6.2.0", "imagededup==0.3.3.post2", "pyvips==3.2.0", "pyvips-binary==8.18.7",
# ]
# ///
"""Duplicates in a folder by imagededup: perceptual hashes (`PHash`) with its defaults, as its README shows.

imagededup.py PHOTOS

Its other method, `CNN`, is left out: its weights are a download.
"""

import json
import sys
import time


def main():
    started = time.perf_counter()
    from imagededup.methods import PHash

    tool, began = PHash(verbose=False), time.perf_counter()
    hashes = tool.encode_images(image_dir=sys.argv[1])
    found = tool.find_duplicates(encoding_map=hashes)
    ended = time.perf_counter()
    pairs = sorted({tuple(sorted((name, other))) for name, others in found.items() for other in others})
    print(
        json.dumps(
            {"photos": len(hashes), "seconds": ended - began, "whole_seconds": ended - started, "duplicates": pairs}
        )
    )


if __name__ == "__main__":
    main()
