"""Asset `preview_cache`: previews and thumbnails within their limit, none of them without a row."""

import dagster as dg

from assets.job_rows import job_row
from resources.library import Library
from resources.preview_cache import cull, remove_orphans

__all__ = ["preview_cache"]


@dg.asset(deps=["decoded_images"], group_name="library", kinds={"file"})
def preview_cache(context: dg.AssetExecutionContext, library: dg.ResourceParam[Library]) -> dg.MaterializeResult:
    """Remove pictures that belong to no photo, then previews that can be made again, used longest ago first."""
    with job_row(context, library) as progress:
        with library.ingesting():
            orphans = remove_orphans(library.manifest, library.home)
        culled = cull(library, progress=lambda done, total: progress("previews", done, total))
    return dg.MaterializeResult(metadata={"orphans removed": orphans, **vars(culled)})
