"""Which values a text with `*` means: as a regular expression has it, at a cost that does not grow with the stars."""

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
