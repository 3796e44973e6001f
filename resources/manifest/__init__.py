"""The manifest: every fact about files, photos and results, in one DuckDB file; one module of SQL per table.

Belongs here: schema, migrations, queries. Not here: what a photo looks like, how an index or a page shows it.
"""

from resources.manifest.database import Database, Transaction
from resources.manifest.manifest import Manifest, applied_schemas, newest_schema, unknown_schemas
from resources.manifest.vectors import VectorFile, VectorStore

__all__ = [
    "Database",
    "Manifest",
    "Transaction",
    "VectorFile",
    "VectorStore",
    "applied_schemas",
    "newest_schema",
    "unknown_schemas",
]
