"""Captions, tags, ratings and collections out of a table of a person's own, for photos that its rows name.

How text becomes rows belongs to `csv_tables`; which photo a row means to `manifest/matching.py`.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pyarrow as pa

from resources.clock import utc_now
from resources.errors import LoupeError
from resources.exchange.csv_tables import CsvRow, CsvTable, invalid, open_table
from resources.exchange.library_import import Change, ImportReport, MatchReport
from resources.folders import to_text
from resources.library import Library
from resources.manifest import Transaction, collections, given_ratings, matching, tags, written_captions

__all__ = ["CsvColumns", "import_csv"]

_BATCH = 20_000
_MOST_ERRORS = 20

# How columns are usually called, without case, spaces and signs.
_KEYS = {
    "path": ("path", "filepath", "sourcefile", "fullpath", "file"),
    "name": ("name", "filename", "file", "image", "photo"),
    "sha256": ("sha256", "hash"),
}
_USUAL = {
    "caption": ("caption", "description", "captionabstract", "imagedescription"),
    "tags": ("tags", "keywords", "subject", "labels"),
    "rating": ("rating", "stars"),
    "collection": ("collection", "album"),
}
_ROW_TYPES = pa.schema(
    [
        ("theirs", pa.int64()),  # the line
        ("key", pa.string()),
        ("how", pa.string()),
        ("caption", pa.string()),
        ("tags", pa.list_(pa.string())),
        ("rating", pa.int32()),
        ("collection", pa.string()),
    ]
)


@dataclass(frozen=True)
class CsvColumns:
    """What a person said of the table. `match` is path, name, sha256 or a column, whose values are told by their form.

    The others name columns; those not given are taken by their usual names, unless one of them is given.
    """

    match: str = "path"
    caption: str | None = None
    tags: str | None = None
    rating: str | None = None
    collection: str | None = None
    separator: str = ";"


@dataclass
class _Errors:
    """Cells that cannot be used: how many, and sentences about the first."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, error: LoupeError) -> None:
        self.count += 1
        if len(self.first) < _MOST_ERRORS:
            self.first.append(error.message)


@dataclass(frozen=True)
class _Reading:
    """Which column, by number, is what."""

    table: CsvTable
    how: str | None  # None: told by the form of each value
    key: int
    separator: str
    caption: int | None
    tags: int | None
    rating: int | None
    collection: int | None
    errors: _Errors


def import_csv(library: Library, path: Path, columns: CsvColumns, *, dry_run: bool = False) -> ImportReport:
    """Take over what the table at `path` says of photos that are here.

    A row gives what it has; empty cells take nothing away. Rows that name no photo or several are reported, not
    guessed, and so are rows that contradict each other about one photo. Raises `CSV_INVALID` (nothing is imported
    then), `INVALID_REQUEST`, `FILE_VANISHED`, `FILE_UNREADABLE`.
    """
    reading = _reading(open_table(path), columns)
    manifest = library.manifest
    with manifest.read() if dry_run else manifest.write() as tx:
        _load(tx, reading)
        matching.match_rows(tx, "csv_rows")
        notes = [*reading.table.notes, *_contradictions(tx)]
        matched = MatchReport.of(tx)
        return ImportReport(dry_run, matched, _take_over(tx, utc_now()), tuple(notes))


def _reading(table: CsvTable, columns: CsvColumns) -> _Reading:
    if len(columns.separator) == 0:
        raise LoupeError("INVALID_REQUEST", "--separator needs a sign, such as ';'.")
    if columns.match in _KEYS:
        how: str | None = columns.match
        key = _one_of(table, (columns.match, *_KEYS[columns.match]))
    else:
        how, key = None, _named(table, columns.match)
    if key is None:
        raise LoupeError(
            "INVALID_REQUEST",
            f"No column of the table holds a {columns.match}. There is {_listed(table)}; say --match COLUMN.",
        )
    given = {name: getattr(columns, name) for name in _USUAL}
    if any(given.values()):
        chosen = {name: _named(table, each) if each else None for name, each in given.items()}
    else:
        usual = {name: _one_of(table, names) for name, names in _USUAL.items()}
        chosen = {name: None if number == key else number for name, number in usual.items()}
    if all(number is None for number in chosen.values()):
        raise LoupeError(
            "INVALID_REQUEST",
            f"No column to import: say --caption, --tags, --rating or --collection. There is {_listed(table)}.",
        )
    return _Reading(table, how, key, columns.separator, **chosen, errors=_Errors())


def _listed(table: CsvTable) -> str:
    return ", ".join(f"'{name}'" for name in table.header)


def _named(table: CsvTable, name: str) -> int:
    found = [number for number, each in enumerate(table.header) if each == name] or [
        number for number, each in enumerate(table.header) if _plain(each) == _plain(name)
    ]
    if not found:
        raise LoupeError("INVALID_REQUEST", f"The table has no column '{name}'. There is {_listed(table)}.")
    if len(found) > 1:
        raise invalid(1, found[1] + 1, f"two columns are called '{table.header[found[1]]}'")
    return found[0]


def _one_of(table: CsvTable, names: tuple[str, ...]) -> int | None:
    plain = [_plain(each) for each in table.header]
    return next((plain.index(name) for name in names if name in plain), None)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).lower()


