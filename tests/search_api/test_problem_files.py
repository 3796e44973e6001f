"""Failures, warnings and skipped files over HTTP; trying failures again, with Dagster and without."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from running_app import running
from small_library import SmallLibrary, draw_photo

from resources.home import this_process
from resources.imaging import DECODER_VERSION
from resources.manifest import failures, jobs


@pytest.fixture(scope="module")
def kept(small: SmallLibrary, tmp_path_factory: pytest.TempPathFactory) -> SmallLibrary:
    """The small library and a folder with a photo cut in half, three broken files, a video, and a locked folder.

    Never changed by a test.
    """
    own = small.copied(tmp_path_factory.mktemp("problems") / "home")
    folder = own.settings.home.parent / "Rough"
    draw_photo(folder / "cut.jpg", "red", "white", 91)
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:30_000])
    (folder / "zero.jpg").write_bytes(b"")
    (folder / "deep").mkdir()
    (folder / "deep/text.jpg").write_text("not a photo at all")
    (folder / "deep/größer.jpg").write_text("nor this")
    (folder / "deep/clip.mov").write_bytes(b"\0\0\0\x14ftypqt  " + bytes(64))
    root = own.add_folder(folder)
    own.take_in()
    with own.library.manifest.write() as tx:  # as the inventory notes a folder that it may not list
        failures.record(
            tx,
            [
                {
                    "root_id": root.root_id,
                    "rel_path": "deep/locked",
                    "partition_key": root.partition_keys[0],
                    "sha256": None,
                    "size_bytes": None,
                    "mtime_ns": None,
                    "stage": "file_inventory",
                    "code": "NO_PERMISSION",
                    "message": "The folder may not be read.",
                    "page": 1,
                    "decoder_version": DECODER_VERSION,
                }
            ],
        )
    return own


@pytest.fixture(scope="module")
def folder(kept: SmallLibrary) -> Path:
    return kept.settings.home.parent / "Rough"


@pytest.fixture(scope="module")
def reads(kept: SmallLibrary) -> Iterator[TestClient]:
    """A client that changes nothing."""
    with running(kept) as client:
        yield client


@pytest.fixture
def rough(kept: SmallLibrary, tmp_path: Path) -> SmallLibrary:
    """A copy of the home, for a test that changes it."""
    return kept.copied(tmp_path / "home")


@pytest.fixture
def http(rough: SmallLibrary) -> Iterator[TestClient]:
    with running(rough) as client:
        yield client


def names(reply: Any, key: str = "failures") -> list[str]:
    assert reply.status_code == 200, reply.text
    return [Path(row["path"]).name for row in reply.json()[key]]


def test_failures_are_narrowed_by_code_stage_and_folder(reads: TestClient, folder: Path) -> None:
    whole = reads.get("/api/v1/failures")
    assert sorted(names(whole)) == ["broken.jpg", "größer.jpg", "locked", "text.jpg", "zero.jpg"]
    assert whole.json()["total"] == 5
    kinds = {kind["code"]: kind for kind in whole.json()["by_code"]}
    assert {code: kind["count"] for code, kind in kinds.items()} == {
        "NOT_AN_IMAGE": 2,
        "EMPTY_FILE": 1,
        "NO_PERMISSION": 1,
        "TRUNCATED": 1,
    }
    assert kinds["EMPTY_FILE"]["meaning"] == "The file has no bytes."
    assert kinds["EMPTY_FILE"]["advice"]
    assert whole.json()["by_stage"] == [
        {"stage": "file_inventory", "count": 1},
        {"stage": "decoded_images", "count": 4},
    ]

    def listed(**params: Any) -> list[str]:
        return names(reads.get("/api/v1/failures", params=params))

    assert listed(code="EMPTY_FILE") == ["zero.jpg"]
    assert listed(code=["EMPTY_FILE", "TRUNCATED"]) == ["zero.jpg", "broken.jpg"]
    assert listed(stage="file_inventory") == ["locked"]
    assert listed(under=str(folder / "deep")) == ["größer.jpg", "text.jpg", "locked"]
    assert listed(under=f"{folder}/deep/") == ["größer.jpg", "text.jpg", "locked"]
    assert listed(under=str(folder / "de")) == []
    assert listed(under=str(folder), code="NOT_AN_IMAGE", stage="captions") == []
    narrowed = reads.get("/api/v1/failures", params={"under": str(folder), "code": "EMPTY_FILE"}).json()
    assert (narrowed["total"], sum(kind["count"] for kind in narrowed["by_code"])) == (1, 4)


def test_pages_of_failures_follow_one_another(reads: TestClient) -> None:
    whole = names(reads.get("/api/v1/failures"))
    pages = [names(reads.get("/api/v1/failures", params={"limit": 2, "offset": at})) for at in (0, 2, 4, 6)]
    assert [len(page) for page in pages] == [2, 2, 1, 0]
    assert [name for page in pages for name in page] == whole


def retry(client: TestClient, **body: Any) -> dict[str, Any]:
    reply = client.post("/api/v1/failures/retry", json=body)
    assert reply.status_code == 202, reply.text
    content: dict[str, Any] = reply.json()
    return content


def test_without_dagster_what_is_to_be_tried_again_is_noted(
    http: TestClient, rough: SmallLibrary, folder: Path
) -> None:
    said = retry(http, paths=[str(folder / "zero.jpg"), str(folder / "nothing.jpg")])
    assert (said["retried"], said["job_id"]) == (1, None)
    assert said["unknown"] == [str(folder / "nothing.jpg")]
    assert "Dagster does not run now" in said["note"]
    [row] = http.get("/api/v1/failures", params={"code": "EMPTY_FILE"}).json()["failures"]
    assert (row["retried"], row["attempts"]) == (True, 1)
    try:
        draw_photo(folder / "zero.jpg", "red", "white", 92)  # mended
        assert rough.take_in().decoded == 1
    finally:
        (folder / "zero.jpg").write_bytes(b"")  # the folder is that of all tests here
    assert "zero.jpg" not in names(http.get("/api/v1/failures"))


def test_one_by_its_id_some_by_code_and_folder_and_all(http: TestClient, folder: Path) -> None:
    rows = {Path(row["path"]).name: row for row in http.get("/api/v1/failures").json()["failures"]}
    assert retry(http, ids=[rows["größer.jpg"]["id"]])["retried"] == 1
    assert retry(http, codes=["NOT_AN_IMAGE"], under=str(folder / "deep"))["retried"] == 2
    assert retry(http, codes=["DECODE_RAW"]) == {"retried": 0, "unknown": [], "job_id": None, "note": None}
    assert retry(http, stages=["file_inventory"])["retried"] == 1
    listed = http.get("/api/v1/failures").json()["failures"]
    assert sorted(Path(row["path"]).name for row in listed if row["retried"]) == ["größer.jpg", "text.jpg"]
    assert retry(http, all=True)["retried"] == 5


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"all": False},
        {"all": True, "codes": ["TRUNCATED"]},
        {"ids": ["' OR 1=1 --"]},
        {"paths": [""]},
        {"everything": True},
    ],
)
def test_a_retry_that_does_not_say_which_is_refused(reads: TestClient, body: dict[str, Any]) -> None:
    reply = reads.post("/api/v1/failures/retry", json=body)
    assert reply.status_code == 422
    assert reply.json()["error"]["code"] == "INVALID_REQUEST"
    assert reads.get("/api/v1/failures").json()["total"] == 5


def test_what_is_no_problem_file_is_not_found(reads: TestClient, folder: Path) -> None:
    for body in ({"paths": [str(folder / "cut.jpg")]}, {"ids": ["0" * 32]}):
        reply = reads.post("/api/v1/failures/retry", json=body)
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "FAILURE_NOT_FOUND")


def test_while_a_run_works_no_other_is_started(http: TestClient, rough: SmallLibrary) -> None:
    with rough.library.manifest.write() as tx:
        jobs.start(tx, "run-1", "ingest", "1 folder")
    said = retry(http, codes=["EMPTY_FILE"])
    assert said["job_id"] is None
    assert "right after it" in said["note"]


@pytest.mark.slow
def test_with_dagster_a_run_over_their_folders_starts(rough: SmallLibrary, webserver: str) -> None:
    rough.library.home.run.mkdir(exist_ok=True)
    rough.library.home.dagster_file.write_text(json.dumps({"url": webserver, **this_process()}))
    with running(rough) as client:
        said = retry(client, codes=["NOT_AN_IMAGE", "EMPTY_FILE"])
        assert (said["retried"], said["note"]) == (3, None)
        job = client.get(f"/api/v1/jobs/{said['job_id']}").json()
        assert (job["state"], job["kind"], job["target"]) == ("queued", "ingest", "2 folders")


def test_photos_with_a_warning_are_listed_with_what_it_means(reads: TestClient, folder: Path) -> None:
    reply = reads.get("/api/v1/warnings")
    assert names(reply, "photos") == ["cut.jpg"]
    [photo] = reply.json()["photos"]
    assert photo["warnings"] == ["TRUNCATED"]
    assert reads.get(photo["thumbnail_url"]).status_code == 200
    [kind] = reply.json()["by_code"]
    assert (kind["code"], kind["count"]) == ("TRUNCATED", 1)
    assert kind["meaning"] == "The file is cut off: a part of the picture is missing."
    assert reads.get("/api/v1/warnings", params={"code": "PREVIEW_ONLY"}).json()["total"] == 0
    assert reads.get("/api/v1/warnings", params={"under": str(folder / "deep")}).json()["total"] == 0
    assert reads.get("/api/v1/warnings", params={"under": str(folder)}).json()["total"] == 1
    info = reads.get(f"/api/v1/images/{photo['photo_id']}").json()
    assert info["warnings"] == ["TRUNCATED"]
    assert [note["message"] for note in info["warning_notes"]] == [kind["meaning"]]
    assert reads.get("/api/v1/status").json()["warned"] == 1


def test_skipped_files_are_listed_by_reason(reads: TestClient, folder: Path) -> None:
    reply = reads.get("/api/v1/skipped")
    assert names(reply, "files") == ["notes.txt", "clip.mov"]
    assert reply.json()["by_reason"] == [
        {"reason": "not a photo by its name", "count": 1},
        {"reason": "video", "count": 1},
    ]
    assert names(reads.get("/api/v1/skipped", params={"reason": "video"}), "files") == ["clip.mov"]
    assert names(reads.get("/api/v1/skipped", params={"under": str(folder)}), "files") == ["clip.mov"]
    assert reads.get("/api/v1/skipped", params={"reason": "none"}).json()["total"] == 0


def test_photos_with_a_warning_are_read_again_and_stay_as_they_are_until_then(
    http: TestClient, rough: SmallLibrary, folder: Path
) -> None:
    again = http.post("/api/v1/warnings/retry", json={"codes": ["TRUNCATED"], "under": str(folder)})
    assert again.status_code == 202, again.text
    assert (again.json()["retried"], again.json()["job_id"]) == (1, None)
    assert http.get(f"/api/v1/images/{rough.photo_id('cut.jpg')}/thumbnail").status_code == 200
    assert rough.take_in().decoded == 1
    assert http.get("/api/v1/warnings").json()["total"] == 1


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("failures?code=TRUNKATED", "INVALID_REQUEST"),
        ("failures?stage=decoding", "INVALID_REQUEST"),
        ("failures?under=/nowhere", "ROOT_NOT_FOUND"),
        ("warnings?code=EMPTY_FILE", "INVALID_REQUEST"),
    ],
)
def test_codes_stages_and_folders_that_do_not_exist_are_refused(reads: TestClient, path: str, code: str) -> None:
    assert reads.get(f"/api/v1/{path}").json()["error"]["code"] == code


@pytest.mark.parametrize("path", ["failures?codes=TRUNCATED", "warnings?limit=0", "skipped?offset=-1"])
def test_listings_refuse_what_they_do_not_know(reads: TestClient, path: str) -> None:
    reply = reads.get(f"/api/v1/{path}")
    assert (reply.status_code, reply.json()["error"]["code"]) == (422, "INVALID_REQUEST")
