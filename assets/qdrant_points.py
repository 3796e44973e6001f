"""Asset `qdrant_points`: the search index brought up to the manifest. Never waits for captions or for other folders."""

import dagster as dg

from assets.job_rows import job_row
from resources.library import Library
from resources.vector_index import publish

__all__ = ["qdrant_points"]


@dg.asset(deps=["embeddings"], group_name="search", kinds={"qdrant"})
def qdrant_points(context: dg.AssetExecutionContext, library: dg.ResourceParam[Library]) -> dg.MaterializeResult:
    """Apply the outbox to the index, or wait until its owner, the search API, has."""
    with job_row(context, library):
        applied = publish(library.manifest, library.settings, library.clip())
    return dg.MaterializeResult(metadata={name: value for name, value in vars(applied).items() if value is not None})
