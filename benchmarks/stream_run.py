"""A fresh process that takes folders in with the plain photo stream, one after the other, and says how long each took.

    python benchmarks/stream_run.py HOME MODEL CAPTIONER CAPTIONS FOLDER...

CAPTIONS is "now" or "off". The first folder pays for imports and loading, the last one is measured stage by stage too:
read and decoded without a model, then its model input embedded and captioned without anything else. Prints one line of
JSON.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

_BEGAN = time.perf_counter()


def main() -> None:
    home, model, captioner, captions, *folders = sys.argv[1:]
    from assets.captions import captioning
    from assets.embeddings import embedding
    from assets.photo_stream import PhotoStream, StreamLimits
    from resources.engine import LocalEngine
    from resources.inventory import add_root, take_inventory
    from resources.library import Library
    from resources.models import GpuResource
    from resources.settings import Settings
    from resources.watching import look

    def opened(home: str) -> tuple[Library, LocalEngine]:
        settings = Settings.load(home=Path(home), model=model, captioner=captioner)
        return Library(settings).open(), LocalEngine(settings)

    def taken_in(library: Library, engine: LocalEngine, folder: str, **models: Any) -> dict[str, float]:
        began = time.perf_counter()
        add_root(library.manifest, library.home, folder, library.settings.max_partitions)
        take_inventory(library.manifest, look(library.manifest, settle=False).due)
        stream = PhotoStream(library.manifest, library.home, engine, StreamLimits(1_000_000, 3600), **models)
        counts = stream.run({"decoded_images", "embeddings", "captions"}, None, threading.Event())
        originals = [path.stat().st_size for path in Path(folder).iterdir()]
        if counts.decoded != len(originals):
            raise SystemExit(f"{counts.decoded} of {len(originals)} photos were decoded")
        return {
            "photos": len(originals),
            "seconds": time.perf_counter() - began,
            "decode_s": counts.decode_s / engine.workers,
            "embed_s": counts.embed_s,
            "caption_s": counts.caption_s,
            "read_ratio": counts.bytes_read / sum(originals),
        }

    library, engine = opened(home)
    gpu = GpuResource(library.settings)
    clip, blip = library.use_models()
    # A stream loads its models anew; here they stay from one folder to the next.
    models = {
        name: replace(each, load=cache(each.load)) if each else None
        for name, each in (
            ("embedding", embedding(library, gpu, clip)),
            ("captioning", captioning(library, gpu, blip) if captions == "now" else None),
        )
    }
    runs = [taken_in(library, engine, folder, **models) for folder in folders]
    runs[0]["whole_seconds"] = time.perf_counter() - _BEGAN if len(runs) == 1 else 0.0
    told = {"runs": runs, "dtype": gpu.capabilities()["dtype"], "stages": {}}
    if len(folders) > 1:
        decoding = taken_in(*opened(f"{home}-decoding"), folders[-1], embedding=None, captioning=None)
        told["stages"] = stages(decoding, models)
    print(json.dumps(told))


def stages(decoding: dict[str, float], models: dict[str, Any]) -> dict[str, float]:
    """Seconds of each stage alone, for as many photos as `decoding` had."""
    import numpy as np

    count, random = int(decoding["photos"]), np.random.default_rng(0)
    alone = {"decode": decoding["seconds"]}
    for name, call in (("embedding", "embed_images"), ("captioning", "caption")):
        if models[name] is None:
            continue
        model = models[name].load()
        size = model.input_spec.size
        images = random.integers(0, 256, (count, size, size, 3), dtype=np.uint8)
        began = time.perf_counter()
        getattr(model, call)(images)
        alone[name] = time.perf_counter() - began
    return alone


if __name__ == "__main__":
    main()
