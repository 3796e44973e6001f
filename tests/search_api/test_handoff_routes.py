"""Photos for other programs over HTTP: paths, a ZIP, data sets. Read back with the formats' own readers."""

from __future__ import annotations

import csv
import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from fastapi.testclient import TestClient
from running_app import running
from small_library import CAPTIONS, SmallLibrary

from resources.errors import LoupeError
from resources.handoff.zip_stream import LEFT_OUT
from resources.manifest import Manifest, duplicates
from resources.vector_index import VectorIndex
from search_api import chosen_photos
from search_api.chosen_photos import payloads_of
from search_api.live_index import LiveIndex
from search_api.routers import handoff
from search_api.schemas.chosen import Chosen
from search_api.schemas.search import SearchQuery

URL = "/api/v1/handoff"
ALL: dict[str, Any] = {"query": {}}


@pytest.fixture(scope="module")
def grouped(small: SmallLibrary, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TestClient, SmallLibrary]]:
    """A copy of the library in which red and green are duplicates and gold and red belong together by another tier."""
    import shutil

    home = tmp_path_factory.mktemp("grouped") / "home"
    shutil.copytree(small.settings.home, home, ignore=shutil.ignore_patterns("run", "*.lock"))
    own = SmallLibrary(small.settings.model_copy(update={"home": home}), small.photos)
    red, green, gold = (own.photo_id(f"{name}.jpg") for name in ("red", "green", "gold"))
    groups = {"g1": ("similar", [red, green]), "g2": ("same_picture", [gold, red])}
    rows = [
        {"group_id": group, "tier": tier, "photo_id": each, "position": position, "reasons": [], "score": 1.0}
        for group, (tier, members) in groups.items()
        for position, each in enumerate(members)
    ]
    with own.library.manifest.write() as tx:
        duplicates.replace_groups(tx, rows)
    with running(own, model=False) as client:
        yield client, own


def test_paths_are_those_that_the_system_knows(client: TestClient, small: SmallLibrary) -> None:
    plain = client.post(f"{URL}/paths", json=ALL)
    assert plain.headers["content-type"].startswith("text/plain")
    expected = {str(path) for path in small.photos.rglob("*") if path.suffix in (".jpg", ".png")}
    expected -= {str(small.photos / "Garden/broken.jpg"), str(small.photos / "Lisbon 2023/gold again.jpg")}
    assert set(plain.text.splitlines()) == expected
    ended = client.post(f"{URL}/paths", json={"query": {"q": "camera:X-T5"}, "end": "nul"}).content
    assert len(ended.rstrip(b"\0").split(b"\0")) == 4
    assert ended.endswith(b"\0")
    one = client.post(f"{URL}/paths", json={"photo_ids": [small.photo_id("orange größe.jpg")]}).text
    assert one == f"{small.photos / 'Lisbon 2023/Ünïcode/orange größe.jpg'}\n"


def test_a_stream_goes_on_with_the_index_that_took_over(
    client: TestClient, small: SmallLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Retired:
        """The index of before, which is closed some time after another took over."""

        def __init__(self, index: VectorIndex) -> None:
            self.index, self.closed = index, False

        def __getattr__(self, name: str) -> Any:
            assert not self.closed
            return getattr(self.index, name)

    services = client.app.state.services  # type: ignore[attr-defined]
    after = services.live.index
    before = Retired(after)
    serving = [before]
    monkeypatch.setattr(LiveIndex, "index", property(lambda live: serving[-1]))
    monkeypatch.setattr(chosen_photos, "_BATCH", 3)
    for chosen in (Chosen(query=SearchQuery()), Chosen(photo_ids=[UUID(each) for each in after.ids(None, 9, None)])):
        before.closed, serving[:] = False, [before]
        shown = payloads_of(chosen, services)
        first = next(shown)
        serving.append(after)
        before.closed = True
        assert len({first["photo_id"], *(each["photo_id"] for each in shown)}) == 8


def test_what_the_manifest_refuses_is_an_error_and_no_broken_stream(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(manifest: Manifest) -> list[str]:
        raise LoupeError("MANIFEST_BUSY", "Another program has the file open.")

    monkeypatch.setattr(handoff, "watched_folders", busy)
    for reply in (
        client.post(f"{URL}/zip", json=ALL),
        client.post(f"{URL}/dataset", json={**ALL, "format": "webdataset"}),
    ):
        assert (reply.status_code, reply.json()["error"]["code"]) == (503, "MANIFEST_BUSY")


def test_a_zip_holds_the_originals_as_they_are(client: TestClient, small: SmallLibrary) -> None:
    reply = client.post(f"{URL}/zip", json=ALL)
    assert reply.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
        assert archive.testzip() is None
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
        assert len(archive.namelist()) == 8
        original = small.photos / "Lisbon 2023/Ünïcode/orange größe.jpg"
        assert archive.read("orange größe.jpg") == original.read_bytes()


def test_a_form_is_answered_with_the_same_zip(client: TestClient, small: SmallLibrary) -> None:
    chosen = {"photo_ids": [small.photo_id("red.jpg")]}
    reply = client.post(f"{URL}/zip/form", data={"chosen": json.dumps(chosen)})
    assert reply.headers["content-disposition"] == 'attachment; filename="photos.zip"'
    with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
        assert archive.read("red.jpg") == (small.photos / "Lisbon 2023/red.jpg").read_bytes()
    for said in ("{", "{}", json.dumps({"photo_ids": []})):
        refused = client.post(f"{URL}/zip/form", data={"chosen": said})
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "INVALID_REQUEST")
    elsewhere = client.post(
        f"{URL}/zip/form", data={"chosen": json.dumps(chosen)}, headers={"Origin": "http://evil.example"}
    )
    assert (elsewhere.status_code, elsewhere.json()["error"]["code"]) == (403, "CROSS_SITE")


def test_a_form_may_name_as_many_photos_as_a_request(client: TestClient, small: SmallLibrary) -> None:
    known = small.photo_id("red.jpg")
    many = {"photo_ids": [known, *(str(UUID(int=number)) for number in range(99_999))]}
    reply = client.post(f"{URL}/zip/form", data={"chosen": json.dumps(many)})
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "PHOTO_NOT_FOUND")


