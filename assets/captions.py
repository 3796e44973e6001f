"""Asset `captions`: a sentence per picture by the captioner in use, made after the vectors."""

from __future__ import annotations

from typing import Any

import dagster as dg

from assets.partitions import folders
from assets.photo_stream import Captioning, StreamCounts
from resources.library import Library, result_key
from resources.models import GpuResource, ModelIdentity, load_captioner

__all__ = ["captioning", "captions_metadata", "captions_now", "captions_spec"]

captions_spec = dg.AssetSpec(
    "captions",
    deps=["decoded_images"],
    description="One sentence per picture, by the captioner in use.",
    partitions_def=folders,
    skippable=True,
    group_name="library",
    kinds={"pytorch"},
)


def captions_now(library: Library, gpu: GpuResource) -> bool:
    """Whether an ingest captions too: as set, else only where a GPU makes it cheap."""
    if library.settings.captions:
        return library.settings.captions == "now"
    return gpu.is_gpu


def captioning(library: Library, gpu: GpuResource, captioner: ModelIdentity | None) -> Captioning | None:
    """How the stream is to caption; None without a captioner."""
    if captioner is None:
        return None
    return Captioning(
        result_key(captioner), captioner.input_spec, lambda: load_captioner(library.settings, captioner.name, gpu)
    )


def captions_metadata(counts: StreamCounts, captioner: ModelIdentity | None) -> dict[str, Any]:
    return {
        "captioned": counts.captioned,
        "images the captioner saw": counts.caption_model_images,
        "captioner": captioner.name if captioner else "none",
        "captions/s on the device": round(counts.caption_model_images / counts.caption_s, 2) if counts.caption_s else 0,
    }
