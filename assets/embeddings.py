"""Asset `embeddings`: a unit vector per picture by the image-text model in use."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import dagster as dg

from assets.partitions import folders
from assets.photo_stream import Embedding, StreamCounts
from resources.library import Library, result_key
from resources.model_change import going_model
from resources.models import GpuResource, ModelIdentity, load_clip

__all__ = ["embedding", "embeddings_metadata", "embeddings_spec", "going"]

embeddings_spec = dg.AssetSpec(
    "embeddings",
    deps=["decoded_images"],
    description="One unit vector per picture, by the image-text model in use.",
    partitions_def=folders,
    skippable=True,
    group_name="library",
    kinds={"pytorch"},
)


def embedding(library: Library, gpu: GpuResource, clip: ModelIdentity | None) -> Embedding | None:
    """How the stream is to embed; None when search by content is off."""
    if clip is None:
        return None
    return Embedding(result_key(clip), clip.input_spec, clip.dim, lambda: load_clip(library.settings, clip.name, gpu))


def going(library: Library, gpu: GpuResource, clip: ModelIdentity | None) -> Embedding | None:
    """How the model that goes is to embed the photos that arrive, while a change of model is under way; else None."""
    change = going_model(library, clip) if clip else None
    if change is None:
        return None
    before = embedding(library, gpu, change.model)
    return replace(before, since=change.since) if before else None


def embeddings_metadata(counts: StreamCounts, clip: ModelIdentity | None) -> dict[str, Any]:
    return {
        "embedded": counts.embedded,
        "images the model saw": counts.embedding_model_images,
        "images the model that goes saw": counts.going_model_images,
        "model": clip.name if clip else "none: search by content is off",
        "images/s on the device": round(counts.embedding_model_images / counts.embed_s, 2) if counts.embed_s else 0.0,
    }
