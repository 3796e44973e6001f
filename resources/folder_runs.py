"""One run over many folders, hidden in one place. Free of Dagster, so that the search API asks for the same runs.

Dagster runs a set of partitions as one run by two tags that name a range in the order in which partitions were added.
A range over scattered folders includes those between, which cost little: a folder without work is only a question to
the manifest, and the inventory is told which folders to look at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["FOLDERS_A_RUN", "PARTITIONS_NAME", "FolderRun", "folder_run"]

PARTITIONS_NAME = "folders"
# Folders that one run takes at most, so that one tick's work stays bounded.
FOLDERS_A_RUN = 500
_START, _END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


@dataclass(frozen=True)
class FolderRun:
    """Tags and configuration of one run over many folders."""

    tags: dict[str, str]
    run_config: dict[str, Any]


def folder_run(ordered: Sequence[str], wanted: Sequence[str], config: Mapping[str, Any] | None = None) -> FolderRun:
    """The run that covers `wanted`, given all partitions as Dagster orders them. `config` goes to the inventory.

    Raises `ValueError` when nothing, or something unknown, is wanted.
    """
    position = {key: number for number, key in enumerate(ordered)}
    places = sorted(position[key] for key in wanted if key in position)
    if not places or len(places) < len(set(wanted)):
        raise ValueError("the run must cover at least one partition, and only known ones")
    return FolderRun(
        tags={_START: ordered[places[0]], _END: ordered[places[-1]]},
        run_config={"ops": {"file_inventory": {"config": {"folders": sorted(wanted), **(config or {})}}}},
    )
