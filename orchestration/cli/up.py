"""`loupe up [PATHS...]`: everything running until Ctrl-C, with one live line."""

from __future__ import annotations

import signal
import sys
import threading
import time
from typing import Annotated, Any

import httpx
import typer

from orchestration.cli import audit
from orchestration.cli.options import CaptionsOption, ModelOption, megabytes, settings_from
from resources.errors import LoupeError
from resources.home import Home
from resources.library import Library
from resources.running_api import RunningApi, reachable
from resources.settings import Settings
from resources.wording import counted

__all__ = ["up"]

# What the home grows by: preview, thumbnail, vector, rows and index, measured on camera photos (docs/benchmarks.md).
_HOME_BYTES_PER_PHOTO = 200_000
_ALL_ADDRESSES = "0.0.0.0"
_LINE_EVERY_S = 1.0
_PLAIN_LINE_EVERY_S = 10.0


def up(
    paths: Annotated[list[str] | None, typer.Argument(help="Folders of photos. Nothing in them is changed.")] = None,
    model: ModelOption = None,
    captions: CaptionsOption = None,
    captioner: Annotated[str | None, typer.Option(help="Captioner; see `loupe models list`.")] = None,
    host: Annotated[str | None, typer.Option(help="Address the page listens on.")] = None,
    lan: Annotated[
        bool,
        typer.Option("--lan", help="Let other machines in that have a key; prints a link that signs a browser in."),
    ] = False,
    port: Annotated[int | None, typer.Option(help="Port of the page.")] = None,
    dagster_port: Annotated[int | None, typer.Option(help="Port of the Dagster UI.")] = None,
) -> None:
    """Watch folders and serve the page until Ctrl-C. The same command goes on where it stopped."""
    settings = settings_from(
        model=model,
        captions=captions,
        captioner=captioner,
        host=host or (_ALL_ADDRESSES if lan else None),
        port=port,
        dagster_port=dagster_port,
    )
    from resources.home import free_bytes
    from resources.inventory import add_root
    from resources.watching import look

    library = Library(settings).open()
    running = RunningApi.of(library.home)
    if running is not None:
        raise LoupeError("PORT_TAKEN", f"Loupe is running for {library.home.path} already, at {running.url}.")
    from orchestration.services import check_port

    check_port(settings.port, settings.host, "--port")
    check_port(settings.dagster_port, "127.0.0.1", "--dagster-port")
    clip, captioning = library.use_models()
    added = [add_root(library.manifest, library.home, path, settings.max_partitions) for path in paths or []]
    for root in added:
        skipped = "".join(f", {count:,} {reason} skipped" for reason, count in root.skipped.items())
        print(f"{root.path}: {counted(root.photo_files, 'photo file')}, {megabytes(root.total_bytes)}{skipped}.")
    if added:
        audit.note_change(library, "loupe up", " ".join(root.path for root in added))
        print("Nothing in these folders will be changed.")
        needed = sum(root.photo_files for root in added) * _HOME_BYTES_PER_PHOTO
        print(
            f"Loupe's own data goes to {library.home.path}: about {megabytes(needed)}, "
            f"{megabytes(free_bytes(library.home.path))} free."
        )
    # A settled first look: what stands there now is taken in on the sensor's first tick.
    look(library.manifest)

    from orchestration.services import Services

    environment = {
        f"LOUPE_{name.upper()}": str(value)
        for name, value in (
            ("model", settings.model),
            ("captions", settings.captions),
            ("captioner", settings.captioner),
            ("host", settings.host),
            ("port", settings.port),
            ("dagster_port", settings.dagster_port),
        )
        if value is not None
    }
    stop = threading.Event()
    services = Services(library.home, environment, stop)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stop.set())
    try:
        api = services.start_api(settings.host, settings.port)
        # Dagster's own imports take seconds; the API starts meanwhile.
        from orchestration.active_runs import fail_orphans
        from orchestration.instance import dagster_instance

        with dagster_instance(library.home) as instance:
            fail_orphans(instance, library)
        services.wait(api)
        print(f"Page:       http://{reachable(settings.host)}:{settings.port}")
        if lan:
            _let_in(library, settings)
        services.start_dagster("127.0.0.1", settings.dagster_port)
        print(f"Dagster UI: http://127.0.0.1:{settings.dagster_port}")
        print(f"Model: {clip.name if clip else 'none'}, captions: {captioning.name if captioning else 'none'}")
        if clip is None:
            print("Search by content is off: run `loupe models fetch siglip2-b32`. Browsing and words work meanwhile.")
        print("Ctrl-C stops; finished work is kept.", flush=True)
        _follow(services, library.home, stop)
    finally:
        print("\nStopping…", flush=True)
        services.stop()


def _let_in(library: Library, settings: Settings) -> None:
    """A key for programs, made once, and a link for a browser, new each time."""
    from orchestration.cli.keys import sign_in_link
    from resources import keys

    if not any(key.kind == "key" for key in keys.list_keys(library.manifest)):
        made = keys.create(library.manifest, library.home, "lan", frozenset(["read", "write"]), None)
        print(f"Key for programs, shown this once (read, write): {made.text}")
    # Whoever reads this terminal runs this library.
    link = sign_in_link(library, frozenset(keys.SCOPES), "link of loupe up", settings.host, settings.port)
    print(f"Sign in from another machine, once, within 15 minutes: {link}")
    print("`loupe keys link` prints links for others. Keys and photos travel unencrypted: only on a network you trust.")


def _follow(services: Any, home: Home, stop: threading.Event) -> None:
    """One line about progress, rewritten in place on a terminal and now and then elsewhere."""
    api: RunningApi | None = None
    live = sys.stdout.isatty()
    shown, shown_at = "", 0.0
    while not stop.wait(_LINE_EVERY_S):
        for name in services.check():
            print(f"\n{name} has stopped and is started again; see {home.logs / name}.log.", flush=True)
        api = api or RunningApi.of(home)
        if api is None:
            continue
        try:
            line = _line(api.get("/status"), api.get("/jobs", limit=1, state="running")["jobs"])
        except (LoupeError, httpx.HTTPError):
            continue  # busy for a moment; the next second asks again
        if live:
            print(f"\r\033[K{line}", end="", flush=True)
        elif line != shown and time.monotonic() - shown_at >= _PLAIN_LINE_EVERY_S:
            shown, shown_at = line, time.monotonic()
            print(line, flush=True)


def _line(status: dict[str, Any], running: list[dict[str, Any]]) -> str:
    parts = ["paused: `loupe resume` goes on"] if status.get("paused_at") else []
    parts += [f"searchable {status['searchable']:,} of {status['total']:,}"]
    for job in running:
        if job.get("photos_per_s"):
            parts.append(f"{job['photos_per_s']:.1f} photos/s")
        if job.get("eta_s"):
            parts.append(f"{_duration(job['eta_s'])} left in this run")
    if status["failures"]:
        parts.append(counted(status["failures"], "problem file"))
    return " · ".join(parts)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
