"""The query language: written and read back, errors at their character, fields as conditions."""

from __future__ import annotations

import re
import uuid
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.errors import LoupeError
from resources.search.asking import asking
from resources.search.query_fields import FIELDS, condition_of, language_page
from resources.search.query_language import format_query, parse
from resources.search.query_tree import AllOf, Exclude, Node, OneOf, Similar, Where, Words, all_of, exclude, one_of
from resources.search.query_values import Period, ValueProblemError, period
from resources.search.requests import SearchRequest
from resources.vector_index.conditions import And, AnyOf, Exists, Flag, InBox, Like, Near, Not, Or, Range, wall_clock_s

ID = "0d9e2f2a-6c1f-5a57-9d0b-6f2f9d3c1b7e"


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", AllOf(())),
        ("  red   car ", Words("red car")),
        ('red "old car"^2 sea', AllOf((Words("red"), Words("old car", 2.0, True), Words("sea")))),
        ("sunset^2 beach^.5", AllOf((Words("sunset", 2.0), Words("beach", 0.5)))),
        ('beach camera:"X-T5" -people after:2021',
         AllOf((Words("beach"), Where("camera", ("X-T5",)), Exclude(Words("people")), Where("after", ("2021",))))),
        ("iso:>=800 f:<2.8", AllOf((Where("iso", ("800",), ">="), Where("f", ("2.8",), "<")))),
        ("near:48.85,2.35,5km", Where("near", ("48.85", "2.35", "5km"))),
        ('album:"Summer 2021" TAG:a,"b c"', AllOf((Where("in", ("Summer 2021",)), Where("tag", ("a", "b c"))))),
        ("(cat OR dog) beach", AllOf((OneOf((Words("cat"), Words("dog"))), Words("beach")))),
        ("cat OR dog OR owl", OneOf((Words("cat"), Words("dog"), Words("owl")))),
        ("tag:a tag:b OR tag:c", OneOf((AllOf((Where("tag", ("a",)), Where("tag", ("b",)))), Where("tag", ("c",))))),
        ("NOT has:gps AND -(tag:a OR tag:b)",
         AllOf((Exclude(Where("has", ("gps",))), Exclude(OneOf((Where("tag", ("a",)), Where("tag", ("b",)))))))),
        ("- -5 - 12:30 sea-side ORANGE", AllOf((Words("-"), Exclude(Words("5")), Words("- 12:30 sea-side ORANGE")))),
        ("--cat", Words("cat")),
        (f"similar:{ID.upper()}^2 -similar:{ID}", AllOf((Similar(ID, 2.0), Exclude(Similar(ID))))),
        (r'folder:C:\photos "say \"hi\" \\ back\slash"',
         AllOf((Where("folder", (r"C:\photos",)), Words('say "hi" \\ back\\slash', 1.0, True)))),
        ("(((red)))", Words("red")),
        ("東京 été", Words("東京 été")),
    ],
)  # fmt: skip
def test_queries_are_read_as_trees(text: str, tree: Node) -> None:
    assert parse(text) == tree
    assert parse(format_query(tree)) == tree


