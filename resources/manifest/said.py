"""What sidecars are to say: the words that a person gave to photos through Loupe, by the files that show them.

Reads `files`, `photos`, `tags`, `given_ratings`, `written_captions` and `captions`; writes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import pyarrow as pa

from resources.manifest.database import Transaction

__all__ = ["by_folder"]

_BATCH = 10_000

# A file without words is of interest for its sidecar, which may hold words that were taken back since.
_SAID = """
SELECT r.path AS root_path, f.rel_path, regexp_replace(f.rel_path, '[^/]*$', '') AS folder,
    p.photo_id, p.page, p.format, {wanted} AS wanted,
    coalesce(t.tags, []) AS tags, g.photo_id IS NOT NULL AS rated, g.rating, g.given_at, w.text, w.written_at,
    c.text AS computed, c.model,
    json_extract_string(v.metadata, '$.keywords[*]') AS embedded_keywords,
    json_extract_string(v.metadata, '$.description') IS NOT NULL AS embedded_description
FROM files f JOIN roots r USING (root_id)
JOIN photos p ON p.document_id = f.photo_id AND p.sha256 = f.sha256
LEFT JOIN previews v ON v.sha256 = p.sha256 AND v.page = p.page
LEFT JOIN (SELECT photo_id, list(tag ORDER BY created_at, tag) AS tags FROM tags GROUP BY photo_id) t
    ON t.photo_id = p.photo_id
LEFT JOIN given_ratings g ON g.photo_id = p.photo_id
LEFT JOIN written_captions w ON w.photo_id = p.photo_id
LEFT JOIN ({computed}) c ON c.pixel_hash = v.pixel_hash
WHERE f.missing_since IS NULL AND f.skip_reason IS NULL AND r.state = 'online' AND p.hidden_at IS NULL
    AND (t.tags IS NOT NULL OR g.photo_id IS NOT NULL OR w.text IS NOT NULL OR c.text IS NOT NULL
        OR f.sidecar IS NOT NULL)
"""
_COMPUTED = """
SELECT c.pixel_hash, arg_max(c.text, (coalesce(m.in_use, false), c.created_at)) AS text,
    arg_max(c.model || '@' || c.revision, (coalesce(m.in_use, false), c.created_at)) AS model
FROM captions c LEFT JOIN models m ON m.kind = 'captioner' AND m.name = c.model AND m.revision = c.revision
    AND m.preprocess_version = c.preprocess_version
GROUP BY c.pixel_hash
"""
_NOT_COMPUTED = "SELECT NULL::TEXT AS pixel_hash, NULL::TEXT AS text, NULL::TEXT AS model LIMIT 0"


def by_folder(
    tx: Transaction, photo_ids: Collection[str] | None, *, computed: bool
) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    """`(root_path, folder, rows)` for every folder with a photo that is `wanted` (all with None), in order.

    A row is a file of a photo with everything that Loupe says of it; those of a folder that are not wanted are among
    them, because files may share a sidecar. `folder` ends with "/" or is "" for the root itself. With `computed` the
    captions of models are there too. The answer is read before the first row is given out: the transaction may end.
    """
    with tx.relation({"photo_id": sorted(set(photo_ids or ()))}, {"photo_id": pa.string()}) as given:
        wanted = "true" if photo_ids is None else f"p.photo_id IN (SELECT photo_id FROM {given})"
        query = _SAID.format(wanted=wanted, computed=_COMPUTED if computed else _NOT_COMPUTED)
        table = tx.arrow(
            f"""FROM ({query}) QUALIFY bool_or(wanted) OVER (PARTITION BY root_path, folder)
            ORDER BY root_path, folder, rel_path, page"""
        )
    return _grouped(table)


def _grouped(table: pa.Table) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    key: tuple[str, str] | None = None
    rows: list[dict[str, Any]] = []
    for batch in table.to_batches(max_chunksize=_BATCH):
        for row in batch.to_pylist():
            here = (row["root_path"], row["folder"])
            if key is not None and here != key:
                yield *key, rows
                rows = []
            key = here
            rows.append(row)
    if key is not None:
        yield *key, rows
