"""`loupe status`: how much of the library is searchable, what waits and what failed."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from orchestration.cli.options import JsonOption, print_json, settings_from
from resources.errors import LoupeError
from resources.inventory import note_reach_of_all
from resources.library import Library
from resources.manifest import pauses, problems
from resources.manifest.problems import Which
from resources.model_change import model_changes, searched_model
from resources.running_api import RunningApi
from resources.settings import Settings
from resources.wording import counted

__all__ = ["library_status", "status_command"]

# What waits for a stage, one and many.
_WAITING = {
    "decoded": ("file to be read", "files to be read"),
    "sidecars": ("sidecar", "sidecars"),
    "embeddings": ("photo to be embedded", "photos to be embedded"),
    "captions": ("photo to be captioned", "photos to be captioned"),
}


def status_command(as_json: JsonOption = False) -> None:
    """Show how far the library is."""
    status = library_status(settings_from())
    if as_json:
        print_json(status)
        return
    print(
        f"{counted(status['files'], 'file')} in {counted(len(status['folders']), 'folder')}, "
        f"{counted(status['photos'], 'photo')}"
    )
    print(
        f"  decoded {status['decoded']:,} · embedded {status['embeddings']:,} · captioned {status['captions']:,} "
        f"· in the index {status['points']:,}"
    )
    if status["paused_at"]:
        print(f"  reading photos is paused since {status['paused_at']}; `loupe resume` ends the pause")
    waiting = {stage: count for stage, count in status["pending"].items() if count}
    if waiting:
        print("  waiting: " + ", ".join(counted(count, *_WAITING[stage]) for stage, count in waiting.items()))
    for reason, count in status["skipped"].items():
        print(f"  skipped: {count:,} {reason}")
    for code, count in status["failures_by_code"].items():
        print(f"  failed: {count:,} {code}")
    for code, count in status["warnings_by_code"].items():
        print(f"  came in with a warning: {count:,} {code}")
    listed = [
        option
        for option, found in (
            ("", status["failures"]),
            (" --warnings", status["warnings_by_code"]),
            (" --skipped", status["skipped"]),
        )
        if found
    ]
    if listed:
        print("  which ones: " + ", ".join(f"`loupe failures{option}`" for option in listed))
    if status["hidden"]:
        print(f"  removed from the library: {counted(status['hidden'], 'photo')}; `loupe hidden` lists them")
    if status["missing"]:
        print(f"  missing: {counted(status['missing'], 'file')}")
    for folder in status["folders"]:
        print(f"  {folder['path']}: {counted(folder['photos'], 'photo')}, {folder['state']}")
    if (index := status["index"])["state"] == "behind":
        print("  the index is behind: the next `loupe ingest`, `loupe search` or `loupe up` brings it up to date")
    elif "message" in index:
        print(f"  the index: {index['message']}")
    model = status["models"]["clip"]
    for change in status["model_changes"]:
        waits = f"{counted(change['waiting'], 'photo')} {'waits' if change['waiting'] == 1 else 'wait'}"
        what = "search" if change["kind"] == "clip" else "captions"
        print(f"  {what}: changing from {change['before']} to {change['after']}, {waits}")
    print(f"  model: {model['name'] if model else 'none; run `loupe models fetch siglip2-b32`'}")


def library_status(settings: Settings) -> dict[str, Any]:
    """The counts, with the index asked through the search API or, when that does not run, looked at from outside."""
    library = Library(settings).open()
    note_reach_of_all(library.manifest)
    points, index = _index_state(library)
    with library.manifest.read() as tx:
        warned = problems.warning_kinds(tx, Which())
        paused = pauses.paused_at(tx)
    try:
        changes = model_changes(library)
    except LoupeError:
        changes = []  # the index says itself that its server cannot be reached
    return {
        **asdict(library.status(points, index)),
        "warnings_by_code": warned,
        "paused_at": f"{paused:%Y-%m-%dT%H:%M:%S}Z" if paused else None,
        "model_changes": [asdict(change) for change in changes],
    }


def _index_state(library: Library) -> tuple[int, dict[str, Any]]:
    api = RunningApi.of(library.home)
    if api is not None:
        status = api.get("/status")
        return int(status["points"]), {**status["index"], "owner": "search API"}
    from resources.manifest import outbox
    from resources.vector_index import read_position

    with library.manifest.read() as tx:
        newest = outbox.newest_seq(tx)
    try:
        at = read_position(library.settings, searched_model(library))
    except LoupeError as error:
        return 0, {"state": error.code, "message": error.message}
    # With an empty outbox there is nothing to show yet, and an index that was never made shows it.
    state = "ready" if (at.applied_seq or 0) >= newest else "behind"
    return at.points, {"state": state, **asdict(at), "newest_seq": newest, "owner": None}
