"""The application: all commands assembled, and the one place where an error becomes a message and an exit status."""

from __future__ import annotations

import json
import os
import sys
import traceback
from importlib.metadata import version
from typing import Annotated, NoReturn

import typer
import typer.main

from orchestration.cli import (
    audit,
    backup,
    bulk,
    challenge,
    collections,
    dataset,
    duplicates,
    evaluate,
    exchange,
    failures,
    folders,
    hidden,
    index,
    ingest,
    jobs,
    keys,
    machine,
    models,
    pause,
    restore,
    saved_searches,
    search,
    sidecars,
    status,
    up,
    verify,
)
from orchestration.cli.options import console_error, quiet_terminal, wants_json
from resources.errors import LoupeError
from resources.logs import note_fault

__all__ = ["main"]

app = typer.Typer(
    name="loupe",
    help="A photo library you can search by what is in the pictures. Photos stay where they are, unchanged.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"loupe {version('loupe-photos')}")
        raise typer.Exit


@app.callback()
def _common(
    asked: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None: ...


app.command("up")(up.up)
app.command("ingest")(ingest.ingest_command)
app.command("pause")(pause.pause_command)
app.command("resume")(pause.resume_command)
app.command("search")(search.search_command)
app.command("dataset")(dataset.dataset_command)
app.command("status")(status.status_command)
app.command("failures")(failures.failures_command)
app.command("hide")(hidden.hide)
app.command("unhide")(hidden.unhide)
app.command("hidden")(hidden.hidden_command)
app.command("export")(exchange.export_command)
app.command("import")(exchange.import_command)
app.command("write-sidecars")(sidecars.write_sidecars_command)
app.command("challenge")(challenge.challenge_command)
app.command("evaluate")(evaluate.evaluate_command)
app.command("restore")(restore.restore_command)
app.command("verify")(verify.verify_command)
app.command("audit")(audit.audit_command)
app.command("config")(machine.config_command)
app.command("doctor")(machine.doctor_command)
app.add_typer(folders.app, name="folders")
app.add_typer(jobs.app, name="jobs")
app.add_typer(models.app, name="models")
app.add_typer(collections.app, name="collections")
app.add_typer(bulk.app, name="bulk")
app.add_typer(saved_searches.app, name="searches")
app.add_typer(duplicates.app, name="duplicates")
app.add_typer(backup.app, name="backup")
app.add_typer(index.app, name="index")
app.add_typer(keys.app, name="keys")


def main() -> None:
    """Run the command line; exit statuses follow the table in `resources/errors.py`, 130 for Ctrl-C."""
    quiet_terminal()
    arguments = sys.argv[1:] or ["--help"]
    try:
        _run(arguments)
        audit.note(arguments)
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
    command = typer.main.get_command(app)
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