def _load(tx: Transaction, reading: _Reading) -> None:
    """The rows as the temporary table `csv_rows`. Raises `CSV_INVALID` with the first errors of all."""
    tx.execute(
        """CREATE OR REPLACE TEMP TABLE csv_rows
        (theirs BIGINT, key TEXT, how TEXT, caption TEXT, tags TEXT[], rating INTEGER, collection TEXT)"""
    )
    found = _rows(reading)
    while batch := list(islice(found, _BATCH)):
        with tx.table(pa.Table.from_pylist(batch, schema=_ROW_TYPES)) as given:
            tx.execute(f"INSERT INTO csv_rows SELECT * FROM {given}")
    if errors := reading.errors.first:
        count = reading.errors.count
        more = f" {count:,} cells in all cannot be used." if count > len(errors) else ""
        raise LoupeError("CSV_INVALID", f"{' '.join(errors)}{more} Nothing was imported.", errors=errors, count=count)


def _rows(reading: _Reading) -> Iterator[dict[str, Any]]:
    for row in reading.table.rows():
        key = row.fields[reading.key].strip()
        if not key:
            _wrong(reading, row, reading.key, "the photo is not named")
            continue
        how = reading.how or _form(key)
        yield {
            "theirs": row.line,
            "key": key if how == "sha256" else _path(key),
            "how": how,
            "caption": _cell(reading, row, reading.caption, written_captions.usable),
            "tags": _cell(reading, row, reading.tags, lambda text: _tags(text, reading.separator)),
            "rating": _cell(reading, row, reading.rating, _stars),
            "collection": _cell(reading, row, reading.collection, collections.usable),
        }


def _cell(reading: _Reading, row: CsvRow, number: int | None, value: Any) -> Any:
    """What a cell says; None when it is empty, and when it cannot be used, which is kept as an error."""
    text = "" if number is None else row.fields[number].strip()
    if number is None or not text:
        return None
    try:
        return value(text)
    except LoupeError as error:
        _wrong(reading, row, number, error.message.rstrip("."))
        return None


def _wrong(reading: _Reading, row: CsvRow, number: int, what: str) -> None:
    reading.errors.add(invalid(row.line, number + 1, what, reading.table.header[number]))


def _tags(text: str, separator: str) -> list[str]:
    return list(dict.fromkeys(tags.usable(each) for each in text.split(separator) if each.strip()))


def _stars(text: str) -> int:
    """Digits, or stars as they are drawn."""
    if set(text) <= set("★☆*") and len(text) <= 5:
        return text.count("★") + text.count("*")
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        number = float("nan")
    if number not in given_ratings.RATINGS:
        raise LoupeError("INVALID_REQUEST", f"a rating is 0 to 5, or -1 for rejected, not '{text[:40]}'")
    return int(number)


def _form(key: str) -> str:
    if re.fullmatch(r"[0-9a-fA-F]{64}", key):
        return "sha256"
    return "path" if "/" in key or "\\" in key else "name"


def _path(key: str) -> str:
    """A path in the form that paths are compared in: slashes, composed characters, nothing before the first name."""
    if key.lower().startswith("file://"):
        key = unquote(urlsplit(key).path)
    if "\\" in key and "/" not in key:
        key = key.replace("\\", "/")
    if key.startswith("~/"):
        key = os.path.expanduser(key)
    key = re.sub(r"/{2,}", "/", key)
    while key.startswith("./"):
        key = key[2:]
    return to_text(unicodedata.normalize("NFC", key))


def _contradictions(tx: Transaction) -> list[str]:
    """Leave out what rows say differently of one photo. Returns a sentence for each such photo and column."""
    notes: list[str] = []
    for name in ("caption", "rating"):
        rows = tx.execute(
            f"""SELECT m.ours, list(r.theirs ORDER BY r.theirs) FROM csv_rows r JOIN matched m USING (theirs)
            WHERE r.{name} IS NOT NULL GROUP BY m.ours HAVING count(DISTINCT r.{name}) > 1 ORDER BY min(r.theirs)"""
        ).fetchall()
        for ours, lines in rows:
            tx.execute(
                f"UPDATE csv_rows SET {name} = NULL WHERE theirs IN (SELECT theirs FROM matched WHERE ours = ?)", [ours]
            )
            listed = ", ".join(map(str, lines[:5]))
            notes.append(f"Lines {listed} give one photo different {name}s; none was taken.")
    return notes


def _take_over(tx: Transaction, now: datetime) -> dict[Change, int]:
    """Apply the rows that matched, to each page of a file. Returns what was new or other."""
    said = f"""FROM csv_rows r JOIN matched m USING (theirs) JOIN photos p ON p.document_id = m.ours
        CROSS JOIN (SELECT TIMESTAMP '{now.isoformat(sep=" ")}' AS moment)"""
    created, added = collections.merge(
        tx, f"(SELECT r.collection AS name, p.photo_id, moment AS added_at {said} WHERE r.collection IS NOT NULL)"
    )
    return {
        "tags": tags.merge(tx, f"(SELECT p.photo_id, unnest(r.tags) AS tag, moment AS created_at {said})")[0],
        "ratings": given_ratings.merge(
            tx, f"(SELECT p.photo_id, r.rating, moment AS given_at {said} WHERE r.rating IS NOT NULL)"
        ),
        "written_captions": written_captions.merge(
            tx, f"(SELECT p.photo_id, r.caption AS text, moment AS written_at {said} WHERE r.caption IS NOT NULL)"
        ),
        "collections": len(created),
        "collection_photos": added,
    }
