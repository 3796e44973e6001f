"""Photos whose files have been missing for long are forgotten, with the pictures that only they showed."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from resources.clock import utc_now
from resources.manifest import Manifest, jobs
from resources.manifest.purging import Purged, purge_missing
from resources.photo_store import PhotoStore

__all__ = ["purge"]

# A clock that jumped ahead would have every missing file forgotten at once. So it is believed only when a job ran on an
# earlier day by the same clock, not long ago; the weekly reconcile is one. After a long pause one more is waited for.
_LATELY, _EARLIER_DAY = timedelta(days=14), timedelta(days=1)


def purge(
    manifest: Manifest, store: PhotoStore, after_days: int, partition_keys: Collection[str] | None = None
) -> Purged:
    """Forget what has been missing for `after_days` days; 0 forgets nothing. Vectors are left to `loupe verify`.

    To be called when the folders were looked at just now, so that what came back is not forgotten; `partition_keys` are
    those, if they are not all.
    Nothing is forgotten either while the clock may have jumped: when no job ran in the days before today.
    """
    if after_days == 0:
        return Purged(0, 0, ())
    now = utc_now()
    with manifest.write() as tx:
        if not jobs.asked_between(tx, now - _LATELY, now - _EARLIER_DAY):
            return Purged(0, 0, ())
        purged = purge_missing(tx, now - timedelta(days=after_days), partition_keys)
    for pixel_hash in purged.pixel_hashes:
        store.remove(pixel_hash)
    return purged
