"""Asset `umap_projections`: the similarity map, a place for each embedded photo, with groups and their labels."""

import dagster as dg
import numpy as np

from assets.contact_sheet import map_plot
from assets.job_rows import job_row
from resources.library import Library, result_key
from resources.photo_map import draw_map

__all__ = ["refresh_map", "umap_projections"]


class MapConfig(dg.Config):
    """`whole`: lay out every photo anew; otherwise photos keep their places while that does well (`draw_map`)."""

    whole: bool = True


@dg.asset(deps=["embeddings"], group_name="search", kinds={"python"})
def umap_projections(
    context: dg.AssetExecutionContext, config: MapConfig, library: dg.ResourceParam[Library]
) -> dg.MaterializeResult:
    """Draw the map from the vectors of the model in use."""
    with job_row(context, library):
        places = refresh_map(library, config.whole)
    plot = map_plot(places)
    return dg.MaterializeResult(
        metadata={"photos": len(places), **({"map": dg.MetadataValue.md(plot)} if plot else {})}
    )


def refresh_map(library: Library, whole: bool = True) -> np.ndarray:
    """Draw the map of the model in use, as `draw_map` does. The places, float32 `[n, 2]`; none without a model."""
    clip = library.clip()
    return np.zeros((0, 2), dtype=np.float32) if clip is None else draw_map(library, result_key(clip), whole)
