"""The streaming step behind `decoded_images`, `embeddings` and `captions`: three assets, one pass over the photos."""

import threading
from collections.abc import Iterator

import dagster as dg

from assets.captions import captioning, captions_metadata, captions_now, captions_spec
from assets.decoded_images import decoded_images_metadata, decoded_images_spec
from assets.embeddings import embedding, embeddings_metadata, embeddings_spec, going
from assets.job_rows import ProgressReporter, job_row
from assets.partitions import PER_FOLDER_RUN, folders
from assets.photo_stream import PhotoStream, StreamLimits
from resources.engine import Engine
from resources.library import Library
from resources.models import GpuResource
from resources.vector_index import publish
from resources.wording import counted

__all__ = ["streamed_photos"]


@dg.multi_asset(
    specs=[decoded_images_spec, embeddings_spec, captions_spec],
    can_subset=True,
    pool="gpu",
    partitions_def=folders,
    backfill_policy=PER_FOLDER_RUN,
)
def streamed_photos(
    context: dg.AssetExecutionContext,
    library: dg.ResourceParam[Library],
    gpu: dg.ResourceParam[GpuResource],
    engine: dg.ResourceParam[Engine],
) -> Iterator[dg.MaterializeResult]:
    """Run the selected stages over what is pending, within the run's bounds."""
    stages = {key.to_user_string() for key in context.selected_asset_keys}
    keys = list(context.partition_keys)
    stop = threading.Event()
    # Captions that an ingest brings along are as far behind it as they can be; those of a run of their own wait.
    progress = ProgressReporter(context, library, stop, gives_way=stages == {"captions"})
    with job_row(context, library, counted(len(keys), "folder"), {"folders": keys}), library.ingesting():
        progress.begin()
        clip, captioner = library.use_models()
        # Captions asked for alone are wanted now, whatever an ingest would do.
        caption = stages == {"captions"} or ("captions" in stages and captions_now(library, gpu))
        stream = PhotoStream(
            library.manifest,
            library.home,
            engine,
            StreamLimits(library.settings.run_photos, library.settings.run_minutes * 60),
            embedding=embedding(library, gpu, clip),
            captioning=captioning(library, gpu, captioner) if caption else None,
            going=going(library, gpu, clip),
            on_flush=progress.flushed,
        )
        counts = stream.run(stages, keys, stop)
        progress.end(counts)
        if counts.captioned and "embeddings" not in stages:
            # Captions have no step after them that shows them: they never hold search back.
            publish(library.manifest, library.settings, clip)
    context.log.info(counts.told())
    metadata = {
        "decoded_images": lambda: decoded_images_metadata(counts, library),
        "embeddings": lambda: embeddings_metadata(counts, clip),
        "captions": lambda: captions_metadata(counts, captioner),
    }
    for name in metadata:
        if name in stages:
            yield dg.MaterializeResult(asset_key=name, metadata={**metadata[name](), "counts": counts.to_dict()})
