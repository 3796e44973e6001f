"""Folders, collections, jobs, failures and status over HTTP."""

from __future__ import annotations

import inspect
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from dagster import DagsterEventType, DagsterInstance
from fastapi.testclient import TestClient
from qdrant_client import QdrantClient
from qdrant_client.http.exceptions import ResponseHandlingException
from running_app import LOCAL, free_port, running, serving, wait_until
from small_library import PRESET, SmallLibrary, build, draw_photo, write_tiny_clip

from resources.engine import LocalEngine
from resources.home import this_process
from resources.manifest import jobs
from resources.vector_index import open_index, verify_through_owner
from resources.vector_index.embedded import EmbeddedIndex
from resources.vector_index.server import ServerIndex
from search_api import uploads
from search_api.main import create_app


@pytest.fixture
def changing(own: SmallLibrary) -> Iterator[TestClient]:
    with running(own) as client:
        yield client


# Folders


def test_folders_come_with_state_and_counts(client: TestClient, small: SmallLibrary) -> None:
    [folder] = client.get("/api/v1/folders").json()["folders"]
    assert folder["path"] == str(small.photos)
    assert folder["state"] == "online"
    assert (folder["photos"], folder["missing"], folder["skipped"], folder["waiting"]) == (8, 0, 1, 0)


def test_without_dagster_no_folder_is_added(changing: TestClient, tmp_path: Path) -> None:
    (tmp_path / "More").mkdir()
    reply = changing.post("/api/v1/folders", json={"path": str(tmp_path / "More")})
    assert reply.status_code == 503
    assert reply.json()["error"]["code"] == "DAGSTER_UNREACHABLE"
    missing = changing.post("/api/v1/folders", json={"path": str(tmp_path / "nowhere")})
    assert missing.json()["error"]["code"] == "DIR_NOT_FOUND"
    assert len(changing.get("/api/v1/folders").json()["folders"]) == 1
    assert changing.post("/api/v1/search", json={"text": "red"}).status_code == 200


@pytest.fixture
def with_dagster(own: SmallLibrary, webserver: str) -> Iterator[TestClient]:
    """A client of an app that reaches a Dagster."""
    own.library.home.run.mkdir(exist_ok=True)
    own.library.home.dagster_file.write_text(json.dumps({"url": webserver, **this_process()}))
    with running(own) as client:
        yield client


@pytest.mark.slow
def test_photos_that_are_sent_start_a_run_whose_log_can_be_read(with_dagster: TestClient, own: SmallLibrary) -> None:
    draw_photo(own.settings.home.parent / "sent.jpg", "red", "white", 71)
    parts = {"file": ("2024/sent.jpg", (own.settings.home.parent / "sent.jpg").read_bytes())}
    sent = with_dagster.post("/api/v1/uploads", files=parts).json()
    assert (sent["stored"], sent["note"]) == (1, None)
    job_id = sent["job_id"]
    with own.library.manifest.read() as tx:
        row = jobs.get(tx, job_id)
    assert row is not None
    assert row["target"] == "1 folder"
    assert with_dagster.get(f"/api/v1/ingest/status/{job_id}").json()["job_id"] == job_id
    wait_until(lambda: with_dagster.get(f"/api/v1/jobs/{job_id}/logs").json()["lines"] != [], 90)
    first = with_dagster.get(f"/api/v1/jobs/{job_id}/logs", params={"limit": 1}).json()
    assert len(first["lines"]) == 1
    assert first["dagster_url"].endswith(f"/runs/{job_id}")
    after = with_dagster.get(f"/api/v1/jobs/{job_id}/logs", params={"cursor": first["cursor"]}).json()
    assert first["lines"][0] not in after["lines"]


