"""The fields of the query language: one table, from which conditions, suggestions and documentation are made.

Not here: how a query is written (`query_language.py`), how values are read (`query_values.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

from resources.errors import LoupeError
from resources.search import query_values as values_
from resources.search.query_tree import MOST_GLOBS, MOST_VALUES, AllOf, Exclude, Node, OneOf, Op, Where, leaves
from resources.search.query_values import ValueProblemError, choices, nearest_word
from resources.vector_index.conditions import (
    And,
    AnyOf,
    Condition,
    Exists,
    Flag,
    Ids,
    Like,
    Named,
    Not,
    Offline,
    Or,
)
from resources.vector_index.words import stem, tokens

__all__ = ["FIELDS", "Field", "condition_of", "described", "field_named", "language_page", "nearest_field"]

Compile = Callable[[Op, Sequence[str]], Condition]


@dataclass(frozen=True)
class Field:
    """One field. `kind` says how values are written; `key` is where its values can be listed (suggestions).

    `words` are the values when they are a fixed list, and `counted` which values at `key` the photos of a word have.
    `compile` raises `ValueProblemError`.
    """

    name: str
    says: str
    example: str
    compile: Compile
    kind: Literal["text", "number", "date", "place", "word"] = "text"
    aliases: tuple[str, ...] = ()
    key: str | None = None
    words: tuple[str, ...] = field(default=())
    counted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def compares(self) -> bool:
        """Whether `>=`, `>`, `<=`, `<` and `..` may be written."""
        return self.kind in ("number", "date")


def _text(key: str, how: Literal["glob", "words", "path"] = "glob") -> Compile:
    return lambda op, values: Like(key, tuple(values), how)


def _number(key: str, example: str, units: Sequence[str] = ("",), tolerance: float = 0.0) -> Compile:
    return lambda op, values: values_.number_range(key, op, values, units, tolerance, example)


def _named(known: Mapping[str, Condition]) -> Compile:
    return lambda op, values: choices(values, known)


def _caption(op: Op, values: Sequence[str]) -> Condition:
    return _any([_caption_words(value) for value in values])


def _caption_words(text: str) -> Condition:
    """All words of the text, in any form; words that say nothing ("the") are not asked for."""
    if "*" in text:
        return And(tuple(Like("caption_words", (word,), "glob") for word in text.split()))
    asked = [token for token in tokens(text) if stem(token) is not None]
    return And(tuple(Like("caption_words", (token,), "stem") for token in asked)) if asked else Or(())


def described(text: str) -> Condition:
    """People or the captioner say these words of the photo: in its caption, title, description, tags or keywords, or
    as a name of somebody on it."""
    keys = ("tags", "keywords", "people")
    return Or((_caption_words(text), *(Like(key, (text.replace("*", " "),), "words") for key in keys)))


def _place(op: Op, values: Sequence[str]) -> Condition:
    names = tuple(values)
    keys = ("country", "region", "city")
    return Or((*(Like(key, names, "glob") for key in keys), Like("country_code", names)))


def _country(op: Op, values: Sequence[str]) -> Condition:
    return Or((Like("country", tuple(values), "glob"), Like("country_code", tuple(values))))


def _format(op: Op, values: Sequence[str]) -> Condition:
    names = [name for value in values for name in _FORMATS.get(value.strip().lower(), (value,))]
    if any(value.strip().lower() == "raw" for value in values):
        names += sorted(_raw_formats())
    return Like("format", tuple(names), "glob")


def _raw_formats() -> frozenset[str]:
    from resources.imaging.sniff import RAW_FORMATS

    return RAW_FORMATS


def _ids(op: Op, values: Sequence[str]) -> Condition:
    from uuid import UUID

    found = []
    for index, value in enumerate(values):
        try:
            found.append(str(UUID(value)))
        except ValueError as error:
            raise ValueProblemError(index, f"'{value}' is no photo's id") from error
    return Ids(tuple(found))


def _any(parts: Sequence[Condition]) -> Condition:
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def _date(key: str, op: Op | None = None) -> Compile:
    return lambda given, values: values_.date_range(key, op or given, values, date.today())


def _part(prefix: str, names: Mapping[str, Sequence[int]], low: int, high: int) -> Compile:
    return lambda op, values: values_.one_of_numbers("taken_parts", prefix, op, values, names, low, high)


def _listed(key: str, prefix: str, names: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """What a field has whose values are a fixed list of names for numbers."""
    counted = {name: tuple(f"{prefix}{number}" for number in numbers) for name, numbers in names.items()}
    return {"key": key, "words": tuple(names), "counted": counted}


def _numbers(low: int, high: int) -> dict[str, Sequence[int]]:
    return {str(number): (number,) for number in range(low, high + 1)}


def _near(op: Op, values: Sequence[str]) -> Condition:
    return values_.circle(values)


def _box(op: Op, values: Sequence[str]) -> Condition:
    return values_.box(values)


_FORMATS: Mapping[str, tuple[str, ...]] = {"jpg": ("JPEG",), "tif": ("TIFF",), "heif": ("HEIF", "HEIC")}
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTH_NAMES = {name[:length]: (n,) for n, name in enumerate(_MONTHS, 1) for length in (len(name), 3)}
_DAY_NAMES: dict[str, Sequence[int]] = {
    **{name[:length]: (n,) for n, name in enumerate(_DAYS, 1) for length in (len(name), 3)},
    "weekend": (6, 7),
    "workday": (1, 2, 3, 4, 5),
}
_ANYWHERE = Or((Exists("country"), Exists("region"), Exists("city")))
_HAS: dict[str, Condition] = {
    "gps": Flag("has_gps"),
    "place": _ANYWHERE,
    "date": Exists("taken_at"),
    "camera": Exists("camera"),
    "lens": Exists("lens"),
    "iso": Exists("iso"),
    "aperture": Exists("f_number"),
    "exposure": Exists("exposure_s"),
    "focal": Exists("focal_length_mm"),
    "rating": Exists("rating"),
    "tag": Exists("tags"),
    "keyword": Exists("keywords"),
    "person": Exists("people"),
    "caption": Exists("caption_words"),
    "collection": Exists("collections"),
    "label": Exists("color_label"),
    "stack": Exists("stack_id"),
    "video": Flag("motion"),
    "warning": Exists("warnings"),
    "content": Flag("embedded"),
}
_STACK_KINDS = ("raw_jpeg", "edit", "burst")
_STACKS: dict[str, Condition] = {
    **{kind: AnyOf("stack_kind", (kind,)) for kind in _STACK_KINDS},
    "any": Exists("stack_id"),
    "none": Not(Exists("stack_id")),
}
_SHAPES = ("landscape", "portrait", "square")
_IS: dict[str, Condition] = {
    **{kind: AnyOf("orientation_kind", (kind,)) for kind in _SHAPES},
    "offline": Offline(),
    "live": Flag("motion"),
    "stacked": Exists("stack_id"),
    "searchable": Flag("embedded"),
}


def _is(op: Op, values: Sequence[str]) -> Condition:
    return choices(values, {**_IS, "raw": Like("format", tuple(sorted(_raw_formats())))})


_TABLE = (
    Field(
        "taken", "When it was taken.", "taken:2021-06", _date("taken_at"), "date", ("date",), key="taken_month",
    ),
    Field("after", "Taken after that year, month or day was over.", "after:2021", _date("taken_at", ">"), "date"),
    Field("before", "Taken before it began.", "before:2021-06-15", _date("taken_at", "<"), "date"),
    Field("since", "Taken in it or later.", "since:30d", _date("taken_at", ">="), "date", ("from",)),
    Field("until", "Taken in it or earlier.", "until:2019", _date("taken_at", "<="), "date", ("to",)),
    Field(
        "year", "Year.", "year:2019..2021", lambda op, v: values_.years("taken_at", op, v), "number",
        key="taken_month",
    ),
    Field(
        "month", "Month of any year.", "month:june,july", _part("m", _MONTH_NAMES, 1, 12), "number",
        **_listed("taken_parts", "m", {name: _MONTH_NAMES[name] for name in _MONTHS}),
    ),
    Field(
        "day", "Day of any month.", "day:24..26", _part("d", {}, 1, 31), "number",
        **_listed("taken_parts", "d", _numbers(1, 31)),
    ),
    Field(
        "weekday", "Day of the week; Monday is 1.", "weekday:weekend", _part("w", _DAY_NAMES, 1, 7), "number",
        **_listed("taken_parts", "w", {name: _DAY_NAMES[name] for name in (*_DAYS, "weekend", "workday")}),
    ),
    Field(
        "hour", "Hour of the day; a range may pass midnight.", "hour:22..4", _part("h", {}, 0, 23), "number",
        **_listed("taken_parts", "h", _numbers(0, 23)),
    ),
    Field("added", "When it came into the library.", "added:>=7d", _date("added_at"), "date"),
    Field("camera", "Words of the camera's make and model.", 'camera:"X-T5"', _text("camera", "words"), key="camera"),
    Field("make", "The camera's make.", "make:canon", _text("camera_make", "words"), key="camera_make"),
    Field("model", "The camera's model.", 'model:"eos r5"', _text("camera_model", "words"), key="camera_model"),
    Field("lens", "Words of the lens.", "lens:35mm", _text("lens", "words"), key="lens"),
    Field("iso", "Sensitivity.", "iso:>=800", _number("iso", "iso:800"), "number"),
    Field(
        "f", "Aperture.", "f:<2.8", _number("f_number", "f:2.8", tolerance=0.01), "number", ("aperture", "fnumber")
    ),
    Field(
        "focal", "Focal length in millimetres.", "focal:24..70",
        _number("focal_length_mm", "focal:35", ("", "mm"), 0.01), "number",
    ),
    Field(
        "focal35", "Focal length as on 35 mm film.", "focal35:>=200",
        _number("focal_length_35mm", "focal35:35", ("", "mm"), 0.01), "number",
    ),
    Field(
        "exposure", "Exposure time in seconds.", "exposure:<=1/250",
        _number("exposure_s", "exposure:1/250", ("", "s", "sec", "ms"), 0.01), "number", ("shutter",),
    ),
    Field(
        "rating", "Stars.", "rating:>=4", _number("rating", "rating:4"), "number", ("stars",),
        **_listed("stars", "", _numbers(1, 5)),
    ),
    Field("tag", "A tag; several with commas mean any of them.", "tag:holiday,beach", _text("tags"), key="tags"),
    Field("keyword", "A keyword in the file or its sidecar.", "keyword:sea*", _text("keywords"), key="keywords"),
    Field(
        "person", "Somebody on it; words of the name.", 'person:"Ana Silva"', _text("people", "words"),
        aliases=("people", "who"), key="people",
    ),
    Field(
        "in", "A collection.", 'in:"Summer 2021"', _text("collections"), aliases=("collection", "album"),
        key="collections",
    ),
    Field(
        "folder", "A folder and all below it: its whole path or the end of it.", "folder:2021/summer",
        _text("folders", "path"), aliases=("path",), key="folders",
    ),
    Field("file", "The file's name, with or without its ending.", "file:IMG_04*", lambda op, v: _any(
        [Named(value) for value in v]), aliases=("name", "filename")),
    Field(
        "caption", "Words of its caption, title or description, in any form.", 'caption:"red car"', _caption,
        key="caption_words",
    ),
    Field("format", "File format; `raw` means each raw one.", "format:raw,heic", _format, aliases=("type",),
          key="format"),
    Field("label", "Colour label, in the editor's word.", "label:red", _text("color_label"), key="color_label"),
    Field("place", "Country, region or town.", "place:lisbon", _place, aliases=("where",), key="city"),
    Field("country", "Country: its name or two letters.", "country:pt", _country, key="country"),
    Field("region", "Region or state.", "region:bavaria", _text("region"), key="region"),
    Field("city", "Town.", 'city:"new york"', _text("city"), aliases=("town",), key="city"),
    Field("near", "Around a place: latitude, longitude, distance.", "near:48.85,2.35,5km", _near, "place"),
    Field("box", "Inside a box: south, west, north, east.", "box:47,5,49,9", _box, "place"),
    Field("width", "Pixels across.", "width:>=4000", _number("width", "width:4000", ("", "px")), "number"),
    Field("height", "Pixels down.", "height:<1000", _number("height", "height:1000", ("", "px")), "number"),
    Field(
        "size", "Size of the file.", "size:>10MB",
        _number("size_bytes", "size:10MB", ("", "b", "kb", "mb", "gb", "kib", "mib", "gib")), "number",
    ),
    Field("has", "Something is known of it.", "has:gps", _named(_HAS), "word", words=tuple(_HAS)),
    Field(
        "is", "What it is.", "is:portrait", _is, "word",
        key="orientation_kind", words=(*_IS, "raw"), counted={kind: (kind,) for kind in _SHAPES},
    ),
    Field(
        "stack", "Photos that belong together.", "stack:burst", _named(_STACKS), "word",
        key="stack_kind", words=tuple(_STACKS),
        counted={**{kind: (kind,) for kind in _STACK_KINDS}, "any": _STACK_KINDS},
    ),
    Field("id", "Photos by id.", "id:0d9e2f2a-6c1f-5a57-9d0b-6f2f9d3c1b7e", _ids, "word"),
)  # fmt: skip

FIELDS: Mapping[str, Field] = {each.name: each for each in _TABLE}
_NAMES = {name: each for each in _TABLE for name in (each.name, *each.aliases)}


def field_named(name: str) -> Field | None:
    """The field of that name or alias."""
    return _NAMES.get(name.lower())


def nearest_field(name: str) -> str | None:
    """The field that was probably meant."""
    return nearest_word(name, _NAMES)


def condition_of(node: Node) -> Condition:
    """A tree of filters as a condition.

    Raises `INVALID_REQUEST` for words in it, for values that say nothing and for too many values.
    """
    values = [value for leaf in leaves(node) if isinstance(leaf, Where) for value in leaf.values]
    if len(values) > MOST_VALUES:
        raise LoupeError("INVALID_REQUEST", f"A filter has at most {MOST_VALUES} values.")
    if sum("*" in value for value in values) > MOST_GLOBS:
        raise LoupeError("INVALID_REQUEST", f"A filter has at most {MOST_GLOBS} values with a star.")
    return _condition_of(node)


def _condition_of(node: Node) -> Condition:
    match node:
        case AllOf(parts):
            return And(tuple(_condition_of(part) for part in parts))
        case OneOf(parts):
            return Or(tuple(_condition_of(part) for part in parts))
        case Exclude(part):
            return Not(_condition_of(part))
        case Where(name, values, op):
            known = field_named(name)
            if known is None:
                raise LoupeError(
                    "INVALID_REQUEST",
                    f"There is no field '{name[:40]}'.",
                    field=name[:40],
                    suggestion=nearest_field(name),
                )
            if not values:
                raise LoupeError("INVALID_REQUEST", f"The field '{name}' needs a value.", field=name)
            if op != "=" and not known.compares:
                raise LoupeError("INVALID_REQUEST", f"The field '{name}' cannot be compared by '{op}'.", field=name)
            try:
                return known.compile(op, values)
            except ValueProblemError as problem:
                raise LoupeError(
                    "INVALID_REQUEST", f"{problem.message}.", field=name, suggestion=problem.suggestion
                ) from problem
        case _:
            raise LoupeError("INVALID_REQUEST", "A filter holds fields only, no words to search for.")


def language_page() -> str:
    """The table of fields in Markdown, for docs/query-language.md."""
    rows = ["| field | also | what | example |", "|---|---|---|---|"]
    for each in _TABLE:
        also = ", ".join(f"`{alias}:`" for alias in each.aliases)
        words = (
            f" One of {', '.join(f'`{word}`' for word in each.words)}." if each.kind == "word" and each.words else ""
        )
        rows.append(f"| `{each.name}:` | {also} | {each.says}{words} | `{each.example}` |")
    return "\n".join(rows) + "\n"
