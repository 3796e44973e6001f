"""Asset checks: what must hold of a library at rest, asked of the real tables, files and index."""

import dagster as dg
import numpy as np

from resources.imaging import DECODER_VERSION
from resources.library import Library, result_key
from resources.manifest import VectorStore, files, integrity, projections, results, roots
from resources.vector_index import verify_through_owner

__all__ = ["asset_checks"]

# Sum of squares of a unit vector stored as float32.
_NORM_TOLERANCE = 1e-3
_VECTORS_A_STEP = 10_000


@dg.asset_check(asset="file_inventory")
def every_file_accounted_for(library: dg.ResourceParam[Library]) -> dg.AssetCheckResult:
    """Each present file is a photo, a failure with a code, skipped with a reason, or waiting."""
    with library.manifest.read() as tx:
        pending = files.count_pending(tx, DECODER_VERSION)
        lost = integrity.unaccounted_files(tx, pending)
    return dg.AssetCheckResult(passed=lost == 0, metadata={"unaccounted files": lost, "pending files": pending})


@dg.asset_check(asset="file_inventory")
def no_mass_vanish(library: dg.ResourceParam[Library]) -> dg.AssetCheckResult:
    """No watched folder lost more than a quarter of its files at once and waits for a person's word."""
    with library.manifest.read() as tx:
        waiting = [root["path"] for root in roots.rows(tx) if root["state"] == "vanished"]
    advice = "If the files are gone for good: loupe folders accept-missing PATH"
    return dg.AssetCheckResult(passed=not waiting, metadata={"folders": waiting, "what to do": advice})


@dg.asset_check(asset="decoded_images")
def rows_are_unique(library: dg.ResourceParam[Library]) -> dg.AssetCheckResult:
    """No table holds a key twice."""
    with library.manifest.read() as tx:
        twice = integrity.duplicate_rows(tx)
    return dg.AssetCheckResult(passed=not any(twice.values()), metadata={"keys twice": twice})


@dg.asset_check(asset="decoded_images")
def previews_match_rows(library: dg.ResourceParam[Library]) -> dg.AssetCheckResult:
    """Every decoded picture has its preview on disk, and no preview is without a row."""
    with library.manifest.read() as tx:
        wanted = integrity.pixel_hashes(tx)
    missing = len(wanted - set(library.store.pixel_hashes()))
    orphans = len(set(library.store.preview_names()) - wanted)
    return dg.AssetCheckResult(
        passed=missing == 0 and orphans == 0, metadata={"missing previews": missing, "orphan previews": orphans}
    )


@dg.asset_check(asset="embeddings")
def vectors_are_sound(library: dg.ResourceParam[Library]) -> dg.AssetCheckResult:
    """Every embedding has its vector, finite, unit-norm and of the model's length."""
    clip = library.clip()
    if clip is None:
        return dg.AssetCheckResult(passed=True, metadata={"model": "none: search by content is off"})
    key = result_key(clip)
    with library.manifest.read() as tx:
        photos = results.embedded_photos(tx, key)
        dims = integrity.embedded_dims(tx, key)
    store = VectorStore(library.home, key.model, key.revision, key.preprocess_version)
    hashes = sorted({pixel_hash for _, pixel_hash in photos})
    missing = wrong = 0
    for start in range(0, len(hashes), _VECTORS_A_STEP):
        step = hashes[start : start + _VECTORS_A_STEP]
        vectors = store.get(step)
        missing += len(step) - len(vectors)
        wrong += sum(
            vector.shape != (clip.dim,) or not abs(float(np.dot(vector, vector)) - 1) < _NORM_TOLERANCE
            for vector in vectors.values()
        )
    return dg.AssetCheckResult(
        passed=missing == 0 and wrong == 0 and set(dims) <= {clip.dim},
        metadata={"vectors": len(hashes), "missing": missing, "not unit norm or wrong length": wrong},
    )


@dg.asset_check(asset="qdrant_points")
def index_matches_manifest(library: dg.ResourceParam[Library]) -> dg.AssetCheckResult:
    """The index holds exactly the photos that the manifest says a person can see."""
    found = verify_through_owner(library.manifest, library.settings, library.clip())
    return dg.AssetCheckResult(passed=found.same, metadata={name: str(value) for name, value in vars(found).items()})


@dg.asset_check(asset="umap_projections")
def map_covers_library(library: dg.ResourceParam[Library]) -> dg.AssetCheckResult:
    """Every embedded photo has a place on the map; fails when more than a tenth came since it was drawn."""
    clip = library.clip()
    if clip is None:
        return dg.AssetCheckResult(passed=True, metadata={"model": "none: search by content is off"})
    with library.manifest.read() as tx:
        placed, embedded = projections.coverage(tx, clip.name)
    return dg.AssetCheckResult(
        passed=placed >= 0.9 * embedded, metadata={"photos on the map": placed, "embedded photos": embedded}
    )


asset_checks = [
    every_file_accounted_for,
    no_mass_vanish,
    rows_are_unique,
    previews_match_rows,
    vectors_are_sound,
    index_matches_manifest,
    map_covers_library,
]
