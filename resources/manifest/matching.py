"""Which photo of the library is meant by a row that comes from outside: an export's photo or a line of a table.

Answers stand in temporary tables of the transaction: `matched` (theirs, ours, how) and `ambiguous` (theirs, how, ours).
A row that several photos answer to is never guessed. `theirs` names the row in its own source; `ours` is a photo id.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pyarrow as pa

from resources.manifest.database import Transaction

__all__ = ["counts", "know", "match_photos", "match_rows", "ours_of", "pairs", "translated", "unsettled"]

# Bits of 64 that may differ between difference hashes of one picture; other pictures differ by about half of them.
_NEAR_BITS = 10


def match_photos(tx: Transaction, photos: str, files: str | None) -> None:
    """Match the photos of an export: by their bytes, else their pixels, else relative path and size.

    `photos` and `files` are relations with columns of the export's tables. Path and size do not count where the
    pictures are known to differ: cameras number from one again and write RAW files of one size.
    """
    tx.execute(f"""CREATE OR REPLACE TEMP TABLE theirs AS
        SELECT *, photo_id AS theirs, coalesce(paths[1], file_name) AS name FROM {photos}""")
    _begin(tx)
    _settle(
        tx,
        "sha256",
        """SELECT t.theirs, p.photo_id AS ours, p.photo_id = t.photo_id AS likelier
        FROM theirs t JOIN photos p USING (sha256, page)""",
    )
    _settle(
        tx,
        "pixels",
        """SELECT t.theirs, p.photo_id AS ours, p.file_name = t.file_name AS likelier
        FROM theirs t JOIN previews v USING (pixel_hash) JOIN photos p ON p.sha256 = v.sha256 AND p.page = v.page""",
    )
    if files is not None:
        _settle(
            tx,
            "path",
            f"""SELECT t.theirs, p.photo_id AS ours, r.path = x.root_path AS likelier
            FROM theirs t JOIN {files} x USING (document_id)
            JOIN files f ON f.rel_path = x.rel_path AND f.size_bytes = x.size_bytes AND f.missing_since IS NULL
            JOIN roots r USING (root_id) JOIN photos p ON p.document_id = f.photo_id AND p.page = t.page
            LEFT JOIN previews v ON v.sha256 = p.sha256 AND v.page = p.page
            WHERE x.missing_since IS NULL AND coalesce(bit_count(xor(v.perceptual_hash,
                try_cast('0x' || t.perceptual_hash AS UBIGINT))) <= {_NEAR_BITS}, true)""",
        )


def match_rows(tx: Transaction, rows: str) -> None:
    """Match the rows (theirs, key, how) of a table to files; `ours` is a document, whose pages share the file.

    `how` is "sha256", "path" or "name". A path is tried whole, then below the watched folders, then as the end of a
    file's path, then with a file's relative path as its end (a library that stood elsewhere); a name as it is, then
    without regard to case. Text is compared in Unicode's composed form.
    """
    tx.execute(f"CREATE OR REPLACE TEMP TABLE theirs AS SELECT *, key AS name FROM {rows}")
    tx.execute(
        """CREATE OR REPLACE TEMP TABLE here AS
        SELECT f.photo_id AS ours, nfc_normalize(f.rel_path) AS rel_path,
            nfc_normalize(r.path || '/' || f.rel_path) AS path, nfc_normalize(string_split(f.rel_path, '/')[-1]) AS name
        FROM files f JOIN roots r USING (root_id)
        WHERE f.photo_id IS NOT NULL AND f.skip_reason IS NULL AND f.missing_since IS NULL"""
    )
    _begin(tx)
    row, last = "theirs t JOIN here h", "string_split(t.key, '/')[-1]"
    for how, joined in (
        ("sha256", "theirs t JOIN (SELECT sha256, document_id AS ours FROM photos) h ON h.sha256 = lower(t.key)"),
        ("path", f"{row} ON h.path = t.key"),
        ("path", f"{row} ON h.rel_path = t.key"),
        ("path", f"{row} ON h.name = {last} AND ends_with(h.path, '/' || t.key)"),
        (
            "path",
            f"{row} ON h.name = {last} AND contains(h.rel_path, '/') AND ends_with('/' || t.key, '/' || h.rel_path)",
        ),
        ("name", f"{row} ON h.name = {last}"),
        ("name", f"{row} ON lower(h.name) = lower({last})"),
    ):
        _settle(tx, how, f"SELECT DISTINCT t.theirs, h.ours, false AS likelier FROM {joined} WHERE t.how = '{how}'")


def _begin(tx: Transaction) -> None:
    tx.execute(
        "CREATE OR REPLACE TEMP TABLE matched AS SELECT theirs, ''::TEXT AS ours, ''::TEXT AS how FROM theirs LIMIT 0"
    )
    tx.execute("CREATE OR REPLACE TEMP TABLE ambiguous AS SELECT theirs, how, [ours] AS ours FROM matched LIMIT 0")


def _settle(tx: Transaction, how: str, candidates: str) -> None:
    """Of rows that are still open those match that have one candidate, or one that is likelier than the rest."""
    tx.execute(
        f"""CREATE OR REPLACE TEMP TABLE candidates AS
        SELECT theirs, list(DISTINCT ours ORDER BY ours) AS ours,
            coalesce(list(DISTINCT ours) FILTER (likelier), []) AS likelier
        FROM ({candidates}) c
        WHERE NOT EXISTS (FROM matched m WHERE m.theirs = c.theirs)
          AND NOT EXISTS (FROM ambiguous a WHERE a.theirs = c.theirs)
        GROUP BY theirs"""
    )
    one = "CASE WHEN len(ours) = 1 THEN ours[1] WHEN len(likelier) = 1 THEN likelier[1] END"
    tx.execute(f"INSERT INTO matched SELECT theirs, {one}, '{how}' FROM candidates WHERE {one} IS NOT NULL")
    tx.execute(f"INSERT INTO ambiguous SELECT theirs, '{how}', ours FROM candidates WHERE {one} IS NULL")


def counts(tx: Transaction) -> dict[str, int]:
    """How many rows matched by what; "ambiguous" and "unmatched" besides."""
    found = dict(tx.execute("SELECT how, count(*) FROM matched GROUP BY how ORDER BY how").fetchall())
    return {
        **found,
        "ambiguous": int(tx.value("SELECT count(*) FROM ambiguous")),
        "unmatched": int(tx.value(f"SELECT count(*) {_UNMATCHED}")),
    }


_UNMATCHED = """FROM theirs t WHERE NOT EXISTS (FROM matched m WHERE m.theirs = t.theirs)
    AND NOT EXISTS (FROM ambiguous a WHERE a.theirs = t.theirs)"""


def unsettled(tx: Transaction, limit: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows without a photo, and ambiguous ones with the paths that they may mean; `name` is what they are called."""
    unmatched = tx.rows(f"SELECT t.theirs, t.name {_UNMATCHED} ORDER BY t.theirs LIMIT ?", [limit])
    ambiguous = tx.rows(
        """SELECT t.theirs, t.name, a.how, list_slice(list(r.path || '/' || f.rel_path
            ORDER BY r.path, f.rel_path), 1, 10) AS paths
        FROM (SELECT theirs, how, unnest(ours) AS photo_id FROM (FROM ambiguous ORDER BY theirs LIMIT ?)) a
        JOIN theirs t USING (theirs) JOIN photos p ON p.photo_id = a.photo_id
        JOIN files f ON f.photo_id = p.document_id AND f.missing_since IS NULL JOIN roots r USING (root_id)
        GROUP BY t.theirs, t.name, a.how ORDER BY t.theirs""",
        [limit],
    )
    return unmatched, ambiguous


def pairs(tx: Transaction) -> pa.Table:
    """What matched, as (theirs, ours), photos of ours together: for later transactions to `know`."""
    return tx.arrow("SELECT theirs, ours FROM matched ORDER BY ours, theirs")


def know(tx: Transaction, matched: pa.Table) -> None:
    """Take these pairs for what matched."""
    with tx.table(matched) as given:
        tx.execute(f"CREATE OR REPLACE TEMP TABLE matched AS SELECT theirs, ours FROM {given}")


def ours_of(tx: Transaction, theirs: Collection[str]) -> dict[str, str]:
    """Our id for each of these photos that matched."""
    with tx.relation({"theirs": sorted(theirs)}, {"theirs": pa.string()}) as given:
        return dict(tx.execute(f"SELECT m.theirs, m.ours FROM matched m JOIN {given} USING (theirs)").fetchall())


def translated(tx: Transaction, source: str) -> str:
    """The rows of `source` that have a photo here, with our `photo_id`, as a relation; valid until the next call."""
    tx.execute(
        f"""CREATE OR REPLACE TEMP TABLE translated AS
        SELECT s.* REPLACE (m.ours AS photo_id) FROM {source} s JOIN matched m ON m.theirs = s.photo_id"""
    )
    return "translated"