@pytest.mark.slow
def test_adding_a_folder_watches_it_and_starts_its_run(
    with_dagster: TestClient, own: SmallLibrary, dagster_home: Path
) -> None:
    folder = own.settings.home.parent / "Größe & Ünïcode"
    draw_photo(folder / "2019/one.jpg", "red", "white", 51)
    draw_photo(folder / "2020/two.jpg", "red", "white", 52)
    reply = with_dagster.post("/api/v1/folders", json={"path": str(folder)})
    assert reply.status_code == 201, reply.text
    added = reply.json()
    assert (added["folder"]["path"], added["photo_files"]) == (str(folder), 2)
    job = with_dagster.get(f"/api/v1/jobs/{added['job_id']}").json()
    assert (job["state"], job["kind"], job["target"]) == ("queued", "ingest", "2 folders")
    with DagsterInstance.from_config(str(dagster_home)) as instance:
        # Dagster does not stop a run in the moment in which it starts, and then not at all.
        begun = DagsterEventType.STEP_START
        wait_until(lambda: bool(instance.all_logs(added["job_id"], of_type=begun)), 120)
    wait_until(lambda: with_dagster.post(f"/api/v1/jobs/{added['job_id']}/cancel").status_code == 202, 60)
    assert with_dagster.get(f"/api/v1/jobs/{added['job_id']}").json()["state"] == "cancelled"


@pytest.mark.slow
def test_the_first_run_takes_the_folders_that_changed_last(
    with_dagster: TestClient, own: SmallLibrary, dagster_home: Path
) -> None:
    folder = own.settings.home.parent / "Many"
    for day in range(24):
        draw_photo(folder / f"day {day:02}/one.jpg", "red", "white", 60 + day, (64, 48))
        os.utime(folder / f"day {day:02}", (1_600_000_000 + day, 1_600_000_000 + day))
    with DagsterInstance.from_config(str(dagster_home)) as instance:
        before = set(instance.get_dynamic_partitions("folders"))
        added = with_dagster.post("/api/v1/folders", json={"path": str(folder)}).json()
        keys = set(instance.get_dynamic_partitions("folders")) - before
    assert with_dagster.get(f"/api/v1/jobs/{added['job_id']}").json()["target"] == "20 folders"
    assert sorted(key[:6] for key in keys) == [f"day-{day:02}" for day in range(4, 24)]


def test_a_folder_whose_run_does_not_start_is_watched_and_the_reply_says_both(own: SmallLibrary) -> None:
    class Stranger(BaseHTTPRequestHandler):
        """Answers where Dagster should, but does not know Loupe's job."""

        def do_GET(self) -> None:
            self._answer({"dagster_version": "1"})

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            nodes: list[Any] = []
            self._answer({"data": {"repositoriesOrError": {"__typename": "RepositoryConnection", "nodes": nodes}}})

        def _answer(self, content: dict[str, Any]) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: Any) -> None:
            pass

    folder = own.settings.home.parent / "More"
    draw_photo(folder / "one.jpg", "red", "white", 53)
    with ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as stranger:
        threading.Thread(target=stranger.serve_forever, daemon=True).start()
        own.library.home.run.mkdir(exist_ok=True)
        said = {"url": f"http://127.0.0.1:{stranger.server_port}", **this_process()}
        own.library.home.dagster_file.write_text(json.dumps(said))
        with running(own) as client:
            reply = client.post("/api/v1/folders", json={"path": str(folder)})
            assert reply.status_code == 202
            assert reply.json()["job_id"] is None
            assert "is watched" in reply.json()["note"]
            assert "does not know the job" in reply.json()["note"]
            watched = client.get("/api/v1/folders").json()["folders"]
            assert [each["path"] for each in watched] == [str(own.photos), str(folder)]
            assert client.get("/api/v1/jobs").json()["jobs"] == []
        stranger.shutdown()


