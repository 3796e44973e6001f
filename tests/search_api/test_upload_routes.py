"""Sending photos to be kept, and choosing folders."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image
from running_app import LOCAL, running, wait_until
from small_library import SmallLibrary
from starlette.exceptions import HTTPException

from resources.directories import check_offered
from resources.errors import LoupeError
from resources.manifest import jobs
from resources.receiving import UNFINISHED_FOLDER, Receiver
from resources.settings import Settings
from search_api.main import create_app


def picture(colour: str) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", (320, 240), colour).save(written, "JPEG")
    return written.getvalue()


@pytest.fixture
def changing(own: SmallLibrary) -> Iterator[TestClient]:
    with running(own, model=False) as client:
        yield client


def send(client: TestClient, files: dict[str, bytes], **where: str) -> dict[str, Any]:
    parts = [("file", (name, content)) for name, content in files.items()]
    reply = client.post("/api/v1/uploads", files=parts, params=where)
    assert reply.status_code == 200, reply.text
    content: dict[str, Any] = reply.json()
    return content


def test_what_is_sent_is_kept_read_and_found(changing: TestClient, own: SmallLibrary) -> None:
    files = {"Harbour/salmon.jpg": picture("salmon"), "Harbour/Größe/plum.jpg": picture("plum")}
    sent = send(changing, files)
    assert (sent["stored"], sent["refused"], sent["job_id"]) == (2, 0, None)
    assert "Dagster" in sent["note"], "the files are kept though nothing reads them now"
    folder = own.settings.home / "uploads"
    assert [each["path"] for each in sent["files"]] == [str(folder / name) for name in files]
    assert (folder / "Harbour/salmon.jpg").read_bytes() == files["Harbour/salmon.jpg"]
    assert not (folder / UNFINISHED_FOLDER).exists()
    watched = {each["path"]: each for each in changing.get("/api/v1/folders").json()["folders"]}
    assert watched[str(folder)]["root_id"] == sent["root_id"]
    own.take_in()
    wait_until(lambda: changing.get("/api/v1/search", params={"q": "filename:salmon"}).json()["total"] == 1)
    again = send(changing, files)
    assert (again["stored"], again["same"]) == (0, 2)
    elsewhere = send(changing, {"Copies/other name.jpg": files["Harbour/salmon.jpg"]})
    assert elsewhere["files"][0]["status"] == "known"
    assert elsewhere["files"][0]["path"] == str(folder / "Harbour/salmon.jpg")
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*.jpg")) == sorted(files)


def test_a_sidecar_goes_where_the_photo_of_its_request_went(changing: TestClient, own: SmallLibrary) -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"></x:xmpmeta>'
    folder = own.settings.home / "uploads"
    send(changing, {"IMG_1.jpg": picture("salmon")})
    alone = send(changing, {"IMG_1.xmp": xmp})["files"]
    assert [(each["status"], each["code"]) for each in alone] == [("refused", "UPLOAD_REFUSED")]
    both = send(changing, {"IMG_1.xmp": xmp, "notes.txt": b"none", "IMG_1.jpg": picture("plum")})["files"]
    assert [each["name"] for each in both] == ["IMG_1.xmp", "notes.txt", "IMG_1.jpg"]
    assert [each["path"] for each in both] == [str(folder / "IMG_1 (2).xmp"), None, str(folder / "IMG_1 (2).jpg")]
    own.take_in()
    again = send(changing, {"IMG_1.jpg": picture("plum"), "IMG_1.xmp": xmp})["files"]
    assert [each["status"] for each in again] == ["known", "same"]
    red = (next(own.photos.rglob("red.jpg"))).read_bytes()
    elsewhere = send(changing, {"red.jpg": red, "red.xmp": xmp})["files"]
    assert [each["status"] for each in elsewhere] == ["known", "refused"], "no folder is written to that was not chosen"
    assert sorted(path.name for path in folder.iterdir()) == ["IMG_1 (2).jpg", "IMG_1 (2).xmp", "IMG_1.jpg"]


@pytest.mark.parametrize(
    ("fault", "code"),
    [(LoupeError("DISK_FULL", "The disk is full."), "DISK_FULL"), (HTTPException(status_code=408), "REQUEST_TIMEOUT")],
)
def test_what_came_before_a_request_ended_is_watched_and_audited(
    changing: TestClient, own: SmallLibrary, monkeypatch: pytest.MonkeyPatch, fault: Exception, code: str
) -> None:
    folder, room = own.settings.home / "uploads", Receiver.check_room

    def ends_after_the_first(receiver: Receiver, more_bytes: int) -> None:
        if (folder / "first.jpg").exists():
            raise fault
        room(receiver, more_bytes)

    monkeypatch.setattr(Receiver, "check_room", ends_after_the_first)
    sent = send(changing, {"first.jpg": picture("salmon"), "second.jpg": picture("plum")})
    assert ([each["name"] for each in sent["files"]], sent["stored"], sent["code"]) == (["first.jpg"], 1, code)
    assert str(folder) in {each["path"] for each in changing.get("/api/v1/folders").json()["folders"]}
    assert [row["affected"] for row in changing.get("/api/v1/audit").json()["changes"]] == [1]
    refused = changing.post("/api/v1/uploads", files={"file": ("second.jpg", picture("plum"))})
    assert (refused.status_code, refused.json()["error"]["code"]) == ((507 if code == "DISK_FULL" else 408), code)


def test_while_a_run_is_at_work_no_other_is_queued(changing: TestClient, own: SmallLibrary) -> None:
    with own.library.manifest.write() as tx:
        jobs.queue(tx, "run-1", "ingest", "1 folder", {"folders": ["a~1"]})
    sent = send(changing, {"New/salmon.jpg": picture("salmon")})
    assert (sent["stored"], sent["job_id"]) == (1, None)
    assert "at work" in sent["note"]
    own.take_in()
    wait_until(lambda: changing.get("/api/v1/search", params={"q": "filename:salmon"}).json()["total"] == 1)


def test_a_watched_folder_can_be_chosen_and_a_path_given_for_each(
    changing: TestClient, own: SmallLibrary, tmp_path: Path
) -> None:
    chosen = tmp_path / "Chosen"
    chosen.mkdir()
    (chosen / "first.jpg").write_bytes(picture("navy"))
    root_id = own.add_folder(chosen).root_id
    parts = [
        ("path", (None, "deep/one.jpg")),
        ("file", ("ignored.jpg", picture("olive"))),
        ("file", ("two.jpg", picture("tan"))),
        ("file", ("page.jpg", b"<html>")),
        ("file", ("../../out.jpg", picture("red"))),
        ("file", ("/etc/out.jpg", picture("red"))),
    ]
    reply = changing.post("/api/v1/uploads", files=parts, params={"root_id": root_id, "folder": "New"}).json()
    assert [(each["status"], each["code"]) for each in reply["files"]] == [
        ("stored", None),
        ("stored", None),
        ("refused", "UPLOAD_REFUSED"),
        ("refused", "UPLOAD_PATH_INVALID"),
        ("refused", "UPLOAD_PATH_INVALID"),
    ]
    assert sorted(str(path.relative_to(chosen)) for path in chosen.rglob("*.jpg")) == [
        "New/deep/one.jpg",
        "New/two.jpg",
        "first.jpg",
    ]
    assert not list(tmp_path.rglob("out.jpg"))


@pytest.mark.parametrize("query", [{"root_id": "none"}, {"folder": "../.."}, {"folder": "/etc"}, {"folder": "a\0b"}])
def test_no_folder_elsewhere_can_be_named(client: TestClient, query: dict[str, str]) -> None:
    reply = client.post("/api/v1/uploads", files={"file": ("a.jpg", picture("red"))}, params=query)
    assert reply.status_code in (404, 422)
    assert reply.json()["error"]["code"] in ("ROOT_NOT_FOUND", "UPLOAD_PATH_INVALID")


def test_what_is_no_form_and_what_is_cut_off_is_said(changing: TestClient) -> None:
    for headers, body in (
        ({"Content-Type": "application/json"}, b"{}"),
        ({"Content-Type": "multipart/form-data"}, b"x"),
        ({"Content-Type": "multipart/form-data; boundary=b"}, b"no boundary here"),
        (
            {"Content-Type": "multipart/form-data; boundary=b"},
            b"--b\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n--b--\r\n",
        ),
    ):
        reply = changing.post("/api/v1/uploads", headers=headers, content=body)
        assert (reply.status_code, reply.json()["error"]["code"]) == (422, "INVALID_REQUEST"), body
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n'
    cut = head % b"whole.jpg" + picture("blue") + b"\r\n" + head % b"part.jpg" + picture("red")[:300]
    reply = changing.post(
        "/api/v1/uploads", headers={"Content-Type": "multipart/form-data; boundary=b"}, content=cut
    ).json()
    assert [each["name"] for each in reply["files"]] == ["whole.jpg"]
    assert not list(Path(reply["folder"]).rglob("part*"))


def test_an_upload_stays_within_the_limits(own: SmallLibrary) -> None:
    settings = own.settings.model_copy(update={"upload_keep_free_bytes": 1 << 60})
    with TestClient(create_app(settings), base_url="http://localhost", client=LOCAL) as client:
        reply = client.post("/api/v1/uploads", files={"file": ("a.jpg", picture("red"))})
        assert (reply.status_code, reply.json()["error"]["code"]) == (507, "DISK_FULL")
    settings = own.settings.model_copy(update={"upload_max_bytes": 500})
    with TestClient(create_app(settings), base_url="http://localhost", client=LOCAL) as client:
        reply = client.post("/api/v1/uploads", files={"file": ("a.jpg", picture("red"))})
        assert (reply.status_code, reply.json()["error"]["code"]) == (413, "TOO_LARGE")
    assert not list(own.settings.home.glob("uploads/*"))


@pytest.fixture
def shelves(own: SmallLibrary, tmp_path: Path) -> Iterator[tuple[TestClient, Path]]:
    """An app that lists what stands in `Open`; beside it stands `Closed`."""
    place, closed = tmp_path / "Open", tmp_path / "Closed"
    for folder in (place / "Summer/Sea", place / ".hidden", closed / "Private"):
        folder.mkdir(parents=True)
    for number in range(3):
        (place / f"Summer/{number}.jpg").write_bytes(picture("red"))
    (place / "Summer/notes.pdf").write_text("no photo")
    (place / "inside").symlink_to(place / "Summer")
    (place / "outside").symlink_to(closed)
    settings = own.settings.model_copy(update={"browse_roots": (place,)})
    with TestClient(create_app(settings), base_url="http://localhost", client=LOCAL) as client:
        yield client, place


def test_folders_are_listed_below_the_roots_alone(shelves: tuple[TestClient, Path]) -> None:
    client, place = shelves
    roots = client.get("/api/v1/directories").json()
    assert [each["path"] for each in roots["directories"]] == [str(place)]
    inside = client.get("/api/v1/directories", params={"path": str(place)}).json()
    assert {each["name"]: (each["photos"], each["hidden"]) for each in inside["directories"]} == {
        "Summer": (3, False),
        "inside": (3, False),
        ".hidden": (0, True),
    }
    assert inside["parent"] is None
    below = client.get("/api/v1/directories", params={"path": str(place / "inside")}).json()
    assert (below["path"], below["parent"]) == (str(place / "Summer"), str(place))
    for path in (place.parent, place / "outside", place / "outside/Private", place / "..", "/etc", "etc", f"{place}\0"):
        reply = client.get("/api/v1/directories", params={"path": str(path)})
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, "DIR_NOT_ALLOWED"), path
        watched = client.post("/api/v1/folders", json={"path": str(path)})
        assert watched.json()["error"]["code"] in ("DIR_NOT_ALLOWED", "INVALID_REQUEST"), path
        moved = client.post("/api/v1/folders/move", json={"old": str(place), "new": str(path)})
        assert moved.json()["error"]["code"] in ("DIR_NOT_ALLOWED", "INVALID_REQUEST"), path
    assert (
        client.post("/api/v1/folders", json={"path": str(place / "Summer")}).json()["error"]["code"]
        != "DIR_NOT_ALLOWED"
    )
    missing = client.get("/api/v1/directories", params={"path": str(place / "none")})
    assert missing.json()["error"]["code"] == "DIR_NOT_FOUND"


def test_what_is_watched_is_marked(shelves: tuple[TestClient, Path], own: SmallLibrary) -> None:
    client, place = shelves
    own.add_folder(place / "Summer")
    listed = client.get("/api/v1/directories", params={"path": str(place)}).json()["directories"]
    assert {each["name"] for each in listed if each["watched"]} == {"Summer"}
    assert os.path.isdir(place)


def test_roots_may_be_links_and_disks_that_are_away(shelves: tuple[TestClient, Path], tmp_path: Path) -> None:
    _, place = shelves
    (tmp_path / "photos").symlink_to(place)
    (tmp_path / "disk").symlink_to(tmp_path / "unplugged")
    settings = Settings(home=tmp_path / "none", browse_roots=(tmp_path / "photos", tmp_path / "disk"))
    for path in (place / "Summer", tmp_path / "photos/Summer", tmp_path / "disk/2024", tmp_path / "unplugged"):
        check_offered(settings, str(path))
    for path in (tmp_path, place.parent, place / "outside"):
        with pytest.raises(LoupeError) as refused:
            check_offered(settings, str(path))
        assert refused.value.code == "DIR_NOT_ALLOWED"
