"""The one partitioning of the assets: a dynamic partition per watched folder, never one per photo."""

from __future__ import annotations

import dagster as dg

from resources.folder_runs import PARTITIONS_NAME

__all__ = ["PER_FOLDER_RUN", "folders"]

folders = dg.DynamicPartitionsDefinition(name=PARTITIONS_NAME)

# Many folders share a run, so that models load once.
PER_FOLDER_RUN = dg.BackfillPolicy.single_run()
