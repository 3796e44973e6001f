"""A table that a person brings as text: its encoding and delimiter found out, its rows with the lines they stand on.

What the columns mean belongs to `csv_import`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from resources.errors import LoupeError
from resources.folders import to_text

__all__ = ["CsvRow", "CsvTable", "invalid", "open_table"]

_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_DELIMITERS = ",;\t|"
# Rows that are looked at to tell the delimiter; it is the one that cuts all of them alike, into most columns.
_SAMPLED_ROWS = 20
_SAMPLE_CHARS = 200_000
_MOST_FIELD_CHARS = 1 << 20
_EXCEL_HINT = re.compile(r'"?sep=(.)"?\r?\n', re.IGNORECASE)


@dataclass(frozen=True)
class CsvRow:
    """One row: the line that it begins on, from 1, and its fields."""

    line: int
    fields: list[str]


@dataclass(frozen=True)
class CsvTable:
    """A readable table. `notes` say what had to be guessed."""

    path: Path
    encoding: str
    delimiter: str
    header: list[str]
    notes: tuple[str, ...]
    _lines_above: int

    def rows(self) -> Iterator[CsvRow]:
        """The rows below the header, empty ones left out. Raises `CSV_INVALID` with line and column."""
        with open(self.path, encoding=self.encoding, newline="") as stream:
            for _ in range(self._lines_above):
                stream.readline()
            found = _parsed(stream, self.delimiter, self._lines_above)
            next(found)
            for row in found:
                if len(row.fields) > len(self.header):
                    raise invalid(
                        row.line,
                        len(self.header) + 1,
                        f"there are {len(row.fields)} fields, and the header has {len(self.header)}",
                    )
                if any(field.strip() for field in row.fields):
                    yield CsvRow(row.line, row.fields + [""] * (len(self.header) - len(row.fields)))


def invalid(line: int, column: int | None, what: str, name: str = "") -> LoupeError:
    """The error for one place of a table; lines and columns count from 1."""
    place = f"line {line}" + (f", column {column}" if column else "") + (f" ('{name}')" if name else "")
    return LoupeError("CSV_INVALID", f"{place[0].upper()}{place[1:]}: {what}.", line=line, column=column)


def open_table(path: Path) -> CsvTable:
    """Find out how the file is written and read its header.

    UTF-8 with or without mark, UTF-16 with a mark or by its zeros, else Windows' Latin 1, which `notes` then say.
    Raises `FILE_VANISHED`, `FILE_UNREADABLE`, `CSV_INVALID`.
    """
    try:
        encoding, notes = _encoding(path)
        with open(path, encoding=encoding, newline="") as stream:
            sample = stream.read(_SAMPLE_CHARS)
    except FileNotFoundError as error:
        raise LoupeError("FILE_VANISHED", f"There is no file '{to_text(str(path))}'.") from error
    except OSError as error:
        raise LoupeError("FILE_UNREADABLE", f"'{to_text(str(path))}' cannot be read: {error.strerror}.") from error
    hint = _EXCEL_HINT.match(sample)
    above = 1 if hint else 0
    delimiter = hint[1] if hint else _delimiter(sample)
    header = next(_parsed(io.StringIO(sample[hint.end() :] if hint else sample, newline=""), delimiter, above), None)
    if header is None or not any(name.strip() for name in header.fields):
        raise invalid(1 + above, None, "the table has no header; the first line names the columns")
    return CsvTable(path, encoding, delimiter, [name.strip() for name in header.fields], notes, above)


def _encoding(path: Path) -> tuple[str, tuple[str, ...]]:
    with open(path, "rb") as stream:
        head = stream.read(4096)
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding, ()
    if b"\0" in head:
        encoding = "utf-16-le" if head[1::2].count(0) >= head[::2].count(0) else "utf-16-be"
        return encoding, (f"The file does not say its encoding; it was read as {encoding.upper()}.",)
    for encoding in ("utf-8", "cp1252"):
        try:
            with open(path, encoding=encoding, newline="") as stream:
                while stream.read(1 << 20):
                    pass
        except UnicodeDecodeError:
            continue
        if encoding == "utf-8":
            return encoding, ()
        return encoding, ("The file is no UTF-8; it was read as Windows-1252 (Latin 1). Look at its accents.",)
    return "latin-1", ("The file is no UTF-8; it was read as Latin 1. Look at its accents.",)


def _delimiter(sample: str) -> str:
    def score(delimiter: str) -> tuple[bool, int]:
        widths: list[int] = []
        try:
            for row in _parsed(io.StringIO(sample, newline=""), delimiter, 0):
                if row.fields:
                    widths.append(len(row.fields))
                if len(widths) == _SAMPLED_ROWS:
                    break
        except LoupeError:
            pass  # the sample may end inside quotes
        return (len(set(widths)) == 1, widths[0] if widths else 0)

    found = {delimiter: score(delimiter) for delimiter in _DELIMITERS}
    wide = {delimiter: each for delimiter, each in found.items() if each[1] > 1}
    return max(wide, key=lambda delimiter: wide[delimiter]) if wide else ","


def _parsed(stream: Sequence[str] | io.TextIOBase, delimiter: str, above: int) -> Iterator[CsvRow]:
    csv.field_size_limit(_MOST_FIELD_CHARS)
    reader = csv.reader(stream, delimiter=delimiter, strict=True)
    while True:
        line = above + reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise invalid(line, None, f"the row cannot be read ({error})") from error
        except UnicodeDecodeError as error:
            raise invalid(line, None, "the text is cut off or of another encoding") from error
        yield CsvRow(line, fields)
