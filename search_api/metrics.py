"""Prometheus metrics: what requests cost, counted as they pass, and how the library is, asked when it is scraped.

Names and labels are few and fixed: routes by template, never by address. `deploy/grafana-dashboard.json` draws them.
"""

from __future__ import annotations

import sys
from collections import Counter as Tally
from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool

from resources.errors import LoupeError
from search_api.services import LibraryNow, Services

__all__ = ["CONTENT_TYPE_LATEST", "Metrics"]

# When a series began is noise: Prometheus knows when it saw it first.
disable_created_metrics()

# Around the goals of docs/benchmarks.md: 5 ms for a thumbnail, 8 and 25 ms for a search, 100 ms for facets.
_SECONDS = (0.001, 0.0025, 0.005, 0.008, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """One app's. A registry of its own, so that apps in one process do not share numbers."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        labels = ("route",)
        self._requests = Counter(
            "loupe_requests", "Requests by route and status.", (*labels, "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "loupe_request_seconds",
            "Seconds until the reply begins, by route.",
            labels,
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._open = Gauge("loupe_requests_open", "Requests that are being answered.", registry=self._registry)

    def began(self) -> None:
        self._open.inc()

    def answered(self, route: str, status: int, seconds: float) -> None:
        """The reply has begun after `seconds`."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def ended(self) -> None:
        self._open.dec()

    async def page(self, services: Services) -> bytes:
        """Everything, in the text format. What cannot be asked now is left out."""
        # Not here but in a thread: to ask a GPU can take long while it works.
        families = await run_in_threadpool(lambda: list(_api(services)))
        try:
            now: LibraryNow | None = await services.status.get()
            jobs = await services.jobs.get()
        except LoupeError:
            now, jobs = None, []
        families.append(_gauge("loupe_manifest_up", "Whether the manifest can be read.", float(now is not None)))
        up = await services.dagster_up.get()
        families.append(_gauge("loupe_dagster_up", "Whether Dagster answers.", float(up)))
        used = await services.disk_use.get()
        families.append(_gauge("loupe_cache_bytes", "Bytes of previews and thumbnails.", used.pictures))
        families.append(_gauge("loupe_index_bytes", "Bytes of the index on this machine's disk.", used.index))
        if now is not None:
            families += _library(now)
        families += _jobs(jobs)
        return await run_in_threadpool(self._written, families)

    def _written(self, families: list[GaugeMetricFamily]) -> bytes:
        return bytes(generate_latest(self._registry) + generate_latest(_Asked(families)))


class _Asked(CollectorRegistry):
    """What was asked for one scrape."""

    def __init__(self, families: Iterable[GaugeMetricFamily]) -> None:
        super().__init__()
        self.register(_Ready(list(families)))


class _Ready(Collector):
    def __init__(self, families: list[GaugeMetricFamily]) -> None:
        self._families = families

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from self._families


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=float(value))


def _labelled(name: str, text: str, label: str, values: dict[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=(label,))
    for key, value in values.items():
        family.add_metric((key,), float(value))
    return family


def _api(services: Services) -> Iterator[GaugeMetricFamily]:
    yield _gauge("loupe_index_ready", "Whether the index is open.", services.live.index_state == "ready")
    yield _gauge("loupe_model_ready", "Whether photos are found by content.", services.live.model_state == "ready")
    yield _gauge("loupe_uploads_waiting", "Pictures to search with that wait to be decoded.", services.uploads.waiting)
    yield _gauge("loupe_inference_waiting", "Pictures and texts that wait for the model.", services.models.waiting)
    if memory := _device_memory():
        family = GaugeMetricFamily("loupe_device_memory_bytes", "Memory of the GPUs.", labels=("device", "kind"))
        for (device, kind), value in memory.items():
            family.add_metric((device, kind), value)
        yield family


def _library(now: LibraryNow) -> Iterator[GaugeMetricFamily]:
    counts, index = now.counts, now.index
    found = {"photos": counts.photos, "decoded": counts.decoded, "embedded": counts.embeddings}
    yield _labelled(
        "loupe_photos", "Photos, by what is done for them.", "done", {**found, "captioned": counts.captions}
    )
    yield _labelled("loupe_waiting", "Files and photos that wait, by stage.", "stage", dict(counts.pending))
    yield _gauge("loupe_problem_files", "Files that could not be read.", counts.failures)
    yield _gauge(
        "loupe_missing_files", "Files that were there once, and no other file of their photo is.", counts.missing
    )
    yield _labelled(
        "loupe_index_points", "Photos in the index.", "kind", {"all": index.points, "content": index.embedded}
    )
    if index.applied_seq is not None:
        behind = max(0, now.newest_seq - index.applied_seq)
        yield _gauge("loupe_index_behind", "Changes that the index does not show yet.", behind)


def _jobs(rows: list[dict[str, Any]]) -> Iterator[GaugeMetricFamily]:
    states = Tally(row["state"] for row in rows)
    known = {state: float(states[state]) for state in ("queued", "running", "done", "failed", "cancelled")}
    yield _labelled("loupe_jobs", "The newest 200 jobs, by state.", "state", known | dict(states))
    running = [row for row in rows if row["state"] == "running"]
    rates = {str(row["kind"]): float(row["photos_per_s"] or 0.0) for row in running}
    yield _labelled("loupe_job_photos_per_second", "Rate of the jobs that run.", "kind", rates)
    speeds: Tally[str] = Tally()
    for row in running:
        speeds.update({stage: counts.get("photos_per_s") or 0.0 for stage, counts in row["stages"].items()})
    yield _labelled("loupe_job_stage_photos_per_second", "Rate of the jobs that run, by stage.", "stage", dict(speeds))
    for name, text, part in (
        ("loupe_job_stage_done", "Photos done in the jobs that run, by stage.", "done"),
        ("loupe_job_stage_total", "Photos to do in the jobs that run, by stage.", "total"),
    ):
        stages: Tally[str] = Tally()
        for row in running:
            stages.update({stage: counts[part] for stage, counts in row["stages"].items()})
        yield _labelled(name, text, "stage", dict(stages))


def _device_memory() -> dict[tuple[str, str], float]:
    """Of each GPU that this process uses; asks nothing of a machine that has none, and loads no model library."""
    torch: Any = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return {}
    found: dict[tuple[str, str], float] = {}
    for number in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(number)
        name = f"cuda:{number}"
        found |= {(name, "free"): free, (name, "total"): total, (name, "own"): torch.cuda.memory_allocated(number)}
    return found
