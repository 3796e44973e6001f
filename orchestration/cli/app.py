"""The application: all commands assembled, and the one place where an error becomes a message and an exit status."""

from __future__ import annotations

import json
import os
import sys
import traceback
import warnings
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
import typer.core
import typer.main

from orchestration.cli.audit import note
from orchestration.cli.options import console_error, quiet_terminal, wants_json
from resources.errors import LoupeError

__all__ = ["COMMANDS", "loaded", "main"]

# Each command: the module that has it, by its name there, and the first sentence of its help. The help of all of them
# and the running of one need no import of the others.
COMMANDS = {
    "up": ("up.up", "Watch folders and serve the page until Ctrl-C."),
    "ingest": (
        "ingest.ingest_command",
        "Take in folders of photos: new and changed ones are decoded, embedded and made searchable.",
    ),
    "pause": ("pause.pause_command", "Pause reading photos, also for the next starts."),
    "resume": ("pause.resume_command", "Go on reading photos: a running `loupe up` begins within moments."),
    "search": (
        "search.search_command",
        "Search the library by a query, by a picture, by what narrows it, or all of them.",
    ),
    "dataset": ("dataset.dataset_command", "Write a data set of what a query finds."),
    "status": ("status.status_command", "Show how far the library is."),
    "failures": ("failures.failures_command", "List problem files by code, or have them tried again."),
    "hide": ("hidden.hide", "Remove photos from the library."),
    "unhide": ("hidden.unhide", "Bring removed photos back."),
    "hidden": (
        "hidden.hidden_command",
        "List the photos that were removed from the library: every file of theirs, also what belongs to it alone.",
    ),
    "export": (
        "exchange.export_command",
        "Write everything that you made and Loupe computed into a folder, for other programs and other homes.",
    ),
    "import": (
        "exchange.import_command",
        "Take over captions, tags, ratings and collections from an export of another home, or from a CSV file.",
    ),
    "write-sidecars": (
        "sidecars.write_sidecars_command",
        "Write tags, ratings and captions into XMP sidecars beside the photos.",
    ),
    "challenge": ("challenge.challenge_command", "Measure search on your own photos: describe each from memory."),
    "evaluate": (
        "evaluate.evaluate_command",
        "Measure search by content: each caption is a query, its picture should come first.",
    ),
    "restore": (
        "restore.restore_command",
        "Put a backup in the place of LOUPE_HOME's data, which may be damaged or absent; what was there is set aside.",
    ),
    "verify": ("verify.verify_command", "Hold manifest, previews, vectors, index and files against each other."),
    "audit": ("audit.audit_command", "List who changed what, newest first."),
    "config": ("machine.config_command", "Print every setting: its value, where it comes from, and what it does."),
    "doctor": ("machine.doctor_command", "Check this machine: Python, packages, disk, home, device and models."),
    "folders": ("folders.app", "Add, list or remove watched folders."),
    "jobs": ("jobs.app", "List, show, cancel or retry runs."),
    "models": ("models.app", "List, fetch, check, choose or prune models."),
    "collections": ("collections.app", "List, make, change or delete collections."),
    "bulk": ("bulk.app", "Change many photos at once: all of them or none."),
    "searches": ("saved_searches.app", "Searches that are kept under a name."),
    "duplicates": ("duplicates.app", "Find, list or put away photos that show the same."),
    "backup": ("backup.app", "Write a backup, or list backups."),
    "index": ("index.app", "Look after the search index."),
    "keys": ("keys.app", "Make, list and revoke keys of the API and sign-in links for browsers."),
}


class _Group(typer.core.TyperGroup):
    """Lists what `COMMANDS` says, and imports the one command that is asked for."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, listed, rest = super().resolve_command(ctx, args)
        return name, loaded(name) if name else listed, rest


app = typer.Typer(
    name="loupe",
    cls=_Group,
    help="A photo library you can search by what is in the pictures. Photos stay where they are, unchanged.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"loupe {version('loupe-photos')}")
        raise typer.Exit


@app.callback()
def _common(
    asked: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    quiet_terminal()


def loaded(name: str) -> typer.core.TyperCommand | typer.core.TyperGroup:
    """The command or the group of commands of this name, its module imported."""
    module, _, attribute = COMMANDS[name][0].partition(".")
    found = getattr(import_module(f"orchestration.cli.{module}"), attribute)
    around = typer.Typer(callback=_common, rich_markup_mode=None, pretty_exceptions_enable=False)
    if isinstance(found, typer.Typer):
        around.add_typer(found, name=name)
    else:
        around.command(name)(found)
    group: Any = typer.main.get_command(around)
    return group.commands[name]


def main() -> None:
    """Run the command line; exit statuses follow the table in `resources/errors.py`, 130 for Ctrl-C."""
    warnings.filterwarnings("ignore")  # libraries' notes
    arguments = sys.argv[1:] or ["--help"]
    try:
        _run(arguments)
        note(arguments)
        sys.stdout.flush()  # a reader that is gone is noticed here, not in the interpreter's last moments
    except LoupeError as error:
        _end(error, arguments)
    except KeyboardInterrupt:
        print("Stopped. Finished work is kept; the same command goes on.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left to print goes nowhere
        sys.exit(141)
    except Exception as error:
        _end(_fault(error, arguments[0]), arguments)


def _end(error: LoupeError, arguments: list[str]) -> NoReturn:
    if wants_json(arguments):
        print(json.dumps(error.to_dict()))
    console_error(error)
    sys.exit(error.row.exit_status)


def _fault(error: Exception, command: str) -> LoupeError:
    """What no code stands for, as `INTERNAL`; the log has the rest."""
    from resources.logs import note_fault

    where = "What is above"
    try:
        where = str(note_fault(command))
    except (LoupeError, OSError):
        traceback.print_exception(error)
    return LoupeError("INTERNAL", f"Something went wrong in Loupe itself ({type(error).__name__}). {where} says more.")


def _run(arguments: list[str]) -> None:
    """Parse and run. Unlike typer's own `main` it leaves statuses and messages to the one above.

    Raises `INVALID_REQUEST` for what cannot be parsed.
    """
    command: Any = typer.main.get_command(app)
    for name, (_, sentence) in COMMANDS.items():
        command.add_command(typer.core.TyperCommand(name, help=sentence))
    try:
        with command.make_context("loupe", list(arguments)) as context:  # parsing takes options out of its list
            command.invoke(context)
    except typer.Exit as ended:
        if ended.exit_code:
            sys.exit(ended.exit_code)
    except typer.Abort as abort:  # Ctrl-C or Ctrl-D at a question
        raise KeyboardInterrupt from abort
    except typer.TyperException as error:
        context_of = getattr(error, "ctx", None)
        name = context_of.command_path if context_of else "loupe"
        sentence = error.format_message().rstrip(".")
        raise LoupeError("INVALID_REQUEST", f"{sentence}. See `{name} --help`.", command=name) from error