@pytest.mark.parametrize(
    ("text", "marked", "suggestion"),
    [
        ("beach camra:x", "camra:", "camera:"),
        ("see http://example.org", "http://example.org", '"http://example.org"'),
        ("beach isp:>=800", "isp:", None),
        ("tag:", " ", None),
        ("iso:fast", "fast", None),
        ("iso:100,fast,200", "fast", None),
        ("taken:2021-13", "2021-13", None),
        ("year:2021..2019", "2021..2019", "2019..2021"),
        ("iso:100,800..200", "800..200", "200..800"),
        ("taken:2021-06..2021-05", "2021-06..2021-05", None),
        ("has:gsp", "gsp", "gps"),
        ("is:portrai", "portrai", "portrait"),
        ("near:48.85,2.35", "2.35", "2.35,5km"),
        ("near:48.85", "48.85", None),
        ("box:47,5", "5", None),
        ("near:48.85,999,5km", "999", None),
        ("camera:>x", ">", ""),
        ("(cat OR dog", "(", ""),
        ("cat OR dog)", ")", ""),
        ('red "car', '"', ""),
        ('""', '""', None),
        ("cat OR", "OR", None),
        ("OR cat", "OR", None),
        ("cat AND AND dog", "AND", None),
        ("()", "(", None),
        ("red NOT", "NOT", None),
        ("sunset^0", "^0", "^1"),
        ("sunset^200", "^200", "^1"),
        ("tag:a^2", "a^2", None),
        ("(a b)^2", "^2", ""),
        ("cat OR tag:dog", "cat", 'caption:"cat"'),
        ("cat OR -dog", "-dog", None),
        ("-(cat tag:dog)", "(cat tag:dog)", None),
        ("similar:17", "17", None),
        ("tag:(a OR b)", "(", None),
    ],
)
def test_errors_point_at_the_character(text: str, marked: str, suggestion: str | None) -> None:
    if text == "tag:a^2":
        assert parse(text) == Where("tag", ("a^2",)), "a value may hold anything"
        return
    with pytest.raises(LoupeError) as refused:
        parse(text)
    error = refused.value
    assert error.code == "QUERY_INVALID"
    position, length = error.details["position"], error.details["length"]
    assert (text + " ")[position : position + length] == marked, error.message
    if suggestion is not None:
        assert error.details["suggestion"] == suggestion
        parse(text[:position] + suggestion + text[position + length :])
    assert re.search(r"\w.*[^.?][.?]$", error.message), error.message


def test_too_much_is_refused_and_never_runs_away() -> None:
    for text in ("(" * 500 + "a", "-" * 500 + "a", "a:" * 2000, "x" * 5000, " ".join(["tag:a"] * 300)):
        with pytest.raises(LoupeError) as refused:
            parse(text)
        assert refused.value.code == "QUERY_INVALID"
    for text in (f"iso:{'9' * 400}", f"-iso:{'9' * 400}", f"size:>{'9' * 307}gb", "f:1.8 iso:>" + "9" * 320):
        with pytest.raises(LoupeError) as refused:
            parse(text)
        assert refused.value.code == "QUERY_INVALID"
    stars = "tag:" + ",".join(["*a*b"] * 51)
    with pytest.raises(LoupeError, match="50 values with a star") as refused:
        parse(stars)
    assert refused.value.details["position"] == len(stars) - 4
    for tree in (Where("tag", ("*a*b",) * 51), AllOf(tuple(Where("tag", ("a",) * 100) for _ in range(11)))):
        with pytest.raises(LoupeError, match="at most"):
            condition_of(Exclude(tree))
    with pytest.raises(LoupeError):
        asking(" ".join(["(a OR b OR c)"] * 60), SearchRequest())


@settings(max_examples=400, deadline=None)
@given(
    st.text(max_size=60)
    | st.lists(st.sampled_from([*list('ab "()-^:,<>=2'), "OR", "NOT", "tag:", "iso:"]), max_size=25).map("".join)
)
def test_any_text_is_read_or_refused_at_a_place_in_it(text: str) -> None:
    refused: LoupeError | None = None
    try:
        tree = parse(text)
    except LoupeError as error:
        refused = error
    if refused is None:
        assert parse(format_query(tree)) == tree
    else:
        assert refused.code == "QUERY_INVALID"
        assert 0 <= refused.details["position"] <= len(text)
        assert refused.details["length"] >= 1


_plain = st.from_regex(r"\A[a-zé0-9東'.#&][a-zé0-9'.#&*!?;/-]{0,6}\Z").filter(lambda word: not re.search(r"\^\d", word))
_anything = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(lambda t: bool(t.strip()))
_weights = st.sampled_from([1.0, 2.0, 0.5, 1.25])
_words = st.one_of(
    st.lists(_plain, min_size=1, max_size=3).map(lambda words: Words(" ".join(words))),
    st.builds(Words, _plain, _weights),
    st.builds(Words, _anything, _weights, st.just(True)),
)
_photos = st.builds(Similar, st.uuids().map(str), _weights)
_texts_of = {
    "text": _anything,
    "number": st.sampled_from(["1", "4", "2..5", "3..", "..6"]),
    "date": st.sampled_from(["2021", "2021-06", "2020..2021-03-04", "today", "30d"]),
}
_filters = st.one_of(
    *(
        st.builds(Where, st.just(name), st.lists(_texts_of[each.kind], min_size=1, max_size=3).map(tuple))
        for name, each in FIELDS.items()
        if each.kind == "text"
    ),
    st.builds(
        Where,
        st.sampled_from(["iso", "rating", "month", "hour", "width", "size"]),
        _texts_of["number"].map(lambda v: (v,)),
    ),
    st.builds(Where, st.sampled_from(["iso", "f", "hour"]), st.just(("2",)), st.sampled_from([">", ">=", "<", "<="])),
    st.builds(Where, st.sampled_from(["taken", "added"]), _texts_of["date"].map(lambda v: (v,))),
    st.builds(Where, st.just("has"), st.just(("gps", "date"))),
)


