"""`loupe models use`, `rollback` and `prune`: what they say, and what is left on the disk."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from drawn_photos import draw_photos
from shelf import Shelf
from test_cli import Loupe, loupe

from resources.home import disk_bytes
from resources.library import result_key
from resources.manifest import photos, written_captions
from resources.manifest.results import ResultKey
from resources.models import captioner_spec, clip_spec
from resources.vector_index import publish

__all__ = ["loupe"]

OLD, NEW = "clip-b32-laion2b", "clip-b32-openai"
OLD_CAPTIONER, NEW_CAPTIONER = "blip-base", "blip-large"


def write_model(home: Path, name: str) -> None:
    """A folder that says which model it is. Nothing here loads it: its weights are noise."""
    folder = home / "models" / name
    folder.mkdir(parents=True)
    if name.startswith("clip"):
        config = {"model_cfg": {"embed_dim": 48, "vision_cfg": {"image_size": 32}}, "preprocess_cfg": {}}
        (folder / "open_clip_config.json").write_text(json.dumps(config))
        (folder / "open_clip_model.safetensors").write_bytes(name.encode() * 5000)
    else:
        (folder / "config.json").write_text("{}")
        processor = {"size": {"height": 32, "width": 32}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3}
        (folder / "preprocessor_config.json").write_text(json.dumps(processor))
        (folder / "model.safetensors").write_bytes(name.encode() * 5000)


@pytest.fixture
def changed(shelf: Shelf, loupe: Loupe) -> Shelf:
    """Six photos that two image-text models and one captioner have seen; the newer model is in use and searched."""
    for name in (OLD, NEW, OLD_CAPTIONER, NEW_CAPTIONER):
        write_model(shelf.settings.home, name)
    draw_photos(shelf.photos, 6)
    shelf.watch()
    assert loupe("models", "use", OLD).status == 0
    assert loupe("models", "use", OLD_CAPTIONER).status == 0
    shelf.take_in(
        stages=["decoded_images", "embeddings", "captions"],
        clip=clip(shelf, OLD),
        captioner=captioner(shelf, OLD_CAPTIONER),
    )
    publish(shelf.library.manifest, shelf.settings, clip_spec(shelf.settings, OLD), 10)
    return shelf


def clip(shelf: Shelf, name: str) -> ResultKey:
    return result_key(clip_spec(shelf.settings, name))


def captioner(shelf: Shelf, name: str) -> ResultKey:
    return result_key(captioner_spec(shelf.settings, name))


def finish(shelf: Shelf) -> None:
    """Let the newer model see the photos, and search change to it."""
    shelf.stream(["embeddings"], clip=clip(shelf, NEW))
    publish(shelf.library.manifest, shelf.settings, clip_spec(shelf.settings, NEW), 10)


def test_use_says_what_waits_and_rollback_goes_back_at_once(changed: Shelf, loupe: Loupe) -> None:
    used = loupe("models", "use", NEW)
    assert f"image-text model: {NEW} is now in use." in used.out
    assert "6 photos wait to be embedded, from the previews." in used.out
    assert f"search goes on with {OLD}" in used.out
    assert f"search: changing from {OLD} to {NEW}, 6 photos wait" in loupe("status").out
    assert loupe("status", "--json").json["index"]["generation"].startswith(OLD), "the index that finds more"

    finish(changed)
    assert loupe("status", "--json").json["model_changes"] == []
    back = loupe("models", "rollback", "--json").json
    assert [(each["name"], each["before"], each["waiting"]) for each in back["chosen"]] == [(OLD, NEW, 0)]
    after = loupe("status", "--json").json
    assert (after["model_changes"], after["index"]["state"]) == ([], "ready"), "though nothing else runs"
    assert after["index"]["generation"].startswith(OLD)
    assert loupe("models", "rollback").out.startswith(f"image-text model: {NEW} is now in use.\n"), "there and back"


def test_rollback_of_the_captioner_brings_its_captions_back(changed: Shelf, loupe: Loupe) -> None:
    photo_id = changed.photo_id("photo0000.jpg")

    def described_by() -> str:
        with changed.library.manifest.read() as tx:
            row = photos.get(tx, photo_id)
        assert row is not None
        return str(row["caption_model"])

    used = loupe("models", "use", NEW_CAPTIONER)
    assert "6 photos wait for a caption by it" in used.out
    assert described_by() == OLD_CAPTIONER
    changed.stream(["captions"], captioner=captioner(changed, NEW_CAPTIONER))
    assert described_by() == NEW_CAPTIONER
    assert loupe("models", "rollback", "--captioner").status == 0
    assert described_by() == OLD_CAPTIONER


def test_there_may_be_nothing_to_go_back_to(changed: Shelf, loupe: Loupe) -> None:
    refused = loupe("models", "rollback", "--json")
    assert (refused.status, refused.json["error"]["code"]) == (64, "NO_EARLIER_MODEL")
    loupe("models", "use", NEW)
    (changed.settings.home / "models" / OLD / "open_clip_model.safetensors").write_bytes(b"other weights" * 5000)
    refused = loupe("models", "rollback", "--json")
    assert (refused.status, refused.json["error"]["code"]) == (64, "NO_EARLIER_MODEL")
    assert "another version" in refused.json["error"]["message"]
    shutil.rmtree(changed.settings.home / "models" / OLD)
    assert loupe("models", "rollback", "--json").json["error"]["code"] == "MODEL_NOT_FETCHED"


def test_prune_lists_first_and_deletes_only_what_nobody_needs(changed: Shelf, loupe: Loupe) -> None:
    home = changed.settings.home
    loupe("models", "use", NEW)
    assert loupe("models", "prune").out == "No model has left anything that is not in use.\n"
    for name, why in ((OLD, "a change from it is under way"), (NEW, "it is in use")):
        refused = loupe("models", "prune", name, "--yes", "--json")
        assert (refused.status, refused.json["error"]["code"]) == (64, "MODEL_IN_USE")
        assert why in refused.json["error"]["message"]
    assert loupe("models", "prune", "siglip2-l16", "--json").json["error"]["code"] == "MODEL_UNKNOWN"

    finish(changed)
    before, files = disk_bytes(home), sorted(home.rglob("*"))
    listed = loupe("models", "prune")
    assert f"image-text model {OLD}" in listed.out
    assert "Nothing was deleted" in listed.out
    assert sorted(home.rglob("*")) == files
    pruned = loupe("models", "prune", "--yes", "--json").json
    freed = pruned["pruned"]["bytes"]
    assert (pruned["pruned"]["models"], pruned["pruned"]["results"]) == (1, 6)
    assert freed > 500_000
    assert before - disk_bytes(home) == pytest.approx(freed, rel=0.1), "but for what files that stay do"
    assert [path.name for path in home.glob("vectors-*.duckdb")] == [f"vectors-{NEW}.duckdb"]
    assert [path.name for path in (home / "index").glob(f"{OLD}-*")] == []
    assert changed.value("SELECT count(*) FROM embeddings WHERE model = ?", [OLD]) == 0
    assert changed.value("SELECT count(*) FROM embeddings WHERE model = ?", [NEW]) == 6
    assert changed.value("SELECT count(*) FROM captions") == 6
    assert (home / "models" / OLD).is_dir(), "weights go only when that is said"
    assert loupe("models", "rollback", "--json").json["error"]["code"] == "NO_EARLIER_MODEL"
    gone = loupe("models", "prune", OLD, "--weights", "--yes", "--json").json["pruned"]
    assert gone["bytes"] > 50_000
    assert not (home / "models" / OLD).exists()
    assert (home / "models" / NEW).is_dir()


def test_prune_of_a_captioner_leaves_what_a_person_wrote_and_what_is_still_shown(changed: Shelf, loupe: Loupe) -> None:
    photo_id = changed.photo_id("photo0000.jpg")
    with changed.library.manifest.write() as tx:
        written_captions.write(tx, {photo_id: "our garden"})
    loupe("models", "use", NEW_CAPTIONER)
    changed.stream(["captions"], photos=4, captioner=captioner(changed, NEW_CAPTIONER))
    assert loupe("models", "prune", OLD_CAPTIONER, "--yes").status == 64, "two photos still show its captions"
    changed.stream(["captions"], captioner=captioner(changed, NEW_CAPTIONER))
    seq = changed.newest_seq()
    pruned = loupe("models", "prune", OLD_CAPTIONER, "--yes", "--json").json["pruned"]
    assert (pruned["models"], pruned["results"]) == (1, 6)
    assert len(changed.outbox_since(seq)) == 6
    assert changed.rows("SELECT DISTINCT model FROM captions") == [{"model": NEW_CAPTIONER}]
    assert changed.rows("SELECT text FROM written_captions") == [{"text": "our garden"}]


def test_a_name_of_two_kinds_is_checked_as_both(loupe: Loupe) -> None:
    checks = loupe("models", "check", "demo-postcards", "--json").json["checks"]
    assert [each["kind"] for each in checks] == ["clip", "captioner"]
