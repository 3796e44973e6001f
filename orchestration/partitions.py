"""Folder partitions as the Dagster instance knows them."""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from resources.folder_runs import PARTITIONS_NAME

__all__ = ["add_partitions"]


def add_partitions(instance: dg.DagsterInstance, keys: Sequence[str]) -> list[str]:
    """Add the partitions that are new. Returns all, in Dagster's order."""
    known = list(instance.get_dynamic_partitions(PARTITIONS_NAME))
    new = [key for key in keys if key not in set(known)]
    if new:
        instance.add_dynamic_partitions(PARTITIONS_NAME, new)
    return known + new
