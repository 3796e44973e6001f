"""Asset checks: what must hold of a library at rest, asked of the real tables, files and index.

Not here: `no_mass_vanish`, which each inventory answers itself (`file_inventory`).
"""

import dagster as dg

from resources.imaging import DECODER_VERSION
from resources.library import Library
from resources.manifest import files, integrity, projections
from resources.model_change import completeness
from resources.vector_index import verify_through_owner
from resources.verification import Part, verify_manifest, verify_previews, verify_vectors

__all__ = ["asset_checks"]


@dg.asset_check(asset="file_inventory")
def every_file_accounted_for(library: dg.ResourceParam[Library]) -> dg.AssetCheckResult:
    """Each present file is a photo, a failure with a code, skipped with a reason, or waiting."""
    with library.manifest.read() as tx:
        pending = files.count_pending(tx, DECODER_VERSION)
        lost = integrity.unaccounted_files(tx, pending)
    return dg.AssetCheckResult(passed=lost == 0, metadata={"unaccounted files": lost, "pending files": pending})


@dg.asset_check(asset="decoded_images")
def manifest_is_whole(library: dg.ResourceParam[Library]) -> dg.AssetCheckResult:
    """Every block of the manifest reads, and no table holds a key twice."""
    return _checked(verify_manifest(library))


@dg.asset_check(asset="decoded_images")
def previews_match_rows(library: dg.ResourceParam[Library]) -> dg.AssetCheckResult:
    """Every decoded picture has its preview on disk, culled ones aside, and no preview is without a row."""
    return _checked(verify_previews(library))


@dg.asset_check(asset="embeddings")
def vectors_are_sound(library: dg.ResourceParam[Library]) -> dg.AssetCheckResult:
    """Every embedding of every model has its vector, finite, unit-norm and of the model's length."""
    return _checked(verify_vectors(library))


@dg.asset_check(asset="qdrant_points")
def index_matches_manifest(library: dg.ResourceParam[Library]) -> dg.AssetCheckResult:
    """The index holds exactly the photos that the manifest says a person can see."""
    found = verify_through_owner(library.manifest, library.settings, library.clip())
    return dg.AssetCheckResult(passed=found.same, metadata={name: str(value) for name, value in vars(found).items()})


@dg.asset_check(asset="qdrant_points")
def every_photo_found_by_the_model_in_use(library: dg.ResourceParam[Library]) -> dg.AssetCheckResult:
    """Each photo has a vector of the model in use in the manifest, in the vector store and in the index that serves.

    Photos on which the model failed are counted apart: they stand among the problem files. While a change of model is
    under way it says how many photos wait, as a warning.
    """
    found = completeness(library)
    if found is None:
        return dg.AssetCheckResult(passed=True, metadata={"model": "none: search by content is off"})
    return dg.AssetCheckResult(
        passed=found.whole,
        severity=dg.AssetCheckSeverity.WARN if found.change else dg.AssetCheckSeverity.ERROR,
        metadata={
            "model": found.model,
            "model that search serves": found.served_model or "none",
            "photos": found.photos,
            "embedded photos": found.embedded,
            "found by content": found.found,
            "the model failed on": found.failed,
            "missing in the manifest": found.missing_in_manifest,
            "missing in the vector store": found.missing_in_store,
            "missing in the index": found.missing_in_index,
            **({f"waiting for the change from {found.change.before}": found.change.waiting} if found.change else {}),
        },
    )


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


def _checked(part: Part) -> dg.AssetCheckResult:
    """What `loupe verify` would say of a part."""
    found = {finding.problem: finding.count for finding in part.findings}
    examples = {finding.problem: list(finding.examples) for finding in part.findings if finding.examples}
    return dg.AssetCheckResult(
        passed=part.ok, metadata={f"{part.unit} looked at": part.checked, **found, "examples": examples}
    )


asset_checks = [
    every_file_accounted_for,
    manifest_is_whole,
    previews_match_rows,
    vectors_are_sound,
    index_matches_manifest,
    every_photo_found_by_the_model_in_use,
    map_covers_library,
]
