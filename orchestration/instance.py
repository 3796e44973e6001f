"""The persistent Dagster instance in `LOUPE_HOME/dagster`, made ready before any process opens it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from filelock import FileLock
from sqlalchemy.exc import DatabaseError

from resources.errors import LoupeError
from resources.home import Home, free_bytes, write_atomically

__all__ = ["GPU_POOL", "dagster_instance", "prepare_instance"]

GPU_POOL = "gpu"
# With less than this left nothing is begun: SQLite maps files, and a full disk under a mapped file ends the process.
_ROOM_BYTES = 16 << 20

_CONFIGURATION = b"""\
# Written by Loupe; edits are kept only until the next start.
telemetry:
  enabled: false
nux:
  enabled: false
run_coordinator:
  module: dagster.core.run_coordinator
  class: QueuedRunCoordinator
  config:
    dequeue_interval_seconds: 1
concurrency:
  runs:
    max_concurrent_runs: 4
  pools:
    granularity: run
run_monitoring:
  enabled: true
  start_timeout_seconds: 180
  cancel_timeout_seconds: 30
  poll_interval_seconds: 15
retention:
  sensor:
    purge_after_days: {skipped: 1, failure: 14, success: 14}
  schedule:
    purge_after_days: {skipped: 1, failure: 14, success: 30}
"""


def prepare_instance(home: Home) -> None:
    """Write the configuration, create the databases and set the pool's size.

    Two processes that open a fresh instance at once crash each other, hence the lock; with only a default limit on
    pools two GPU runs overlap, hence the explicit slot. Raises `DISK_FULL` and what `Home.prepare` raises.
    """
    home.prepare()
    if free_bytes(home.path) < _ROOM_BYTES:
        raise _full(home)
    os.environ["DAGSTER_HOME"] = str(home.dagster)
    with FileLock(home.run / "dagster-instance.lock"):
        configuration = home.dagster / "dagster.yaml"
        if not configuration.exists() or configuration.read_bytes() != _CONFIGURATION:
            write_atomically(configuration, _CONFIGURATION)
        with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
            instance.get_runs(limit=1)
            instance.all_instigator_state()
            instance.event_log_storage.set_concurrency_slots(GPU_POOL, 1)


@contextmanager
def dagster_instance(home: Home) -> Iterator[dg.DagsterInstance]:
    """The prepared instance, open for this process. Raises `DISK_FULL` when its databases find no room."""
    try:
        prepare_instance(home)
        with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
            yield instance
    except DatabaseError as error:
        # SQLite says "disk I/O error" as well when the file system is full.
        if free_bytes(home.path) > _ROOM_BYTES and "full" not in str(error):
            raise
        raise _full(home) from error


def _full(home: Home) -> LoupeError:
    message = f"No space is left for {home.path}. Free some and run the same command again; finished work is kept."
    return LoupeError("DISK_FULL", message, free_bytes=free_bytes(home.path))