def _trees(leaf: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.lists(inner, min_size=2, max_size=3).map(lambda parts: all_of(*parts)),
            st.lists(inner, min_size=2, max_size=3).map(lambda parts: one_of(*parts)),
            inner.map(exclude),
        ),
        max_leaves=6,
    )


_questions = st.lists(
    st.one_of(
        _words,
        _photos,
        st.one_of(_words, _photos).map(exclude),
        st.lists(_words, min_size=2, max_size=3).map(lambda parts: one_of(*parts)),
        _trees(_filters),
    ),
    min_size=1,
    max_size=4,
).map(lambda parts: all_of(*parts))


@settings(max_examples=300, deadline=None)
@given(_questions)
def test_what_is_written_is_read_back(tree: Node) -> None:
    assert parse(format_query(tree)) == tree


@settings(max_examples=200, deadline=None)
@given(_trees(_filters))
def test_every_tree_of_filters_becomes_a_condition(tree: Node) -> None:
    assert condition_of(tree) == condition_of(parse(format_query(tree)))


def test_every_field_explains_itself_by_an_example_that_works() -> None:
    for name, each in FIELDS.items():
        tree = parse(each.example)
        assert isinstance(tree, Where)
        assert tree.field == name
        for alias in each.aliases:
            assert parse(each.example.replace(name, alias, 1)) == tree


def test_the_documented_table_is_that_of_the_fields() -> None:
    page = Path(__file__).parents[3] / "docs" / "query-language.md"
    assert page.read_text().endswith(language_page())


def _second(*moment: int) -> float:
    return wall_clock_s(datetime(*moment))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("after:2021", Range("taken_at", gte=_second(2022, 1, 1))),
        ("since:2021-02", Range("taken_at", gte=_second(2021, 2, 1))),
        ("before:2021-06-15", Range("taken_at", lt=_second(2021, 6, 15))),
        ("until:2021", Range("taken_at", lt=_second(2022, 1, 1))),
        ("taken:2021-12", Range("taken_at", gte=_second(2021, 12, 1), lt=_second(2022, 1, 1))),
        ("taken:2020..2021-03", Range("taken_at", gte=_second(2020, 1, 1), lt=_second(2021, 4, 1))),
        ("taken:2021-06-15T14:30",
         Range("taken_at", gte=_second(2021, 6, 15, 14, 30), lt=_second(2021, 6, 15, 14, 31))),
        ("year:2019..", Range("taken_at", gte=_second(2019, 1, 1))),
        ("month:june,Jul", Or((AnyOf("taken_parts", ("m6",)), AnyOf("taken_parts", ("m7",))))),
        ("month:nov..feb", AnyOf("taken_parts", ("m11", "m12", "m1", "m2"))),
        ("weekday:weekend", AnyOf("taken_parts", ("w6", "w7"))),
        ("hour:22..4", AnyOf("taken_parts", ("h22", "h23", "h0", "h1", "h2", "h3", "h4"))),
        ("hour:>21", AnyOf("taken_parts", ("h22", "h23"))),
        ("iso:>=800", Range("iso", gte=800.0)),
        ("iso:100..400", Range("iso", gte=100.0, lte=400.0)),
        ("size:>10MB", Range("size_bytes", gt=1e7)),
        ("exposure:<1/250", Range("exposure_s", lt=0.004)),
        ("rating:4", Range("rating", gte=4.0, lte=4.0)),
        ('camera:"X-T5"', Like("camera", ("X-T5",), "words")),
        ("-has:gps", Not(Flag("has_gps"))),
        ("near:48.85,2.35,5km", Near(48.85, 2.35, 5000.0)),
        ("box:47,5,49,9", InBox(47.0, 5.0, 49.0, 9.0)),
        ("stack:any", Exists("stack_id")),
        ("tag:a tag:b", And((Like("tags", ("a",), "glob"), Like("tags", ("b",), "glob")))),
        ("format:jpg", Like("format", ("JPEG",), "glob")),
    ],
)  # fmt: skip
def test_fields_mean_conditions(text: str, condition: object) -> None:
    assert condition_of(parse(text)) == condition


