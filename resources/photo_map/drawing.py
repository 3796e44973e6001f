"""Drawing the map: places of all embedded photos, groups, labels, rows and file."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from resources.library import Library
from resources.manifest import VectorStore, projections, results
from resources.manifest.projections import Cluster
from resources.manifest.results import ResultKey
from resources.photo_map.clusters import Found, find_clusters
from resources.photo_map.labels import Said, label_clusters
from resources.photo_map.point_file import write_points
from resources.projection import project

__all__ = ["draw_map", "store_map"]

# As many photos of a group tell what it is; ids are hashes, so the first are drawn by chance.
_MOST_READ = 1_000


def draw_map(library: Library, key: ResultKey, dim: int) -> npt.NDArray[np.float32]:
    """Lay out every photo that `key` embedded anew and store it. Returns the places, float32 `[n, 2]`.

    Raises what `project` does.
    """
    with library.manifest.read() as tx:
        photos = results.embedded_photos(tx, key)
    vectors = VectorStore(library.home, key.model, key.revision, key.preprocess_version).get(
        [pixel_hash for _, pixel_hash in photos]
    )
    here = [(photo_id, vectors[pixel_hash]) for photo_id, pixel_hash in photos if pixel_hash in vectors]
    matrix = np.stack([vector for _, vector in here]) if here else np.zeros((0, dim), dtype=np.float32)
    places = project(matrix, library.home.run / "numba")
    store_map(library, key.model, [photo_id for photo_id, _ in here], places)
    return places


def store_map(library: Library, model: str, photo_ids: list[str], places: npt.NDArray[np.float32]) -> None:
    """Find groups and their labels, and make all of it the map of `model`."""
    found = find_clusters(places)
    clusters = _labelled(library, photo_ids, found)
    with library.manifest.write() as tx:
        drawing = projections.replace(tx, model, photo_ids, places, found.cluster_of, clusters)
    with library.manifest.read() as tx:
        table, keep = projections.points(tx, model), projections.generations(tx)
    write_points(library.home, table, drawing, keep)


def _labelled(library: Library, photo_ids: list[str], found: Found) -> list[Cluster]:
    members = [np.flatnonzero(found.cluster_of == number) for number in range(len(found.peaks))]
    read = [[photo_ids[row] for row in rows[:_MOST_READ]] for rows in members]
    with library.manifest.read() as tx:
        texts = projections.texts(tx, [photo_id for group in read for photo_id in group])
    told = label_clusters([[Said(*texts[photo_id]) for photo_id in group if photo_id in texts] for group in read])
    return [
        Cluster(number, len(rows), float(x), float(y), label, terms)
        for number, (rows, (x, y), (label, terms)) in enumerate(zip(members, found.peaks, told, strict=True))
    ]
