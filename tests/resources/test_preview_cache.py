"""The preview cache: what is culled, what never is, and how a culled preview comes back."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from drawn_photos import draw_photos
from shelf import InProcessEngine, Shelf

from resources.library import Library
from resources.preview_cache import cull, pictures_bytes, remake_previews
from resources.repair import forget_lost_pictures
from resources.settings import Settings


@pytest.fixture
def full_shelf(shelf: Shelf) -> Shelf:
    """Six photos whose previews were used in the order of their names, an hour apart."""
    draw_photos(shelf.photos, 6)
    shelf.watch()
    shelf.take_in()
    for hour, path in enumerate(stored(shelf)):
        os.utime(path, (1_700_000_000 + 3600 * hour,) * 2)
    return shelf


def stored(shelf: Shelf) -> list[Path]:
    return sorted(shelf.library.home.previews.rglob("*.jpg"))


def sizes(paths: list[Path]) -> int:
    return sum(path.stat().st_size for path in paths)


def test_without_a_limit_nothing_is_culled(full_shelf: Shelf) -> None:
    assert cull(full_shelf.library).culled == 0
    assert len(stored(full_shelf)) == 6


def test_what_was_used_longest_ago_goes_first(full_shelf: Shelf) -> None:
    paths = stored(full_shelf)
    os.utime(paths[0])  # looked at just now
    total = pictures_bytes(full_shelf.library.home)
    limit = total - sizes(paths[1:3])
    counts = cull(full_shelf.library, limit)
    assert (counts.culled, counts.bytes_left, counts.over_limit) == (2, limit, 0)
    assert stored(full_shelf) == [paths[0], *paths[3:]]


def test_thumbnails_stay_and_what_is_too_much_is_told(full_shelf: Shelf) -> None:
    counts = cull(full_shelf.library, 0)
    thumbnails = list(full_shelf.library.home.thumbnails.rglob("*.jpg"))
    assert (counts.culled, len(thumbnails)) == (6, 6)
    assert counts.over_limit == sizes(thumbnails)


def test_previews_of_missing_and_offline_originals_stay(full_shelf: Shelf) -> None:
    (full_shelf.photos / "IMG_0000.jpg").unlink(missing_ok=True)
    gone = sorted(full_shelf.photos.iterdir())[0]
    gone.unlink()
    full_shelf.inventory()
    kept = full_shelf.value(
        """SELECT min(pixel_hash) FROM previews JOIN files USING (sha256) WHERE missing_since IS NOT NULL
        AND sha256 NOT IN (SELECT sha256 FROM files WHERE missing_since IS NULL)"""
    )
    cull(full_shelf.library, 0)
    assert [path.stem for path in stored(full_shelf)] == [kept]


def test_previews_of_an_unplugged_disk_stay(full_shelf: Shelf) -> None:
    full_shelf.photos.rename(full_shelf.photos.with_name("unplugged"))
    assert cull(full_shelf.library, 0).culled == 0


def test_culled_previews_are_not_lost_while_there_is_a_limit(full_shelf: Shelf) -> None:
    library = full_shelf.library
    cull(library, 0)
    assert forget_lost_pictures(library.manifest, library.store, capped=True) == 0
    next(library.home.thumbnails.rglob("*.jpg")).unlink()
    assert forget_lost_pictures(library.manifest, library.store, capped=True) == 1
    assert forget_lost_pictures(library.manifest, library.store) == 6, "without one they are all wanted back"


def test_culled_previews_are_remade_on_demand(full_shelf: Shelf) -> None:
    before = {path.name: path.read_bytes() for path in stored(full_shelf)}
    cull(full_shelf.library, 0)
    wanted = [name.removesuffix(".jpg") for name in before][:2]
    made = remake_previews(full_shelf.library, InProcessEngine(full_shelf.settings), wanted)
    assert made == set(wanted)
    assert {path.name: path.read_bytes() for path in stored(full_shelf)} == {
        f"{name}.jpg": before[f"{name}.jpg"] for name in wanted
    }


def test_original_that_changed_is_not_shown_as_the_old_picture(full_shelf: Shelf) -> None:
    row = full_shelf.rows("SELECT rel_path, pixel_hash FROM files JOIN previews USING (sha256) LIMIT 1")[0]
    cull(full_shelf.library, 0)
    draw_photos(full_shelf.photos, [row["rel_path"]], first_seed=99)
    assert remake_previews(full_shelf.library, InProcessEngine(full_shelf.settings), [row["pixel_hash"]]) == set()
    assert stored(full_shelf) == []


def test_a_model_that_needs_culled_previews_gets_them(full_shelf: Shelf) -> None:
    """Captions are asked for after the previews were culled: the originals are decoded once more, not embedded."""
    cull(full_shelf.library, 0)
    full_shelf.stream(stages=["captions"])
    counts = full_shelf.stream(stages=["decoded_images", "embeddings", "captions"])
    assert (counts.decoded, counts.embedding_model_images, counts.captioned) == (6, 0, 6)


def test_what_a_model_waits_for_is_not_culled(full_shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    from resources.manifest.results import ResultKey

    class Waiting(Library):
        def clip(self):  # type: ignore[no-untyped-def]
            return ("another", "1", "1")

    library = Waiting(full_shelf.settings)
    monkeypatch.setattr("resources.preview_cache.result_key", lambda identity: ResultKey(*identity))
    assert cull(library, 0).culled == 0


def test_the_setting_is_the_limit(full_shelf: Shelf) -> None:
    capped = replace(full_shelf, settings=Settings(home=full_shelf.settings.home, cache_max_bytes=0))
    assert cull(capped.library).culled == 6
