"""Asset `library_backup`: the newest backup of manifest, settings and vectors, verified."""

import dagster as dg

from assets.job_rows import job_row
from resources.backup import back_up, backup_folder
from resources.library import Library

__all__ = ["library_backup"]


@dg.asset(group_name="library", kinds={"duckdb", "parquet"})
def library_backup(context: dg.AssetExecutionContext, library: dg.ResourceParam[Library]) -> dg.MaterializeResult:
    """Write and verify a backup, then delete those beyond the number that is kept."""
    settings = library.settings
    folder = backup_folder(settings)
    with job_row(context, library, target=str(folder)) as progress:
        made = back_up(
            library.manifest,
            library.home,
            folder,
            keep=settings.backup_keep,
            previews=settings.backup_previews,
            reason="scheduled",
            progress=progress,
        )
    return dg.MaterializeResult(
        metadata={
            "path": dg.MetadataValue.path(str(folder / made.name)),
            "photos": made.rows["photos"],
            "vectors": sum(part.rows for part in made.vectors),
            "bytes": made.total_bytes,
            "bytes written": made.written_bytes,
        }
    )
