"""Which values a text means: names as people write them, and `*` as a regular expression has it.

At a cost that does not grow with the stars.
"""

from __future__ import annotations

import random
import re
import string

import pytest

from resources.vector_index import Like
from resources.vector_index.spellings import Spellings


def _expected(glob: str, how: str, value: str) -> bool:
    pattern = ".*".join(re.escape(piece) for piece in glob.split("*"))
    match how:
        case "glob":
            return re.fullmatch(pattern, value, re.DOTALL) is not None
        case "path":
            return re.fullmatch(("" if glob.startswith("/") else "(?:.*/)?") + pattern, value, re.DOTALL) is not None
    return re.search(rf"(?<!\w){pattern}(?!\w)", value, re.DOTALL) is not None


@pytest.mark.parametrize(("how", "letters"), [("glob", "ab*"), ("path", "ab/*"), ("words", "ab *_")])
def test_stars_mean_what_they_mean_in_a_pattern(how: str, letters: str) -> None:
    drawn = random.Random(how)
    values = ["".join(drawn.choices(letters.replace("*", ""), k=drawn.randrange(9))).strip() for _ in range(400)]
    for _ in range(600):
        glob = "".join(drawn.choices(letters, k=drawn.randrange(1, 6))).strip()
        glob = glob if how == "glob" else glob.rstrip("/ ") or "a"
        if how != "path" and "*" not in glob:
            continue
        found = set(Spellings(values).meant(Like("tags", (glob,), how)))  # type: ignore[arg-type]
        assert found == {value for value in values if _expected(glob, how, value)}, glob


@pytest.mark.parametrize("how", ["glob", "path", "words"])
def test_many_stars_cost_no_more_than_few(how: str) -> None:
    """Sharing 5,000 letters among 100 stars in every way would take longer than the universe is old."""
    values = ["a" * 5_000, string.ascii_lowercase]
    assert not Spellings(values).meant(Like("tags", ("a*" * 100 + "b*c",), how))  # type: ignore[arg-type]


NIKKOR, CANON, FUJI = "NIKKOR Z 24-70mm f/4 S", "RF24-105mm F4 L IS USM", "XF18-55mmF2.8-4 R LM OIS"
LENSES = Spellings([NIKKOR, CANON, FUJI, "EF 24mm f/2.8", "Summicron 35"])
CAMERAS = Spellings(["FUJIFILM X-T4", "FUJIFILM X-T5", "Canon EOS R5", "NIKON Z 8", "Apple iPhone 14 Pro"])


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("24-70", {NIKKOR}),
        ("24 70", {NIKKOR}),
        ("24-105mm", {CANON}),
        ("18-55mm", {FUJI}),
        ("xf18", {FUJI}),
        ("f/4", {NIKKOR, CANON, FUJI}),
        ("f/2.8 ef", {"EF 24mm f/2.8"}),
        ("f/9", set()),
        ("70-24mm f/9", set()),
        ("105", {CANON}),
        ("/", set()),
    ],
)
def test_lenses_are_meant_as_people_write_them(text: str, meant: set[str]) -> None:
    assert set(LENSES.meant(Like("lens", (text,), "words"))) == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("xt4", {"FUJIFILM X-T4"}),
        ("x-t4", {"FUJIFILM X-T4"}),
        ("x t4", {"FUJIFILM X-T4"}),
        ("fujifilm", {"FUJIFILM X-T4", "FUJIFILM X-T5"}),
        ("z8", {"NIKON Z 8"}),
        ("canon r5", {"Canon EOS R5"}),
        ("canon z", set()),
        ("iphone 14", {"Apple iPhone 14 Pro"}),
    ],
)
def test_cameras_are_meant_as_people_write_them(text: str, meant: set[str]) -> None:
    assert set(CAMERAS.meant(Like("camera", (text,), "words"))) == meant