def test_what_cannot_be_read_is_named_in_the_zip(own: SmallLibrary, tmp_path: Path) -> None:
    moved = SmallLibrary(own.settings, tmp_path / "Elsewhere")
    moved.photos.mkdir()
    from small_library import draw_photo

    draw_photo(moved.photos / "there.jpg", "red", "white", 3, (64, 48))
    draw_photo(moved.photos / "gone.jpg", "blue", "white", 4, (64, 48))
    moved.add_folder(moved.photos)
    moved.take_in()
    (moved.photos / "gone.jpg").unlink()
    (moved.photos / "gone.jpg").symlink_to("/etc/hostname")  # outside of what is watched
    with running(moved, model=False) as http:
        reply = http.post(f"{URL}/zip", json={"query": {"q": "folder:Elsewhere"}})
    with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
        assert archive.namelist() == ["there.jpg", LEFT_OUT]
        assert archive.read(LEFT_OUT) == b"gone.jpg\n"


@pytest.mark.parametrize("seed", range(4))
def test_no_split_divides_what_belongs_together(grouped: tuple[TestClient, SmallLibrary], seed: int) -> None:
    http, own = grouped
    asked = {**ALL, "format": "csv", "shares": "40,30,30", "seed": seed}
    table = http.post(f"{URL}/dataset", json=asked)
    rows = {row["photo_id"]: row for row in csv.DictReader(io.StringIO(table.content.decode()))}
    assert len(rows) == 8
    together = {rows[own.photo_id(f"{name}.jpg")]["split"] for name in ("red", "green", "gold")}
    assert len(together) == 1
    parts = {
        split: http.post(f"{URL}/dataset", json={**asked, "split": split}).content.decode()
        for split in ("train", "val", "test")
    }
    for split, part in parts.items():
        listed = list(csv.DictReader(io.StringIO(part)))
        assert {row["photo_id"] for row in listed} == {key for key, row in rows.items() if row["split"] == split}


def test_coco_captions(grouped: tuple[TestClient, SmallLibrary]) -> None:
    http, own = grouped
    document = http.post(f"{URL}/dataset", json={**ALL, "format": "coco"}).json()
    assert sorted(document) == ["annotations", "images", "info", "licenses"]
    images = {image["id"]: image for image in document["images"]}
    assert len(images) == 8
    said = {images[each["image_id"]]["loupe_photo_id"]: each["caption"] for each in document["annotations"]}
    assert said == {own.photo_id(name): caption for name, caption in CAPTIONS.items()}
    red = next(image for image in images.values() if image["loupe_photo_id"] == own.photo_id("red.jpg"))
    assert (red["file_name"], red["width"], red["height"]) == (f"{own.photo_id('red.jpg')}.jpg", 640, 480)


def test_a_webdataset_shard(grouped: tuple[TestClient, SmallLibrary]) -> None:
    http, own = grouped
    reply = http.post(f"{URL}/dataset", json={"query": {"q": "folder:Lisbon*"}, "format": "webdataset"})
    with tarfile.open(fileobj=io.BytesIO(reply.content)) as shard:
        names = shard.getnames()
        keys = [name.partition(".")[0] for name in names]
        assert len(names) == 15
        assert [keys[at] for at in range(0, 15, 3)] == list(dict.fromkeys(keys)), "a sample's files follow one another"
        blue = own.photo_id("blue.png")
        content = {name: shard.extractfile(f"{blue}.{name}") for name in ("png", "txt", "json")}
        read = {name: stream.read() for name, stream in content.items() if stream}
    assert read["png"] == (own.photos / "Lisbon 2023/blue.png").read_bytes()
    assert read["txt"].decode() == CAPTIONS["blue.png"]
    assert json.loads(read["json"])["file_name"] == "blue.png"


@pytest.mark.parametrize(
    ("path", "body", "refused"),
    [
        ("paths", {"query": {"q": "iso:many"}}, (422, "QUERY_INVALID")),
        ("paths", {}, (422, "INVALID_REQUEST")),
        ("zip", {"query": {}, "photo_ids": []}, (422, "INVALID_REQUEST")),
        ("dataset", {**ALL, "format": "csv", "shares": "1,2"}, (422, "INVALID_REQUEST")),
        ("dataset", {**ALL, "format": "csv", "shares": "nan,1,1"}, (422, "INVALID_REQUEST")),
        ("dataset", {**ALL, "format": "csv", "shares": "0,0,0"}, (422, "INVALID_REQUEST")),
    ],
)
def test_what_cannot_be_handed_out_is_an_error_and_no_broken_stream(
    client: TestClient, path: str, body: dict[str, Any], refused: tuple[int, str]
) -> None:
    reply = client.post(f"{URL}/{path}", json=body)
    assert (reply.status_code, reply.json()["error"]["code"]) == refused
