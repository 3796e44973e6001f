"""`loupe pause` and `loupe resume`: reading photos put off, until a person says otherwise."""

from __future__ import annotations

from orchestration.cli.options import JsonOption, print_json, settings_from
from resources.library import Library
from resources.manifest import pauses

__all__ = ["pause_command", "resume_command"]


def pause_command(as_json: JsonOption = False) -> None:
    """Pause reading photos, also for the next starts. A run that works stops within moments; its work is kept."""
    library = Library(settings_from()).open()
    with library.manifest.write() as tx:
        since = pauses.pause(tx)
    if as_json:
        print_json({"paused": True, "paused_at": since.isoformat()})
    else:
        print(f"Reading photos is paused since {since:%Y-%m-%d %H:%M} UTC. Search goes on. `loupe resume` ends it.")


def resume_command(as_json: JsonOption = False) -> None:
    """Go on reading photos: a running `loupe up` begins within moments."""
    library = Library(settings_from()).open()
    with library.manifest.write() as tx:
        was = pauses.resume(tx)
    if as_json:
        print_json({"paused": False, "was_paused": was})
    else:
        print("Reading photos goes on: `loupe up` or `loupe ingest` does so." if was else "Nothing was paused.")
