"""Drawing the map: places of all embedded photos, groups, labels, rows and file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from resources.library import Library
from resources.manifest import VectorStore, projections, results
from resources.manifest.projections import Cluster
from resources.manifest.results import ResultKey
from resources.photo_map.clusters import Found, find_clusters
from resources.photo_map.labels import Said, label_clusters
from resources.photo_map.point_file import write_points
from resources.projection import FEWEST_FOR_UMAP, SAMPLE, place, project

__all__ = ["draw_map", "store_map"]

# As many photos of a group tell what it is; ids are hashes, so the first are drawn by chance.
_MOST_READ = 1_000
# Of all photos, how many may have been placed among others before all are laid out anew.
_MOST_PLACED = 1 / 3


def draw_map(library: Library, key: ResultKey, whole: bool = True) -> npt.NDArray[np.float32]:
    """Store a map of every photo that `key` embedded. Returns the places, float32 `[n, 2]`.

    A `whole` one is laid out anew. Otherwise photos keep their places, new ones are placed among them, and those that
    are gone leave, unless something else than `key` laid the map out or more than a third came since. Raises what
    `project` does.
    """
    with library.manifest.read() as tx:
        photos = results.embedded_photos(tx, key)
        layout = projections.layout(tx, key.model)
        stays = not whole and layout is not None and layout.key == key
        there = projections.points(tx, key.model) if stays else None
    if layout and there and there.num_rows >= FEWEST_FOR_UMAP:
        place_of = dict(zip(there["photo_id"].to_pylist(), np.stack([there["x"], there["y"]], axis=1), strict=True))
        new = sum(photo_id not in place_of for photo_id, _ in photos)
        if layout.placed_since + new <= _MOST_PLACED * len(photos):
            return _placed(library, key, photos, place_of)
    photo_ids: list[str] = []

    def vectors() -> Iterator[npt.NDArray[np.float32]]:
        for some, block in _vectors(library, key, photos):
            photo_ids.extend(some)
            yield block

    places = project(vectors(), _cache(library), library.settings.map_layout)
    store_map(library, key.model, photo_ids, places, key)
    return places


def store_map(
    library: Library,
    model: str,
    photo_ids: list[str],
    places: npt.NDArray[np.float32],
    laid_out_by: ResultKey | None = None,
) -> None:
    """Find groups and labels, and make all of it the map of `model`: a new layout where `laid_out_by` says of what."""
    found = find_clusters(places)
    clusters = _labelled(library, photo_ids, found)
    with library.manifest.write() as tx:
        drawing = projections.replace(tx, model, photo_ids, places, found.cluster_of, clusters)
        if laid_out_by:
            projections.keep_layout(tx, laid_out_by)
    with library.manifest.read() as tx:
        table, keep = projections.points(tx, model), projections.generations(tx)
    write_points(library.home, table, drawing, keep)


def _placed(
    library: Library,
    key: ResultKey,
    photos: Sequence[tuple[str, str]],
    place_of: dict[str, npt.NDArray[np.float32]],
) -> npt.NDArray[np.float32]:
    stay = [photo for photo in photos if photo[0] in place_of]
    new = [photo for photo in photos if photo[0] not in place_of]
    placed: dict[str, npt.NDArray[np.float32]] = {photo_id: place_of[photo_id] for photo_id, _ in stay}
    if new and stay:
        # Ids are hashes: every n-th is drawn by chance.
        asked = [*stay[:: -(-len(stay) // SAMPLE)], *new]
        photo_ids: list[str] = []
        nowhere = np.full(2, np.nan, dtype=np.float32)

        def blocks() -> Iterator[tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]]:
            for some, block in _vectors(library, key, asked):
                photo_ids.extend(some)
                yield block, np.array([placed.get(photo_id, nowhere) for photo_id in some]).reshape(-1, 2)

        found = place(blocks(), _cache(library))
        placed.update(zip(photo_ids, found, strict=True))
    places = np.array(list(placed.values()), dtype=np.float32).reshape(-1, 2)
    store_map(library, key.model, list(placed), places)
    return places


def _vectors(
    library: Library, key: ResultKey, photos: Iterable[tuple[str, str]]
) -> Iterator[tuple[list[str], npt.NDArray[np.float32]]]:
    """Ids of those photos whose vectors are stored, and the vectors, float32 `[m, dim]`, in the order of the store."""
    wanted: dict[str, list[str]] = {}
    for photo_id, pixel_hash in photos:
        wanted.setdefault(pixel_hash, []).append(photo_id)
    for hashes, vectors in VectorStore(library.home, key.model, key.revision, key.preprocess_version).stored():
        of = [(row, photo_id) for row, each in enumerate(hashes) for photo_id in wanted.pop(each, ())]
        if of:
            yield [photo_id for _, photo_id in of], vectors[[row for row, _ in of]]


def _cache(library: Library) -> Path:
    return library.home.run / "numba"


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
