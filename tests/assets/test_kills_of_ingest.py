"""SIGKILL at seeded random moments of an ingest over a few hundred photos, and started again.

With `-s` the figures are printed. A moment is a step drawn at random (the look at the folders, a file read, a batch
embedded or captioned, the index) and up to 0.3 s after it. Between two lives photos arrive and a person tags, rates and
describes them.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from ingest_life import DECODES_LOST, IMAGES_LOST, INDEX_MODEL, live, settings_of
from kills import KILLS, SEED
from mixed_folder import draw_mixed

from resources.library import Library
from resources.manifest import given_ratings, integrity, outbox, tags, written_captions
from resources.preview_cache import orphan_pictures
from resources.vector_index import open_index, verify

PHOTOS = 240
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 + 30 * KILLS)]

_STEPS = ("look", "read", "embed", "caption", "index")
_LATER_S = 0.3
# What says when something was done, and which of two copies was read, rather than what a photo is.
_OWN = ("created_at", "stack_due", "file_name")


@dataclass
class Lives:
    """What the lives of an ingest cost: pictures that were worked on and are not in the manifest."""

    kills: int = 0
    lives: int = 0
    images: int = 0
    captions: int = 0
    decodes: int = 0
    worst_images: int = 0
    worst_captions: int = 0
    worst_decodes: int = 0
    killed_at: dict[str, int] = field(default_factory=dict)


def done(library: Library) -> dict[str, int]:
    with library.manifest.read() as tx:
        return {
            "embed": tx.value("SELECT count(*) FROM embeddings"),
            "caption": tx.value("SELECT count(*) FROM captions"),
            "read": tx.value("SELECT count(DISTINCT sha256) FROM previews")
            + tx.value("SELECT count(DISTINCT sha256) FROM failures"),
        }


def noted(log: Path) -> list[tuple[str, int]]:
    lines = log.read_text().splitlines() if log.exists() else []
    return [(step, int(count or 1)) for step, _, count in (line.partition(" ") for line in lines)]


def facts(library: Library) -> dict[str, Any]:
    """What a library says of its photos, whenever and in whatever order it was taken in."""
    with library.manifest.read() as tx:
        photos = tx.rows("SELECT * FROM photos ORDER BY photo_id")
        return {
            "files": tx.rows("SELECT rel_path, sha256, size_bytes, photo_id, skip_reason FROM files ORDER BY ALL"),
            "photos": [{name: value for name, value in row.items() if name not in _OWN} for row in photos],
            "previews": tx.rows("SELECT sha256, page, pixel_hash, rung FROM previews ORDER BY ALL"),
            "embeddings": tx.rows("SELECT pixel_hash, dim FROM embeddings ORDER BY ALL"),
            "failures": tx.rows("SELECT rel_path, stage, code, attempts FROM failures ORDER BY ALL"),
            "stacks": [
                sorted(stack)
                for (stack,) in tx.execute("SELECT list(photo_id) FROM stacks GROUP BY stack_id ORDER BY 1").fetchall()
            ],
        }


def nursery(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Where lives are forked from a process that has imported everything and started nothing."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ingest_life"])
    return context


def test_killed_ingest_loses_nothing_and_does_nothing_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each life may have worked in vain on one unfinished batch; the end is that of a library that nobody killed."""
    chance = random.Random(SEED)
    all_photos, photos, home = tmp_path / "All", tmp_path / "Photos", tmp_path / "home"
    draw_mixed(all_photos, 0, PHOTOS)
    # In no order of kinds; pairs and sidecars come apart.
    waiting = sorted(path for path in all_photos.rglob("*") if path.is_file())
    chance.shuffle(waiting)
    photos.mkdir()
    library = Library(settings_of(home)).open()
    context = nursery(monkeypatch)
    cost, edits = Lives(), {}
    per_life = -(-len(waiting) // KILLS)

    while cost.kills < KILLS or waiting:
        for path in [waiting.pop() for _ in range(min(per_life, len(waiting)))]:
            target = photos / path.relative_to(all_photos)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)
        log = tmp_path / f"life-{cost.lives}.log"
        before = done(library)
        life = context.Process(target=live, args=(home, photos, log))
        life.start()
        cost.lives += 1
        assert cost.lives < 4 * KILLS + 10, "most lives ended before their kill"
        moment = chance.choice(_STEPS)
        while life.is_alive() and not any(step == moment for step, _ in noted(log)):
            time.sleep(0.002)
        time.sleep(chance.uniform(0, _LATER_S))
        family = psutil.Process(life.pid).children(recursive=True) if life.is_alive() else []
        killed = life.is_alive()
        life.kill()
        life.join()
        assert life.exitcode in (0, -9), "it failed by itself"
        _, left = psutil.wait_procs(family, timeout=10)
        assert not left, "decode workers end with the ingest"
        cost.kills += killed
        if killed:
            last = noted(log)[-1][0] if noted(log) else "start"
            cost.killed_at[last] = cost.killed_at.get(last, 0) + 1
        account(cost, before, done(library), noted(log), allowed=killed)
        edit(library, chance, edits)

    live_to_the_end(context, home, photos, tmp_path / "last.log", library, cost)
    print(json.dumps(asdict(cost)))
    assert_as_if_never_killed(context, library, photos, tmp_path)
    assert_edits(library, edits)