def test_apertures_and_lengths_need_not_be_exact() -> None:
    condition = condition_of(parse("f:f/2.8"))
    assert isinstance(condition, Range)
    assert condition.gte is not None
    assert condition.lte is not None
    assert condition.gte < 2.8 < condition.lte < 2.9


def test_raw_names_every_raw_format() -> None:
    condition = condition_of(parse("format:raw"))
    assert isinstance(condition, Like)
    assert {"DNG", "NEF", "CR3", "ARW"} <= set(condition.texts)


TODAY = date(2024, 3, 31)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("today", (2024, 3, 31), (2024, 4, 1)),
        ("Yesterday", (2024, 3, 30), (2024, 3, 31)),
        ("2w", (2024, 3, 17), (2024, 3, 18)),
        ("1m", (2024, 2, 29), (2024, 3, 1)),
        ("13 months", (2023, 2, 28), (2023, 3, 1)),
        ("1y", (2023, 3, 31), (2023, 4, 1)),
        ("9999", (9999, 1, 1), (9999, 12, 31)),
    ],
)
def test_periods(text: str, start: tuple[int, int, int], end: tuple[int, int, int]) -> None:
    assert period(text, TODAY) == Period(datetime(*start), datetime(*end))


@pytest.mark.parametrize("text", ["", "2021-00", "2021-02-30", "99999y", "soon", "21", "2021-06-15T25:00"])
def test_no_periods(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        period(text, TODAY)


# From a query to a request


def test_plain_words_are_one_text_wherever_they_stand() -> None:
    request = asking('red tag:a car "by the sea"^2 -people -"two dogs"^3', SearchRequest())
    assert request.texts == (("red car", 1.0), ("by the sea", 2.0))
    assert request.negative_texts == (("people", 1.0), ("two dogs", 3.0))
    assert request.filters.where == And((Like("tags", ("a",), "glob"),))


def test_alternatives_are_questions_of_their_own() -> None:
    request = asking("(cat OR small dog) beach (red OR blue)", SearchRequest())
    ways = [request.texts, *request.or_texts]
    assert [text for ((text, _),) in ways] == [
        "cat beach red", "cat beach blue", "small dog beach red", "small dog beach blue"
    ]  # fmt: skip


def test_examples_and_exclusions_of_groups() -> None:
    other = str(uuid.UUID(int=7))
    request = asking(f"similar:{ID}^2 -similar:{other} -(cat OR dog)", SearchRequest(texts=(("sea", 1.0),)))
    assert request.photo_ids == ((ID, 2.0),)
    assert request.negative_photo_ids == ((other, 1.0),)
    assert request.negative_texts == (("cat", 1.0), ("dog", 1.0))
    assert request.texts == (("sea", 1.0),)


def test_a_filter_alone_browses() -> None:
    assert asking("rating:>=4 OR has:gps", SearchRequest()).browses
    assert asking(" ", SearchRequest()).filters.where is None


def test_a_filter_of_unknown_fields_is_refused() -> None:
    for wrong in (
        Where("camra", ("x",)),
        Where("tag", ()),
        Where("tag", ("x",), ">"),
        Where("iso", ("x",)),
        Words("a"),
    ):
        with pytest.raises(LoupeError) as refused:
            condition_of(wrong)
        assert refused.value.code == "INVALID_REQUEST"
    with pytest.raises(ValueProblemError):
        FIELDS["near"].compile("=", ("1", "2"))
