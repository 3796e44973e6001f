"""Photos whose files have been missing for long are forgotten, with the pictures that only they showed."""

from __future__ import annotations

from datetime import timedelta

from resources.clock import utc_now
from resources.manifest import Manifest
from resources.manifest.purging import Purged, purge_missing
from resources.photo_store import PhotoStore

__all__ = ["purge"]


def purge(manifest: Manifest, store: PhotoStore, after_days: int) -> Purged:
    """Forget what has been missing for `after_days` days; 0 forgets nothing. Vectors are left to `loupe verify`."""
    if after_days == 0:
        return Purged(0, 0, ())
    with manifest.write() as tx:
        purged = purge_missing(tx, utc_now() - timedelta(days=after_days))
    for pixel_hash in purged.pixel_hashes:
        store.remove(pixel_hash)
    return purged
