"""`loupe audit`: who changed what. And the table of commands that change something, which are written down there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli.options import JsonOption, print_json, settings_from
from resources.errors import LoupeError

if TYPE_CHECKING:  # every command imports this module
    from resources.library import Library

__all__ = ["CHANGING", "UNCHANGING", "audit_command", "note", "note_change"]

# `up` is not here: it ends late, and notes the folders that it adds itself. A command that asks the running API leaves
# the API's row too.
CHANGING = frozenset(
    [
        "ingest",
        "folders add",
        "folders remove",
        "folders move",
        "folders accept-missing",
        "failures --retry",
        "pause",
        "resume",
        "jobs cancel",
        "jobs retry",
        "duplicates keep",
        "hide",
        "unhide",
        "import",
        "write-sidecars",
        "collections create",
        "collections rename",
        "collections delete",
        "collections merge",
        "collections split",
        "bulk tag",
        "bulk untag",
        "bulk rate",
        "bulk add",
        "bulk remove",
        "bulk move",
        "bulk hide",
        "searches save",
        "searches rename",
        "searches delete",
        "models use",
        "models rollback",
        "models prune",
        "keys create",
        "keys revoke",
        "keys link",
        "restore",
    ]
)
# What reads, or makes what can be made again: backups, the index, models' files.
UNCHANGING = frozenset(
    [
        "up",
        "search",
        "status",
        "failures",
        "hidden",
        "export",
        "challenge",
        "evaluate",
        "verify",
        "audit",
        "config",
        "doctor",
        "duplicates find",
        "duplicates list",
        "folders list",
        "jobs list",
        "jobs show",
        "models list",
        "models fetch",
        "models check",
        "collections list",
        "collections show",
        "collections duplicates",
        "dataset",
        "searches list",
        "searches run",
        "backup list",
        "index compact",
        "index rebuild",
        "keys list",
    ]
)
_TARGET_CHARS = 500


def audit_command(
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="The newest so many.")] = 50,
    who: Annotated[str | None, typer.Option(help="Only of this key, `this machine` or `command line`.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List who changed what, newest first."""
    from resources.library import Library
    from resources.manifest import audit_log

    with Library(settings_from()).open().manifest.read() as tx:
        rows = audit_log.newest(tx, limit, who=who)
    if as_json:
        print_json({"changes": rows})
        return
    for row in rows:
        moment = row["happened_at"].strftime("%Y-%m-%d %H:%M:%S")
        much = "" if row["affected"] is None else f"  ({row['affected']:,})"
        told = " ".join(filter(None, [row["action"], row["target"]]))
        failed = f"  failed with {row['status']}" if row["status"] >= 500 or 0 < row["status"] < 100 else ""
        print(f"{moment}  {row['who']}: {told}{much}{failed}")
    if not rows:
        print("Nothing was changed yet.")


def note(arguments: Sequence[str]) -> None:
    """Write down a command that changes something and went well. Never the reason that it fails."""
    command = next((name for name in (" ".join(arguments[:2]), arguments[0]) if name in CHANGING), None)
    if command is None and arguments[0] == "failures" and "--retry" in arguments:
        command = "failures --retry"
    if command is None or not {"--dry-run", "--help"}.isdisjoint(arguments):
        return
    from resources.library import Library

    target = " ".join(word for word in arguments[len(command.split()) :] if word != "--json")
    try:
        note_change(Library(settings_from()).open(), f"loupe {command}", target)
    except (LoupeError, UnicodeError):
        return


def note_change(library: Library, command: str, target: str) -> None:
    """One row of the audit log."""
    from resources.manifest import audit_log

    with library.manifest.write() as tx:
        audit_log.add(tx, "command line", command, target=target[:_TARGET_CHARS] or None)
