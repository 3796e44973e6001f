"""Tables of a person's own: how they are written, which photo a row means, and what is said when it cannot be told."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from drawn_photos import draw_photos
from shelf import Shelf

from resources.errors import LoupeError
from resources.exchange.csv_import import CsvColumns, import_csv
from resources.exchange.csv_tables import open_table
from resources.exchange.library_import import ImportReport
from resources.manifest import given_ratings

NAMES = ["2019/IMG_1.jpg", "2020/IMG_1.jpg", "2020/Größe.jpg", "top.png"]


@pytest.fixture
def library(shelf: Shelf) -> Shelf:
    draw_photos(shelf.photos, NAMES)
    shelf.watch()
    shelf.take_in(stages={"decoded_images"})
    return shelf


@pytest.fixture
def csv(tmp_path: Path) -> Callable[..., Path]:
    def write(text: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / "words.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


Csv = Callable[..., Path]


def take(library: Shelf, path: Path, *, dry_run: bool = False, **columns: Any) -> ImportReport:
    return import_csv(library.library, path, CsvColumns(**columns), dry_run=dry_run)


def said(library: Shelf) -> dict[str, Any]:
    rows = library.rows(
        """SELECT f.rel_path, w.text, g.rating, (SELECT list(tag ORDER BY tag) FROM tags t
            WHERE t.photo_id = p.photo_id) AS tags, (SELECT list(c.name ORDER BY c.name) FROM collection_photos m
            JOIN collections c USING (collection_id) WHERE m.photo_id = p.photo_id) AS collections
        FROM photos p JOIN files f ON f.photo_id = p.document_id LEFT JOIN written_captions w ON w.photo_id = p.photo_id
        LEFT JOIN given_ratings g ON g.photo_id = p.photo_id ORDER BY f.rel_path"""
    )
    return {row.pop("rel_path"): {name: value for name, value in row.items() if value is not None} for row in rows}


def test_a_row_gives_what_it_has_and_once(library: Shelf, csv: Csv) -> None:
    table = csv(
        "path,caption,tags,rating,collection\n"
        'top.png,"Oma, am\nSee",Sommer; am See ;Sommer,4,Best of\n'
        "2019/IMG_1.jpg,,x,,\n"
        "nowhere.jpg,lost,,,\n"
    )
    tried = take(library, table, dry_run=True)
    assert said(library) == {name: {} for name in sorted(NAMES)}
    seq = library.newest_seq()
    done = take(library, table)
    assert done.changes == tried.changes
    assert done.changes == {
        "tags": 3,
        "ratings": 1,
        "written_captions": 1,
        "collections": 1,
        "collection_photos": 1,
    }
    assert said(library)["top.png"] == {
        "text": "Oma, am\nSee",
        "rating": 4,
        "tags": ["Sommer", "am See"],
        "collections": ["Best of"],
    }
    assert said(library)["2019/IMG_1.jpg"] == {"tags": ["x"]}
    assert library.outbox_since(seq) == {library.photo_id("top.png"), library.photo_id("2019/IMG_1.jpg")}
    assert [(row["theirs"], row["name"]) for row in done.matched.unmatched] == [(5, "nowhere.jpg")]
    assert set(take(library, table).changes.values()) == {0}


def test_an_ambiguous_name_is_reported_with_its_line_and_not_guessed(library: Shelf, csv: Csv) -> None:
    done = take(library, csv("name,rating\nIMG_1.jpg,5\nTOP.PNG,3\n"), match="name")
    assert done.matched.by == {"name": 1}
    [ambiguous] = done.matched.ambiguous
    assert (ambiguous["theirs"], ambiguous["name"]) == (2, "IMG_1.jpg")
    assert ambiguous["paths"] == [str(library.photos / name) for name in NAMES[:2]]
    assert said(library)["top.png"] == {"rating": 3}
    assert said(library)["2020/IMG_1.jpg"] == {}


@pytest.mark.parametrize(
    "path",
    [
        "{photos}/2020/IMG_1.jpg",
        "2020/IMG_1.jpg",
        "./2020/IMG_1.jpg",
        "2020\\IMG_1.jpg",
        "D:\\Pictures\\2020\\IMG_1.jpg",
        "/Volumes/Old Disk/Photos/2020/IMG_1.jpg",
        "file://{photos}/2020/IMG_1.jpg",
    ],
)
def test_a_path_is_known_however_it_is_written(library: Shelf, csv: Csv, path: str) -> None:
    table = csv(f"SourceFile;Rating\n{path.format(photos=library.photos)};2\n")
    assert take(library, table).matched.by == {"path": 1}
    assert said(library)["2020/IMG_1.jpg"] == {"rating": 2}
    assert said(library)["2019/IMG_1.jpg"] == {}


def test_names_compare_in_composed_form(library: Shelf, csv: Csv) -> None:
    table = csv(unicodedata.normalize("NFD", "name,rating\nGröße.jpg,2\n"))
    assert take(library, table, match="name").matched.by == {"name": 1}


def test_a_column_of_ones_own_is_told_by_the_form_of_its_values(library: Shelf, csv: Csv) -> None:
    sha256 = library.sha256("top.png").upper()
    table = csv(f"id,title\n{sha256},by bytes\n2019/IMG_1.jpg,by path\nGröße.jpg,by name\n")
    done = take(library, table, match="id", caption="title")
    assert done.matched.by == {"name": 1, "path": 1, "sha256": 1}
    assert [each.get("text") for each in said(library).values()] == ["by path", "by name", None, "by bytes"]


@pytest.mark.parametrize(
    ("encoding", "noted"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-16", None),
        ("utf-16-le", "UTF-16-LE"),
        ("cp1252", "Windows-1252"),
    ],
)
def test_encodings_are_found_out(library: Shelf, csv: Csv, encoding: str, noted: str | None) -> None:
    done = take(library, csv("path;caption\n2020/Größe.jpg;Straße “am” See\n", encoding))
    assert said(library)["2020/Größe.jpg"] == {"text": "Straße “am” See"}
    assert (noted is None and done.notes == ()) or (noted and noted in done.notes[0])


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("path,tags\na.jpg,x;y;z\nb.jpg,\n", ","),
        ("path;rating\na.jpg;3,5\n", ";"),
        ("path\tcaption\na.jpg\tone, two; three\n", "\t"),
        ("path|rating\na.jpg|3\n", "|"),
        ('sep=|\npath|caption\na.jpg|"a,b,c"\n', "|"),
        ("path\na.jpg\n", ","),
    ],
)
def test_delimiters_are_found_out(csv: Csv, text: str, delimiter: str) -> None:
    table = open_table(csv(text))
    assert table.delimiter == delimiter
    assert next(row.fields[0] for row in table.rows()) == "a.jpg"


def test_cells_that_cannot_be_used_are_named_by_line_and_column_and_nothing_is_imported(
    library: Shelf, csv: Csv
) -> None:
    table = csv(f'path,caption,rating,tags\ntop.png,"two\nlines",7,fine\n,no photo,1,\ntop.png,x,two,{"y" * 201}\n')
    with pytest.raises(LoupeError) as refused:
        take(library, table)
    assert refused.value.code == "CSV_INVALID"
    assert refused.value.details["errors"] == [
        "Line 2, column 3 ('rating'): a rating is 0 to 5, or -1 for rejected, not '7'.",
        "Line 4, column 1 ('path'): the photo is not named.",
        "Line 5, column 4 ('tags'): A tag has at most 200 characters.",
        "Line 5, column 3 ('rating'): a rating is 0 to 5, or -1 for rejected, not 'two'.",
    ]
    assert said(library)["top.png"] == {}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('path,rating\ntop.png,1\n"open,3\n', "Line 3"),
        ("path,rating\ntop.png,1,2\n", "Line 2, column 3"),
        ("", "Line 1"),
        ("path,rating,Rating\ntop.png,1,2\n", "Line 1, column 3"),
    ],
)
def test_a_broken_table_is_refused_with_its_place(library: Shelf, csv: Csv, text: str, place: str) -> None:
    with pytest.raises(LoupeError) as refused:
        take(library, csv(text), rating="RATING")
    assert refused.value.code == "CSV_INVALID"
    assert refused.value.message.startswith(f"{place}: ")


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"match": "sha256"}, "No column of the table holds a sha256"),
        ({"match": "nothing"}, "no column 'nothing'"),
        ({"caption": "nothing"}, "no column 'nothing'. There is 'path', 'stars of mine'"),
        ({}, "No column to import"),
    ],
)
def test_columns_that_are_not_there(library: Shelf, csv: Csv, columns: dict[str, str], sentence: str) -> None:
    with pytest.raises(LoupeError, match=sentence) as refused:
        take(library, csv("path,stars of mine\ntop.png,3\n"), **columns)
    assert refused.value.code == "INVALID_REQUEST"


def test_rows_that_contradict_each_other_say_nothing_of_that_photo(library: Shelf, csv: Csv) -> None:
    done = take(library, csv("path,rating,tags\ntop.png,1,a\n2019/IMG_1.jpg,2,\ntop.png,2,b\ntop.png,,c\n"))
    assert done.notes == ("Lines 2, 4 give one photo different ratings; none was taken.",)
    assert said(library)["top.png"] == {"tags": ["a", "b", "c"]}
    assert said(library)["2019/IMG_1.jpg"] == {"rating": 2}


@pytest.mark.parametrize(("text", "stars"), [("★★★☆☆", 3), ("**", 2), ("4.0", 4), ("-1", -1), ("0", 0)])
def test_ratings_as_people_write_them(library: Shelf, csv: Csv, text: str, stars: int) -> None:
    take(library, csv(f"path,rating\ntop.png,{text}\n"))
    assert said(library)["top.png"] == {"rating": stars}


def test_a_table_wins_over_an_earlier_rating(library: Shelf, csv: Csv) -> None:
    photo_id = library.photo_id("top.png")
    with library.library.manifest.write() as tx:
        given_ratings.give(tx, {photo_id: 1})
    assert take(library, csv("path,rating\ntop.png,5\n")).changes["ratings"] == 1
    assert said(library)["top.png"] == {"rating": 5}


def test_a_file_that_is_not_there(library: Shelf, tmp_path: Path) -> None:
    with pytest.raises(LoupeError) as refused:
        take(library, tmp_path / "none.csv")
    assert refused.value.code == "FILE_VANISHED"
