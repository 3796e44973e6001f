"""What can be made again is: pictures that were deleted, or emptied by a power cut, are decoded anew."""

from __future__ import annotations

from resources.manifest import Manifest, integrity, previews
from resources.photo_store import PhotoStore

__all__ = ["forget_lost_pictures"]


def forget_lost_pictures(manifest: Manifest, store: PhotoStore) -> int:
    """Forget the decoding of photos whose preview or thumbnail is gone, so that it is pending. Returns how many."""
    with manifest.read() as tx:
        wanted = integrity.pixel_hashes(tx)
    lost = wanted - set(store.pixel_hashes())
    if lost:
        with manifest.write() as tx:
            previews.forget(tx, lost)
    return len(lost)
