"""The persistent Dagster instance in `LOUPE_HOME/dagster`, made ready before any process opens it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from filelock import FileLock

from resources.home import Home, write_atomically

__all__ = ["GPU_POOL", "dagster_instance", "prepare_instance"]

GPU_POOL = "gpu"

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
    pools two GPU runs overlap, hence the explicit slot.
    """
    home.prepare()
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
    """The prepared instance, open for this process."""
    prepare_instance(home)
    with dg.DagsterInstance.from_config(str(home.dagster)) as instance:
        yield instance
