"""The `new_folders` sensor: sees what changed in watched folders and asks for one run while work is pending."""

import hashlib
import json
import time
from dataclasses import asdict, dataclass, field, replace

import dagster as dg

from assets.file_inventory import NO_MASS_VANISH, doubted_folders, mass_vanish_check
from assets.partitions import folders
from orchestration.active_runs import active_runs, close_ended_jobs
from orchestration.jobs import ingest_job
from resources.folder_runs import FOLDERS_A_RUN, folder_run
from resources.library import Library, result_key
from resources.manifest import pauses, results
from resources.manifest.results import ResultKey, Stage
from resources.watching import WatchReport, look

__all__ = ["Asked", "build_new_folders_sensor", "next_request"]

# The same work asked for again in vain (a folder that cannot be read) is asked for ever more seldom.
_FIRST_WAIT_S, _LONGEST_WAIT_S = 10.0, 3600.0
_MOST_DOUBLINGS = 20


@dataclass(frozen=True)
class Asked:
    """The sensor's memory: what it last asked for, how often in a row, when, and how many requests it ever made.

    `doubted`: the folders whose loss waited for a person's word.
    """

    fingerprint: str = ""
    attempt: int = 0
    at: float = 0.0
    requests: int = 0
    doubted: list[str] = field(default_factory=list)


def next_request(asked: Asked, fingerprint: str, now: float) -> Asked | None:
    """The request to make now, or None while the same work was asked for in vain a short time ago."""
    if fingerprint != asked.fingerprint:
        return replace(asked, fingerprint=fingerprint, attempt=0, at=now, requests=asked.requests + 1)
    wait = min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** min(asked.attempt, _MOST_DOUBLINGS))
    if 0 <= now - asked.at < wait:  # one of the future was made by a clock that was wrong
        return None
    return replace(asked, attempt=asked.attempt + 1, at=now, requests=asked.requests + 1)


def build_new_folders_sensor(interval_s: int) -> dg.SensorDefinition:
    """The sensor, ticking every `interval_s` seconds."""

    @dg.sensor(
        name="new_folders",
        job=ingest_job,
        minimum_interval_seconds=interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Takes in photos that were added, changed or removed in watched folders.",
    )
    def new_folders(
        context: dg.SensorEvaluationContext, library: dg.ResourceParam[Library]
    ) -> dg.SensorResult | dg.SkipReason:
        if active_runs(context.instance, ("ingest",)):
            return dg.SkipReason("a run is active")
        close_ended_jobs(context.instance, library)
        asked = Asked(**json.loads(context.cursor)) if context.cursor else Asked()
        doubted = doubted_folders(library)
        if doubted != asked.doubted:
            # A person's word does not come through a run, and the check would stay red until the next one.
            return dg.SensorResult(
                skip_reason="noted whose loss waits for a person's word",
                cursor=json.dumps(asdict(replace(asked, doubted=doubted))),
                asset_events=[_evaluated(mass_vanish_check(doubted))],
            )
        with library.manifest.read() as tx:
            paused = pauses.paused_at(tx)
        if paused:
            # What was asked for in vain before the pause is asked for at once after it.
            forgotten = replace(asked, fingerprint="", attempt=0)
            return dg.SensorResult(skip_reason=f"paused since {paused} UTC", cursor=json.dumps(asdict(forgotten)))
        report = look(library.manifest, memory=library.watch_memory)
        wanted, fingerprint = _work(library, report)
        if not wanted:
            return dg.SkipReason(f"nothing to do; {len(report.settling)} folders are still changing")
        request = next_request(asked, fingerprint, time.time())
        if request is None:
            return dg.SkipReason("the same work was asked for a short time ago")
        known = list(context.instance.get_dynamic_partitions(str(folders.name)))
        new = [key for key in wanted if key not in set(known)]
        run = folder_run(known + new, wanted)
        return dg.SensorResult(
            run_requests=[
                dg.RunRequest(
                    # Names the work and the attempt: a run key dedupes for ever, failed runs included.
                    run_key=f"{request.fingerprint}:{request.attempt}:{request.requests}",
                    tags=run.tags,
                    run_config=run.run_config,
                )
            ],
            dynamic_partitions_requests=[folders.build_add_request(new)] if new else [],
            cursor=json.dumps(asdict(request)),
        )

    return new_folders


def _evaluated(check: dg.AssetCheckResult) -> dg.AssetCheckEvaluation:
    """What a check found, as it is told outside of a run."""
    return dg.AssetCheckEvaluation(
        asset_key=NO_MASS_VANISH.asset_key,
        check_name=NO_MASS_VANISH.name,
        passed=check.passed,
        metadata=check.metadata,
        severity=check.severity,
    )


def _work(library: Library, report: WatchReport) -> tuple[list[str], str]:
    """Folders for the next run, those with news first, and a fingerprint that changes as the work gets done."""
    clip, captioner = library.use_models()
    # Captions that are wanted at once are work like any other; later ones have a schedule of their own.
    captioner = captioner if library.settings.captions == "now" else None
    stages: list[tuple[Stage, ResultKey]] = [("embeddings", result_key(clip))] if clip else []
    stages += [("captions", result_key(captioner))] if captioner else []
    unfinished = library.watch_memory.answer(
        library.manifest,
        f"pending {stages}",
        lambda tx: [key for stage, made_by in stages for key in results.pending_partitions(tx, stage, made_by)],
    )
    known = set(report.known)
    ordered = dict.fromkeys([*report.due, *report.pending, *(key for key in unfinished if key in known)])
    wanted = list(ordered)[:FOLDERS_A_RUN]
    if not wanted:
        return [], ""
    counts = library.pending(clip, captioner)
    text = json.dumps([wanted, report.fingerprint, counts], sort_keys=True)
    return wanted, hashlib.sha256(text.encode()).hexdigest()[:16]
