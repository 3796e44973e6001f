"""The application: all commands assembled, and the one place where an error becomes a message and an exit status."""

from __future__ import annotations

import json
import sys

import typer

from orchestration.cli import challenge, collections, failures, folders, ingest, machine, models, search, status, up
from orchestration.cli.options import console_error, quiet_terminal, wants_json
from resources.errors import LoupeError

__all__ = ["main"]

app = typer.Typer(
    name="loupe",
    help="A photo library you can search by what is in the pictures. Photos stay where they are, unchanged.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("up")(up.up)
app.command("ingest")(ingest.ingest_command)
app.command("search")(search.search_command)
app.command("status")(status.status_command)
app.command("failures")(failures.failures_command)
app.command("challenge")(challenge.challenge_command)
app.command("config")(machine.config_command)
app.command("doctor")(machine.doctor_command)
app.add_typer(folders.app, name="folders")
app.add_typer(models.app, name="models")
app.add_typer(collections.app, name="collections")


def main() -> None:
    """Run the command line; exit statuses follow the table in `resources/errors.py`, 130 for Ctrl-C."""
    quiet_terminal()
    try:
        app()
    except LoupeError as error:
        if wants_json(sys.argv):
            print(json.dumps(error.to_dict()))
        console_error(error)
        sys.exit(error.row.exit_status)
    except KeyboardInterrupt:
        print("Stopped. Finished work is kept; the same command goes on.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(141)
