"""Asset `near_duplicates`: groups of photos that show the same, from their bytes, pixels, pictures and vectors."""

import dagster as dg

from assets.job_rows import interrupt, job_row, stop_reason
from resources.duplicates import ContentModel, find_duplicates
from resources.library import Library, result_key
from resources.models import GpuResource, load_clip

__all__ = ["near_duplicates"]


@dg.asset(deps=["embeddings"], group_name="search", kinds={"python"})
def near_duplicates(
    context: dg.AssetExecutionContext, library: dg.ResourceParam[Library], gpu: dg.ResourceParam[GpuResource]
) -> dg.MaterializeResult:
    """Compare what is new with everything else, within a run's minutes, and make the groups anew."""
    clip = library.clip()
    model = (
        ContentModel(result_key(clip), clip.input_spec, lambda: load_clip(library.settings, clip.name, gpu))
        if clip
        else None
    )
    with job_row(context, library):
        counts = find_duplicates(
            library.manifest,
            library.home,
            model,
            limit_s=library.settings.run_minutes * 60,
            goes_on=lambda: stop_reason(context, library) is None,
        )
        if stop_reason(context, library) == "cancelled":
            interrupt(context)
    return dg.MaterializeResult(metadata={**vars(counts), "groups": dict(counts.groups)})
