"""Asset `umap_projections`: a place on the similarity map for each embedded photo, computed in a process of its own."""

import dagster as dg
import numpy as np

from assets.contact_sheet import map_plot
from assets.job_rows import job_row
from resources.library import Library, result_key
from resources.manifest import VectorStore, projections, results
from resources.projection import project

__all__ = ["refresh_map", "umap_projections"]


@dg.asset(deps=["embeddings"], group_name="search", kinds={"python"})
def umap_projections(context: dg.AssetExecutionContext, library: dg.ResourceParam[Library]) -> dg.MaterializeResult:
    """Lay the map out anew from the vectors of the model in use."""
    with job_row(context, library):
        places = refresh_map(library)
    plot = map_plot(places)
    return dg.MaterializeResult(
        metadata={"photos": len(places), **({"map": dg.MetadataValue.md(plot)} if plot else {})}
    )


def refresh_map(library: Library) -> np.ndarray:
    """Project every embedded photo and store the places. Returns them, float32 `[n, 2]`."""
    clip = library.clip()
    if clip is None:
        return np.zeros((0, 2), dtype=np.float32)
    key = result_key(clip)
    with library.manifest.read() as tx:
        photos = results.embedded_photos(tx, key)
    vectors = VectorStore(library.home, key.model, key.revision, key.preprocess_version).get(
        [pixel_hash for _, pixel_hash in photos]
    )
    here = [(photo_id, vectors[pixel_hash]) for photo_id, pixel_hash in photos if pixel_hash in vectors]
    matrix = np.stack([vector for _, vector in here]) if here else np.zeros((0, clip.dim), dtype=np.float32)
    places = project(matrix, library.home.run / "numba")
    with library.manifest.write() as tx:
        projections.replace(
            tx, clip.name, [photo_id for photo_id, _ in here], [(float(x), float(y)) for x, y in places]
        )
    return places
