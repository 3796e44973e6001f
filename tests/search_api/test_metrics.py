"""Metrics: in Prometheus's format, by route template, and every one that the dashboard draws is there."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import cast

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from running_app import running
from small_library import SmallLibrary

from resources.manifest import jobs

DASHBOARD = Path(__file__).resolve().parents[2] / "deploy/grafana-dashboard.json"


@pytest.fixture
def scraped(own: SmallLibrary) -> Iterator[TestClient]:
    with own.library.manifest.write() as tx:
        jobs.start(tx, "run-1", "ingest", "1 folder")
        jobs.progress(tx, "run-1", {"decoded_images": {"done": 3, "total": 8}}, 12.5, 4.0)
    with running(own) as client:
        yield client


def samples(client: TestClient) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    reply = client.get("/api/v1/metrics")
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(reply.text)
        for sample in family.samples
    }


def test_a_scrape_tells_of_requests_library_index_and_jobs(scraped: TestClient, own: SmallLibrary) -> None:
    photo = own.photo_id("red.jpg")
    before = samples(scraped)
    for _ in range(3):
        assert scraped.get(f"/api/v1/images/{photo}/thumbnail").status_code == 200
    assert scraped.get("/api/v1/images/none").status_code == 422
    assert scraped.get("/elsewhere/it/is").status_code == 404
    found = samples(scraped)

    def grown(name: str, **labels: str) -> float:
        key = (name, tuple(sorted(labels.items())))
        return found[key] - before.get(key, 0.0)

    thumbnail = "GET /images/{photo_id}/thumbnail"
    assert grown("loupe_requests_total", route=thumbnail, status="200") == 3
    assert grown("loupe_request_seconds_count", route=thumbnail) == 3
    assert grown("loupe_request_seconds_bucket", route=thumbnail, le="+Inf") == 3
    assert grown("loupe_requests_total", route="GET /images/{photo_id}", status="422") == 1
    assert grown("loupe_requests_total", route="page", status="404") == 1
    assert photo not in scraped.get("/api/v1/metrics").text, "no address becomes a label"

    plain = {name: value for (name, labels), value in found.items() if not labels}
    assert plain["loupe_index_ready"] == plain["loupe_model_ready"] == plain["loupe_manifest_up"] == 1
    assert plain["loupe_dagster_up"] == 0
    assert plain["loupe_index_behind"] == 0
    assert plain["loupe_cache_bytes"] > 10_000
    assert plain["loupe_index_bytes"] > 100_000
    assert plain["loupe_problem_files"] == 1
    assert found["loupe_photos", (("done", "embedded"),)] == 8
    assert found["loupe_index_points", (("kind", "all"),)] == 8
    assert found["loupe_jobs", (("state", "running"),)] == 1
    assert found["loupe_job_photos_per_second", (("kind", "ingest"),)] == 12.5
    assert found["loupe_job_stage_done", (("stage", "decoded_images"),)] == 3


def test_everything_the_dashboard_draws_is_measured(scraped: TestClient) -> None:
    names = {name for name, _ in samples(scraped)}
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    drawn = {
        name
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
        for name in re.findall(r"\b(?:loupe|process)_[a-z_]+", target["expr"])
    }
    assert len(drawn) >= 15
    assert drawn - names <= {"loupe_device_memory_bytes"}, "only a machine with a GPU has that one"


def test_a_scrape_asks_the_device_beside_the_requests(scraped: TestClient) -> None:
    called: set[str] = set()

    def note(frame: FrameType, event: str, argument: object) -> None:
        called.add(frame.f_code.co_name)

    app = cast(FastAPI, scraped.app)

    async def scrape() -> None:
        sys.setprofile(note)  # of this thread alone: that of all requests
        try:
            await app.state.metrics.page(app.state.services)
        finally:
            sys.setprofile(None)

    assert scraped.portal is not None
    scraped.portal.call(scrape)
    assert "page" in called
    assert "_device_memory" not in called


def test_ready_tells_the_parts_apart(scraped: TestClient) -> None:
    ready = scraped.get("/api/v1/health/ready")
    assert ready.status_code == 200
    assert ready.json() == {"index": "ready", "manifest": "ready", "model": "ready", "dagster": "unreachable"}
