"""What can be made again is: pictures that were deleted, or emptied by a power cut, are decoded anew.

Only those whose original can be read now: without it the little that is known of a picture is all there is.
"""

from __future__ import annotations

from collections.abc import Collection

from resources.folder_probe import reachable
from resources.folders import from_text
from resources.manifest import Manifest, integrity, previews, roots
from resources.photo_store import PhotoStore

__all__ = ["forget_lost_pictures", "lost_pictures", "remakeable_pictures"]


def lost_pictures(
    manifest: Manifest, store: PhotoStore, *, capped: bool = False, partition_keys: Collection[str] | None = None
) -> set[str]:
    """Pixel hashes whose preview or thumbnail is gone. `capped`: a preview without its thumbnail's loss was culled.

    With `partition_keys` only pictures of files in these partitions are looked for, one by one.
    """
    with manifest.read() as tx:
        wanted = integrity.pixel_hashes(tx, partition_keys)
    if partition_keys is not None:
        here = store.has_thumbnail if capped else store.has
        return {pixel_hash for pixel_hash in wanted if not here(pixel_hash)}
    return wanted - (store.thumbnail_hashes() if capped else set(store.pixel_hashes()))


def remakeable_pictures(manifest: Manifest) -> set[str]:
    """Pixel hashes of pictures whose original is present below a watched folder that can be read now."""
    with manifest.read() as tx:
        watched = roots.list_all(tx)
    here = [root["root_id"] for root in watched if root["state"] == "online" and reachable(from_text(root["path"]))]
    with manifest.read() as tx:
        return previews.remakeable(tx, here)


def forget_lost_pictures(
    manifest: Manifest, store: PhotoStore, *, capped: bool = False, partition_keys: Collection[str] | None = None
) -> int:
    """Have lost pictures that can be made again decoded anew by the next run; as `lost_pictures`. Returns how many."""
    lost = lost_pictures(manifest, store, capped=capped, partition_keys=partition_keys)
    if lost:
        lost &= remakeable_pictures(manifest)
    if lost:
        with manifest.write() as tx:
            previews.read_again(tx, lost)
    return len(lost)