@pytest.mark.slow
def test_a_folder_that_cannot_be_added_says_why(with_dagster: TestClient, own: SmallLibrary, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("text")
    (tmp_path / "empty").mkdir()
    for path, code in (
        (tmp_path / "nowhere", "DIR_NOT_FOUND"),
        (tmp_path / "file.txt", "NOT_A_DIRECTORY"),
        (tmp_path / "empty", "DIR_EMPTY"),
        (own.settings.home, "ROOT_IN_HOME"),
        (own.photos.parent, "ROOT_NESTED"),
    ):
        reply = with_dagster.post("/api/v1/folders", json={"path": str(path)})
        assert reply.json()["error"]["code"] == code
        assert reply.status_code in (404, 409, 422)
    assert len(with_dagster.get("/api/v1/folders").json()["folders"]) == 1


# Collections


def test_a_collection_is_made_filled_and_searched(changing: TestClient, own: SmallLibrary) -> None:
    assert changing.post("/api/v1/collections", json={"name": " Lisbon & sea "}).status_code == 201
    url = "/api/v1/collections/Lisbon%20%26%20sea"
    chosen = [own.photo_id("red.jpg"), own.photo_id("blue.png")]
    assert changing.post(f"{url}/photos", json={"photo_ids": chosen}).json()["added"] == 2
    assert changing.post(f"{url}/photos", json={"photo_ids": chosen}).json()["added"] == 0
    assert changing.get(url).json()["photos"] == 2
    assert [entry["name"] for entry in changing.get("/api/v1/collections").json()["collections"]] == ["Lisbon & sea"]

    def shown() -> set[str]:
        reply = changing.post("/api/v1/search", json={"filters": {"collections": ["Lisbon & sea"]}})
        return {photo["photo_id"] for photo in reply.json()["hits"]}

    wait_until(lambda: shown() == set(chosen), 10)


def test_a_collection_needs_a_name_of_its_own_and_photos_that_exist(changing: TestClient) -> None:
    changing.post("/api/v1/collections", json={"name": "Twice"})
    assert changing.post("/api/v1/collections", json={"name": "Twice"}).json()["error"]["code"] == "COLLECTION_EXISTS"
    assert changing.post("/api/v1/collections", json={"name": "  "}).json()["error"]["code"] == "INVALID_REQUEST"
    stranger = {"photo_ids": ["00000000-0000-0000-0000-000000000000"]}
    reply = changing.post("/api/v1/collections/Twice/photos", json=stranger)
    assert reply.json()["error"]["code"] == "PHOTO_NOT_FOUND"
    assert changing.get("/api/v1/collections/Twice").json()["photos"] == 0


# Jobs


def events(reply: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    kind = ""
    for line in reply.iter_lines():
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield kind, json.loads(line.removeprefix("data: "))


def test_events_tell_the_progress_of_a_job_and_end_with_it(changing: TestClient, own: SmallLibrary) -> None:
    manifest = own.library.manifest
    with manifest.write() as tx:
        jobs.start(tx, "run-1", "ingest", "1 folder")

    def work() -> None:
        with manifest.write() as tx:
            jobs.progress(tx, "run-1", {"decoded": {"done": 40, "total": 100}}, 33.5, 60.0)
        wait_until(lambda: changing.get("/api/v1/jobs").json()["jobs"][0]["done"] == 40)
        time.sleep(3)  # several looks of the stream
        with manifest.write() as tx:
            jobs.progress(tx, "run-1", {"decoded": {"done": 100, "total": 100}}, 33.5, 0.0)
            jobs.finish(tx, "run-1", "done")

    worker = threading.Thread(target=work)
    worker.start()
    reply = changing.get("/api/v1/jobs/run-1/events")
    worker.join()
    seen = list(events(reply))
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert [kind for kind, _ in seen][-1] == "end"
    assert [kind for kind, _ in seen].count("end") == 1
    assert seen[-1][1]["state"] == "done"
    [halfway] = [job for kind, job in seen if job["done"] == 40]
    assert (halfway["stage"], halfway["total"], halfway["photos_per_s"], halfway["eta_s"]) == ("decoded", 100, 33.5, 60)
    assert changing.get("/api/v1/jobs").json()["jobs"][0]["job_id"] == "run-1"


def test_the_running_job_is_in_the_status_and_sees_that_it_was_cancelled(
    changing: TestClient, own: SmallLibrary
) -> None:
    with own.library.manifest.write() as tx:
        jobs.start(tx, "run-2", "ingest", "1 folder")
    wait_until(lambda: (changing.get("/api/v1/status").json()["job"] or {}).get("job_id") == "run-2", 10)
    reply = changing.post("/api/v1/jobs/run-2/cancel")  # by a `loupe ingest`, without Dagster
    assert (reply.status_code, reply.json()["state"]) == (202, "running")
    assert reply.json()["cancel_asked_at"]
    with own.library.manifest.write() as tx:
        assert jobs.stop_asked(tx, "run-2", reads_photos=False) == "cancelled"
        jobs.finish(tx, "run-2", "failed", "DISK_FULL", "No space is left.")
    wait_until(lambda: changing.get("/api/v1/status").json()["job"] is None, 10)
    assert changing.get("/api/v1/status").json()["last_job"]["error_code"] == "DISK_FULL"
    ended = changing.post("/api/v1/jobs/run-2/cancel")
    assert (ended.status_code, ended.json()["state"], ended.json()["error_code"]) == (202, "failed", "DISK_FULL")


# Failures and status


def test_failures_name_the_file_and_why(client: TestClient, small: SmallLibrary) -> None:
    reply = client.get("/api/v1/failures").json()
    assert reply["total"] == 1
    [failure] = reply["failures"]
    assert failure["path"] == str(small.photos / "Garden/broken.jpg")
    assert failure["code"] == "TRUNCATED"
    assert failure["message"]
    assert [(kind["code"], kind["count"]) for kind in reply["by_code"]] == [("TRUNCATED", 1)]
    assert client.get("/api/v1/failures", params={"code": "DECODE_RAW"}).json()["total"] == 0


def test_status_counts_what_the_library_holds(client: TestClient) -> None:
    status = client.get("/api/v1/status").json()
    assert (status["photos"], status["decoded"], status["embeddings"], status["points"]) == (8, 8, 8, 8)
    assert (status["failures"], status["skipped"], status["waiting"]) == (1, 1, 0)
    assert (status["searchable"], status["total"]) == (8, 8)
    assert status["index"]["applied_seq"] == status["index"]["newest_seq"]
    assert status["banner"] is None


def test_the_owner_compares_its_index_with_the_library(changing: TestClient, own: SmallLibrary) -> None:
    whole = changing.get("/api/v1/status/index").json()
    assert (whole["same"], whole["photos"], whole["points"]) == (True, 8, 8)
    gone, hidden = own.photo_id("red.jpg"), own.photo_id("white.jpg")
    changing.app.state.services.live.index.delete([gone])  # type: ignore[attr-defined]
    with own.library.manifest.write() as tx:  # a change that nobody told the index of
        tx.execute("UPDATE photos SET hidden_at = now()::TIMESTAMP WHERE photo_id = ?", [hidden])
    found = changing.get("/api/v1/status/index").json()
    assert (found["same"], found["photos"], found["points"]) == (False, 7, 7)
    assert (found["missing"], found["unexpected"]) == ([gone], [hidden])
    assert (found["missing_count"], found["unexpected_count"]) == (1, 1)


def test_a_process_that_does_not_own_the_index_has_it_compared_by_the_owner(own: SmallLibrary) -> None:
    clip = own.library.clip()
    assert verify_through_owner(own.library.manifest, own.settings, clip).same  # nobody owns it
    served = own.settings.model_copy(update={"port": free_port()})
    with serving(served) as app:
        wait_until(lambda: httpx.get(f"http://127.0.0.1:{served.port}/api/v1/health/ready").status_code == 200)
        app.state.services.live.index.delete([own.photo_id("red.jpg")])
        found = verify_through_owner(own.library.manifest, own.settings, clip)
        assert (found.same, found.photos, found.points) == (False, 8, 7)
        assert found.missing == (own.photo_id("red.jpg"),)


def one_at_a_time(server: QdrantClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a server answers: the client's in-memory mode is for one thread."""
    lock = threading.RLock()

    def guarded(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            with lock:
                return method(*args, **kwargs)

        return call

    for name, _ in inspect.getmembers(type(server), inspect.isfunction):
        if not name.startswith("_"):
            monkeypatch.setattr(server, name, guarded(getattr(server, name)))


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_status_answers_while_the_server_of_the_index_does_not(
    own: SmallLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = QdrantClient(":memory:")  # stands for a server, until it is cut off
    one_at_a_time(server, monkeypatch)
    monkeypatch.setattr(server, "close", lambda: None)
    lock = own.library.home.index / "server.lock"
    monkeypatch.setattr(
        ServerIndex, "connect", classmethod(lambda cls, settings, model: cls(server, "loupe", model, lock))
    )
    settings = own.settings.model_copy(update={"qdrant_url": "http://unused"})

    def cut_off(*_: Any, **__: Any) -> None:
        raise ResponseHandlingException(ConnectionError("cut off"))

    with running(SmallLibrary(settings, own.photos)) as client:
        for name in ("count", "get_collection", "query_points", "scroll", "retrieve", "get_aliases"):
            monkeypatch.setattr(server, name, cut_off)
        wait_until(lambda: client.get("/api/v1/status").json()["index"]["state"] == "failed", 20)
        status = client.get("/api/v1/status")
        assert status.status_code == 200
        assert (status.json()["photos"], status.json()["points"]) == (8, 0)
        assert status.json()["banner"]["code"] == "INDEX_UNREACHABLE"
        assert client.post("/api/v1/search", json={}).json()["error"]["code"] == "INDEX_UNREACHABLE"
        rated = client.put(f"/api/v1/images/{own.photo_id('red.jpg')}/rating", json={"rating": 4})
        assert (rated.status_code, rated.json()["rating"]) == (200, 4), "the change is made all the same"


def test_the_index_is_read_ahead_beside_the_first_answers(own: SmallLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, stops = threading.Event(), threading.Event()

    def read(index: EmbeddedIndex, stopped: Callable[[], bool]) -> None:
        begun.set()
        while not stopped():
            time.sleep(0.01)
        stops.set()

    monkeypatch.setattr(EmbeddedIndex, "read_ahead", read)
    with running(own, model=False) as client:
        assert begun.wait(20)
        assert client.get("/api/v1/browse").json()["total"] == 8
        assert not stops.is_set()
    assert stops.wait(20), "whoever stops the API does not wait for the disk"


def test_no_count_is_taken_in_the_event_loop(own: SmallLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    counted_in: list[str] = []
    with running(own) as client:
        index = client.app.state.services.live.index  # type: ignore[attr-defined]
        for name in ("count", "point_count", "embedded_count"):
            taken = getattr(index, name)
            monkeypatch.setattr(
                index,
                name,
                lambda *given, taken=taken: (counted_in.append(threading.current_thread().name), taken(*given))[1],
            )
        client.app.state.services.status.forget()  # type: ignore[attr-defined]
        loop = client.portal.call(lambda: threading.current_thread().name)  # type: ignore[union-attr]
        assert client.get("/api/v1/status").json()["points"] == 8
    assert counted_in
    assert loop not in counted_in


# Pictures to search with


def test_one_picture_too_many_is_told_to_come_again(own: SmallLibrary, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MOST_WAITING", 1)
    monkeypatch.setattr(uploads, "_PLACE_S", 0.2)
    busy, decode = threading.Event(), LocalEngine.decode

    def slowly(engine: LocalEngine, tasks: Any, *given: Any) -> Any:
        busy.wait(60)
        yield from decode(engine, tasks, *given)

    monkeypatch.setattr(LocalEngine, "decode", slowly)
    picture = {"image": (own.photos / "Garden/pink.jpg").read_bytes()}
    with running(own) as client, ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(client.post, "/api/v1/search/image", files=picture)
        tasks = client.app.state.services.uploads._tasks  # type: ignore[attr-defined]
        wait_until(tasks.full, 10)
        refused = client.post("/api/v1/search/image", files=picture)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "UPLOADS_BUSY")
        assert refused.headers["retry-after"]
        busy.set()
        assert waiting.result(60).json()["hits"][0]["file_name"] == "pink.jpg"


# Life of the process


def test_photos_that_are_taken_in_while_the_api_runs_appear(changing: TestClient, own: SmallLibrary) -> None:
    folder = own.settings.home.parent / "New"
    draw_photo(folder / "fresh.jpg", "cyan", "maroon", 99)
    own.add_folder(folder)
    own.take_in()

    def shown() -> list[str]:
        return [hit["file_name"] for hit in changing.post("/api/v1/search", json={}).json()["hits"]]

    wait_until(lambda: "fresh.jpg" in shown(), 10)


def test_the_run_file_names_the_running_api_and_goes_with_it(own: SmallLibrary) -> None:
    file = own.library.home.api_file
    with running(own):
        said = json.loads(file.read_text())
        assert len(said.pop("secret")) >= 43
        assert file.stat().st_mode & 0o077 == 0, "the secret is the owner's alone"
        assert said == {"host": own.settings.host, "port": own.settings.port, **this_process()}
    assert not file.exists()


def test_the_index_is_free_again_after_the_api_has_stopped(own: SmallLibrary) -> None:
    for _ in range(2):
        with running(own) as client:
            assert client.post("/api/v1/search", json={}).json()["total"] == 8


def test_without_a_model_words_and_browsing_work_and_a_banner_says_so(tmp_path: Path) -> None:
    plain = build(tmp_path, with_model=False)
    with running(plain, model=False) as client:
        assert client.post("/api/v1/search", json={}).json()["total"] == 8
        words = client.post("/api/v1/search", json={"text": "wall"}).json()
        assert [photo["file_name"] for photo in words["hits"]] == ["red.jpg"]
        assert words["mode"] == "words"
        meaning = client.post("/api/v1/search", json={"text": "wall", "mode": "meaning"})
        assert meaning.status_code == 503
        assert meaning.json()["error"]["code"] == "SEARCH_BY_CONTENT_OFF"
        picture = client.post("/api/v1/search/image", files={"image": (plain.photos / "Garden/pink.jpg").read_bytes()})
        assert picture.json()["error"]["code"] == "SEARCH_BY_CONTENT_OFF"
        banner = client.get("/api/v1/status").json()["banner"]
        assert "loupe models fetch" in banner["message"]


def test_a_model_that_is_fetched_while_the_api_runs_is_taken_into_use(tmp_path: Path) -> None:
    plain = build(tmp_path, with_model=False)
    named = SmallLibrary(plain.settings.model_copy(update={"model": PRESET}), plain.photos)
    with running(named, model=False) as client:
        refused = client.post("/api/v1/search", json={"text": "red", "mode": "meaning"})
        assert refused.json()["error"]["code"] == "MODEL_NOT_FETCHED"
        write_tiny_clip(named.settings.home / "models" / PRESET)
        named.take_in()
        wait_until(
            lambda: client.post("/api/v1/search", json={"text": "red", "mode": "meaning"}).status_code == 200, 40
        )
        wait_until(lambda: client.get("/api/v1/status").json()["searchable"] == 8, 10)


def test_while_another_process_owns_the_index_the_api_answers_loading(own: SmallLibrary) -> None:
    held = open_index(own.settings, own.library.clip())
    try:
        with TestClient(create_app(own.settings), base_url="http://localhost", client=LOCAL) as client:
            reply = client.post("/api/v1/search", json={})
            assert reply.status_code == 503
            assert reply.json()["error"]["code"] in ("INDEX_LOADING", "INDEX_BUSY")
            assert reply.headers["retry-after"]
            assert client.get("/api/v1/health/live").status_code == 200
            assert client.get("/api/v1/images/" + own.photo_id("red.jpg") + "/thumbnail").status_code == 200
            held.close()
            wait_until(lambda: client.post("/api/v1/search", json={}).status_code == 200, 20)
    finally:
        held.close()