def account(
    cost: Lives, before: dict[str, int], after: dict[str, int], notes: list[tuple[str, int]], allowed: bool
) -> None:
    """Add up what this life worked on, and compare it with what of it is kept."""
    worked = {step: sum(count for each, count in notes if each == step) for step in ("read", "embed", "caption")}
    lost = {step: worked[step] - (after[step] - before[step]) for step in worked}
    cost.decodes += worked["read"]
    cost.images += worked["embed"]
    cost.captions += worked["caption"]
    cost.worst_decodes = max(cost.worst_decodes, lost["read"])
    cost.worst_images = max(cost.worst_images, lost["embed"])
    cost.worst_captions = max(cost.worst_captions, lost["caption"])
    assert min(lost.values()) >= 0, f"results without work: {lost}"
    assert lost["embed"] <= (IMAGES_LOST if allowed else 0), lost
    assert lost["caption"] <= (IMAGES_LOST if allowed else 0), lost
    assert lost["read"] <= (DECODES_LOST if allowed else 0), lost


def edit(library: Library, chance: random.Random, edits: dict[str, list[Any]]) -> None:
    """What a person does to one photo, kept to be asked for in the end."""
    with library.manifest.write() as tx:
        photo_ids = [row[0] for row in tx.execute("SELECT photo_id FROM photos ORDER BY photo_id").fetchall()]
        if not photo_ids:
            return
        photo_id, number = chance.choice(photo_ids), len(edits)
        tags.add(tx, [photo_id], f"edit {number}")
        given_ratings.give(tx, {photo_id: number % 6})
        written_captions.write(tx, {photo_id: f"words {number}"})
        edits[photo_id] = [number % 6, f"words {number}", *edits.get(photo_id, [None, None])[2:], f"edit {number}"]


def live_to_the_end(context: Any, home: Path, photos: Path, log: Path, library: Library, cost: Lives) -> None:
    before = done(library)
    life = context.Process(target=live, args=(home, photos, log))
    life.start()
    life.join()
    assert life.exitcode == 0
    account(cost, before, done(library), noted(log), allowed=False)
    again = log.with_name("again.log")
    life = context.Process(target=live, args=(home, photos, again))
    life.start()
    life.join()
    assert [step for step, _ in noted(again)] == ["look", "index", "end"], "nothing was left to do"


def assert_as_if_never_killed(context: Any, library: Library, photos: Path, tmp_path: Path) -> None:
    """Every photo once in manifest, previews and index; nothing besides; the same as in one quiet life."""
    with library.manifest.read() as tx:
        assert not any(integrity.duplicate_rows(tx).values())
        wanted = integrity.pixel_hashes(tx)
        newest = outbox.newest_seq(tx)
    assert set(library.store.pixel_hashes()) == wanted
    assert orphan_pictures(library.manifest, library.home, idle=True) == []
    assert [path for path in library.home.path.rglob(".unfinished-*") if path.is_file()] == []
    index = open_index(library.settings, INDEX_MODEL)
    try:
        assert verify(library.manifest, index).same
        assert index.applied_seq == newest
        assert index.embedded_count() == index.point_count() > 0
    finally:
        index.close()
    quiet = Library(settings_of(tmp_path / "quiet"))
    life = context.Process(target=live, args=(quiet.home.path, photos, tmp_path / "quiet.log"))
    life.start()
    life.join()
    assert life.exitcode == 0
    found, expected = facts(library), facts(quiet)
    for name in expected:
        assert found[name] == expected[name], name
    assert len(found["photos"]) >= PHOTOS


def assert_edits(library: Library, edits: dict[str, list[Any]]) -> None:
    with library.manifest.read() as tx:
        for photo_id, (rating, words, *given) in edits.items():
            assert tx.value("SELECT rating FROM given_ratings WHERE photo_id = ?", [photo_id]) == rating
            assert tx.value("SELECT text FROM written_captions WHERE photo_id = ?", [photo_id]) == words
            found = tx.execute("SELECT tag FROM tags WHERE photo_id = ? ORDER BY tag", [photo_id]).fetchall()
            assert sorted(row[0] for row in found) == sorted(given)
