"""Jobs and the pause over HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from running_app import running, wait_until
from small_library import SmallLibrary

from resources.manifest import jobs, pauses


@pytest.fixture
def http(own: SmallLibrary) -> Iterator[TestClient]:
    with running(own) as client:
        yield client


def _events(text: str) -> list[dict[str, Any]]:
    found = []
    for block in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
        found.append({**fields, "data": json.loads(fields["data"])})
    return found


def test_the_pause_is_kept_in_the_library_and_shown_in_the_status(http: TestClient, own: SmallLibrary) -> None:
    assert http.get("/api/v1/ingest").json() == {"paused": False, "paused_at": None}
    since = http.post("/api/v1/ingest/pause").json()["paused_at"]
    assert since
    assert http.post("/api/v1/ingest/pause").json() == {"paused": True, "paused_at": since}
    assert http.get("/api/v1/status").json()["paused_at"] == since
    with own.library.manifest.write() as tx:
        assert pauses.paused_at(tx)
        pauses.resume(tx)  # as `loupe resume` does
    wait_until(lambda: http.get("/api/v1/status").json()["paused_at"] is None, 10)
    assert http.post("/api/v1/ingest/resume").json() == {"paused": False, "paused_at": None}


def test_stages_carry_their_own_rate_and_time(http: TestClient, own: SmallLibrary) -> None:
    with own.library.manifest.write() as tx:
        jobs.start(tx, "run-1", "ingest", "1 folder", {"folders": ["a~1"]})
        stages = {
            "decoded": {"done": 90, "total": 100, "photos_per_s": 20.0, "eta_s": 0.5},
            "embedded": {"done": 10, "total": 100, "photos_per_s": 5.0, "eta_s": 18.0},
        }
        jobs.progress(tx, "run-1", stages, 20.0, 18.0)
    job = http.get("/api/v1/jobs/run-1").json()
    assert job["stages"] == stages
    assert (job["stage"], job["photos_per_s"], job["eta_s"]) == ("decoded", 20.0, 18.0)
    with own.library.manifest.write() as tx:
        jobs.pause(tx, "run-1", 90)
        jobs.complete(tx, "run-1")
    job = http.get("/api/v1/jobs/run-1").json()
    assert (job["state"], job["error_code"], job["stages"]["embedded"]["eta_s"]) == ("paused", "INGEST_PAUSED", None)
    assert [each["job_id"] for each in http.get("/api/v1/jobs", params={"state": "paused"}).json()["jobs"]] == ["run-1"]
    assert http.get("/api/v1/jobs", params={"offset": 1}).json()["jobs"] == []


def test_events_go_on_after_the_last_one_seen(http: TestClient, own: SmallLibrary) -> None:
    with own.library.manifest.write() as tx:
        jobs.start(tx, "run-1", "ingest", "1 folder")
        jobs.finish(tx, "run-1", "failed", "DISK_FULL", "No space is left.")
    whole = _events(http.get("/api/v1/jobs/run-1/events").text)
    assert [event["event"] for event in whole] == ["progress", "end"]
    assert whole[0]["data"]["error_code"] == "DISK_FULL"
    seen = {"Last-Event-ID": whole[0]["id"]}
    rest = _events(http.get("/api/v1/jobs/run-1/events", headers=seen).text)
    assert [(event["event"], event["data"]["state"]) for event in rest] == [("end", "failed")]
    older = _events(http.get("/api/v1/jobs/run-1/events", headers={"Last-Event-ID": "20200101T000000.0"}).text)
    assert [event["event"] for event in older] == ["progress", "end"]


def test_events_of_a_job_that_many_newer_ones_followed_go_on(
    http: TestClient, own: SmallLibrary, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search_api.services._JOBS_KEPT", 0)  # of the newest jobs none is held
    with own.library.manifest.write() as tx:
        jobs.start(tx, "run-1", "ingest", "1 folder")

    def end() -> None:
        with own.library.manifest.write() as tx:
            jobs.finish(tx, "run-1", "done")

    later = threading.Timer(1.5, end)
    later.start()
    told = _events(http.get("/api/v1/jobs/run-1/events").text)
    later.join()
    assert [(event["event"], event["data"]["state"]) for event in told][-1] == ("end", "done")


def test_a_job_that_cannot_be_tried_again_says_why(http: TestClient, own: SmallLibrary) -> None:
    with own.library.manifest.write() as tx:
        jobs.start(tx, "run-1", "ingest", "1 folder", {"folders": ["a~1"]})

    def refusal() -> tuple[int, str]:
        reply = http.post("/api/v1/jobs/run-1/retry")
        return reply.status_code, reply.json()["error"]["code"]

    assert refusal() == (409, "JOB_NOT_RETRIABLE")
    with own.library.manifest.write() as tx:
        jobs.finish(tx, "run-1", "failed", "JOB_FAILED", "It failed.")
        pauses.pause(tx)
    assert refusal() == (409, "INGEST_PAUSED")
    http.post("/api/v1/ingest/resume")
    assert refusal() == (503, "DAGSTER_UNREACHABLE")
    with own.library.manifest.write() as tx:
        jobs.queue(tx, "run-2", "ingest", "1 folder", {"folders": ["a~1"]}, retry_of="run-1")
    asked_twice = http.post("/api/v1/jobs/run-1/retry")
    assert (asked_twice.status_code, asked_twice.json()["job_id"]) == (202, "run-2")
    assert http.post("/api/v1/jobs/none/retry").status_code == 404


@pytest.mark.slow
def test_a_run_is_cancelled_in_its_first_second_and_tried_again(own: SmallLibrary, webserver: str) -> None:
    from resources.home import this_process

    own.library.home.run.mkdir(exist_ok=True)
    own.library.home.dagster_file.write_text(json.dumps({"url": webserver, **this_process()}))
    with running(own) as client:
        folder = own.settings.home.parent / "Brief"
        folder.mkdir()
        (folder / "a.jpg").write_bytes((own.photos / "Garden/pink.jpg").read_bytes())
        added = client.post("/api/v1/folders", json={"path": str(folder)})
        assert added.status_code == 201, added.text
        job_id = added.json()["job_id"]
        cancelled = client.post(f"/api/v1/jobs/{job_id}/cancel")
        assert (cancelled.status_code, cancelled.json()["state"]) == (202, "cancelled")
        again = client.post(f"/api/v1/jobs/{job_id}/retry")
        assert again.status_code == 202, again.text
        assert (again.json()["retry_of"], again.json()["target"]) == (job_id, "1 folder")
