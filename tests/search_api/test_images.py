"""One photo over HTTP: facts, pictures with caching, originals with ranges and bounds."""

from __future__ import annotations

import io
import os
import uuid

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from running_app import running
from small_library import SmallLibrary, draw_photo


def test_info_tells_everything_about_a_photo(client: TestClient, small: SmallLibrary) -> None:
    photo = client.get(f"/api/v1/images/{small.photo_id('red.jpg')}").json()
    assert photo["caption"] == "a red circle on a blue wall"
    assert photo["taken_at"] == "2023-06-10T10:30:00"
    assert (photo["camera"], photo["iso"], photo["f_number"]) == ("Canon EOS R5", 200, 2.8)
    assert (photo["width"], photo["height"], photo["format"]) == (640, 480, "JPEG")
    assert [file["path"] for file in photo["files"]] == [str(small.photos / "Lisbon 2023/red.jpg")]
    assert photo["searchable_by_content"]
    assert not photo["offline"]


def test_two_files_with_the_same_bytes_are_one_photo_in_two_places(client: TestClient, small: SmallLibrary) -> None:
    photo = client.get(f"/api/v1/images/{small.photo_id('gold again.jpg')}").json()
    assert {os.path.basename(file["path"]) for file in photo["files"]} == {"gold.jpg", "gold again.jpg"}


@pytest.mark.parametrize(("kind", "long_edge"), [("thumbnail", 256), ("preview", 640)])
def test_pictures_are_jpeg_of_the_expected_size(
    client: TestClient, small: SmallLibrary, kind: str, long_edge: int
) -> None:
    reply = client.get(f"/api/v1/images/{small.photo_id('red.jpg')}/{kind}")
    assert reply.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(reply.content)) as image:
        assert max(image.size) == long_edge


def test_the_address_in_a_result_may_be_kept_for_ever_and_others_are_asked_again(client: TestClient) -> None:
    photo = client.post("/api/v1/search", json={"limit": 1}).json()["hits"][0]
    versioned = client.get(photo["thumbnail_url"])
    assert versioned.status_code == 200
    assert "immutable" in versioned.headers["cache-control"]
    plain = client.get(photo["thumbnail_url"].partition("?")[0])
    assert "no-cache" in plain.headers["cache-control"]
    again = client.get(photo["thumbnail_url"], headers={"If-None-Match": versioned.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""


def test_an_original_comes_whole_and_by_range(client: TestClient, small: SmallLibrary) -> None:
    url = f"/api/v1/images/{small.photo_id('orange größe.jpg')}/original"
    data = (small.photos / "Lisbon 2023/Ünïcode/orange größe.jpg").read_bytes()
    whole = client.get(url)
    assert whole.content == data
    assert whole.headers["content-type"] == "image/jpeg"
    part = client.get(url, headers={"Range": "bytes=100-199"})
    assert part.status_code == 206
    assert part.content == data[100:200]
    beyond = client.get(url, headers={"Range": f"bytes={len(data)}-"})
    assert (beyond.status_code, beyond.headers["content-range"]) == (416, f"bytes */{len(data)}")
    assert beyond.json()["error"]["code"] == "INVALID_REQUEST"
    assert client.get(url, headers={"Range": "bytes=5-1"}).json()["error"]["code"] == "INVALID_REQUEST"
    again = client.get(url, headers={"If-None-Match": whole.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", whole.headers["etag"])
    assert client.get(url, headers={"If-None-Match": '"another"'}).content == data


def test_a_renamed_photo_goes_by_its_new_name(own: SmallLibrary) -> None:
    folder = own.settings.home.parent / "Scans"
    draw_photo(folder / "scan0001.jpg", "cyan", "maroon", 99)
    own.add_folder(folder)
    own.take_in()
    photo_id = own.photo_id("scan0001.jpg")
    (folder / "scan0001.jpg").rename(folder / "Grandma größer.jpg")
    own.take_in()
    with own.library.manifest.read() as tx:  # what was first read stays on record
        assert tx.value("SELECT file_name FROM photos WHERE photo_id = ?", [photo_id]) == "scan0001.jpg"
    with running(own) as client:
        [hit] = client.post("/api/v1/search", json={"filters": {"folder": str(folder)}}).json()["hits"]
        assert (hit["photo_id"], hit["file_name"]) == (photo_id, "Grandma größer.jpg")
        assert client.get(f"/api/v1/images/{photo_id}").json()["file_name"] == "Grandma größer.jpg"
        original = client.get(f"/api/v1/images/{photo_id}/original")
        assert "filename*=utf-8''Grandma%20gr%C3%B6%C3%9Fer.jpg" in original.headers["content-disposition"]


@pytest.mark.parametrize("path", ["", "/thumbnail", "/preview", "/original", "/similar"])
def test_an_unknown_photo_is_not_found(client: TestClient, path: str) -> None:
    reply = client.get(f"/api/v1/images/{uuid.uuid4()}{path}")
    assert reply.status_code == 404
    assert reply.json()["error"]["code"] == "PHOTO_NOT_FOUND"


@pytest.mark.parametrize("photo_id", ["..%2F..%2Fetc%2Fpasswd", "%2e%2e", "1", "' OR 1=1 --"])
def test_what_is_no_id_reaches_no_file(client: TestClient, photo_id: str) -> None:
    reply = client.get(f"/api/v1/images/{photo_id}/original")
    assert reply.status_code in (404, 422)
    assert "passwd" not in reply.text or reply.json()["error"]["code"] in ("INVALID_REQUEST", "NOT_FOUND")


def test_a_file_that_became_a_link_out_of_its_folder_is_not_served(own: SmallLibrary, tmp_path: object) -> None:
    folder = own.settings.home.parent / "Linked"
    draw_photo(folder / "once.jpg", "red", "white", 77)
    own.add_folder(folder)
    own.take_in()
    photo_id = own.photo_id("once.jpg")
    (folder / "once.jpg").unlink()
    (folder / "once.jpg").symlink_to("/etc/hostname")
    with running(own) as client:
        reply = client.get(f"/api/v1/images/{photo_id}/original")
    assert reply.status_code == 404
    assert reply.json()["error"]["code"] == "ORIGINAL_OFFLINE"


def test_a_missing_original_keeps_its_preview(own: SmallLibrary) -> None:
    folder = own.settings.home.parent / "Unplugged"
    draw_photo(folder / "kept.jpg", "red", "white", 78)
    own.add_folder(folder)
    own.take_in()
    (folder / "kept.jpg").unlink()
    with running(own) as client:
        url = f"/api/v1/images/{own.photo_id('kept.jpg')}"
        assert client.get(f"{url}/original").json()["error"]["code"] == "ORIGINAL_OFFLINE"
        assert client.get(f"{url}/preview").status_code == 200
