"""`loupe jobs`: the runs of the pipeline, how far they are and how they ended; stopping one, trying one again."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from orchestration.cli.options import JsonOption, print_json, settings_from
from resources.errors import LoupeError
from resources.library import Library
from resources.manifest import jobs
from resources.running_api import RunningApi

__all__ = ["app"]

app = typer.Typer(help="List, show, cancel or retry runs.", rich_markup_mode=None)

JobArgument = Annotated[str, typer.Argument(help="The job's id, or how it begins.")]


@app.command("list")
def list_jobs(
    limit: Annotated[int, typer.Option(min=1, help="Most jobs to list.")] = 20,
    state: Annotated[str | None, typer.Option(help="queued, running, done, failed, cancelled or paused.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List runs, newest first."""
    if state is not None and state not in (*jobs.ENDED, "queued", "running"):
        raise LoupeError("INVALID_REQUEST", f"There is no state '{state}'; see `loupe jobs list --help`.")
    library = Library(settings_from()).open()
    with library.manifest.read() as tx:
        rows = jobs.list_recent(tx, limit, state)
    if as_json:
        print_json({"jobs": rows})
        return
    for row in rows:
        print(_line(row))
    if not rows:
        print("No run yet.")


@app.command("show")
def show(job: JobArgument, as_json: JsonOption = False) -> None:
    """Show one run with its stages."""
    library = Library(settings_from()).open()
    row = _row(library, job)
    if as_json:
        print_json(row)
        return
    print(_line(row))
    for name, stage in row["stages"].items():
        rate = f", {stage['photos_per_s']:.1f}/s" if stage.get("photos_per_s") else ""
        left = f", {stage['eta_s']:.0f} s left" if stage.get("eta_s") and row["state"] not in jobs.ENDED else ""
        print(f"  {name}: {stage['done']:,} of {stage['total']:,}{rate}{left}")
    if row["error_code"]:
        print(f"  {row['error_code']}: {row['error_message']}")


@app.command("cancel")
def cancel(job: JobArgument, as_json: JsonOption = False) -> None:
    """Stop a run at its next flush. What it finished is kept."""
    library = Library(settings_from()).open()
    row = _row(library, job)
    api = RunningApi.of(library.home)
    if api is not None:
        api.post(f"/jobs/{row['run_id']}/cancel", {})
    elif row["state"] not in jobs.ENDED:
        if library.home.read_run_file(library.home.dagster_file) is None:
            from orchestration.active_runs import BEGINNING_S, fail_orphans
            from orchestration.instance import dagster_instance

            with dagster_instance(library.home) as instance:
                fail_orphans(instance, library, older_than_s=BEGINNING_S)  # one whose process is gone ends now
        with library.manifest.write() as tx:
            jobs.ask_cancel(tx, row["run_id"])
    row = _row(library, row["run_id"])
    if as_json:
        print_json(row)
    elif row["state"] in jobs.ENDED:
        print(f"The job has ended: {row['state']}.")
    else:
        print("The job stops within moments; what it finished is kept.")
        if row["kind"] in ("ingest", "captions") and RunningApi.of(library.home):
            print("`loupe up` goes on with what is left by itself; `loupe pause` has reading photos wait.")


@app.command("retry")
def retry(job: JobArgument, as_json: JsonOption = False) -> None:
    """Do the work of a run that failed or was cancelled again: by a running `loupe up`, or else right here."""
    library = Library(settings_from()).open()
    row = _row(library, job)
    api = RunningApi.of(library.home)
    if api is not None:
        new_id = str(api.post(f"/jobs/{row['run_id']}/retry", {})["job_id"])
    else:
        from orchestration.reruns import run_again

        new_id = run_again(library, row["run_id"])
    row = _row(library, new_id)
    if as_json:
        print_json(row)
    else:
        print(_line(row))


def _row(library: Library, text: str) -> dict[str, Any]:
    """The job that an id, or the beginning of one, names. Raises `JOB_NOT_FOUND`, `INVALID_REQUEST`."""
    with library.manifest.read() as tx:
        row = jobs.get(tx, text)
        alike = [] if row else [each for each in jobs.list_recent(tx, 10_000) if each["run_id"].startswith(text)]
    if row is None and len(alike) == 1:
        row = alike[0]
    if row is None and alike:
        raise LoupeError("INVALID_REQUEST", f"{len(alike)} jobs begin with '{text}'. Give more of the id.")
    if row is None:
        raise LoupeError("JOB_NOT_FOUND", f"There is no job '{text}'; `loupe jobs list` names them.", job_id=text)
    return row


def _line(row: dict[str, Any]) -> str:
    parts = [row["run_id"][:8], f"{row['created_at']:%Y-%m-%d %H:%M}", f"{row['kind']}: {row['state']}"]
    if row["target"]:
        parts.append(row["target"])
    parts += [f"{name} {stage['done']:,}/{stage['total']:,}" for name, stage in row["stages"].items()]
    if row["error_code"]:
        parts.append(row["error_code"])
    return "  ".join(parts)
