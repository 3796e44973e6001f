"""The table of error codes: what every surface shows of an error."""

from __future__ import annotations

import ast
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest

from resources.errors import CODES, WARNINGS, DecodeError, LoupeError

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("resources", "assets", "orchestration", "search_api")


def test_every_row_can_be_shown() -> None:
    for code, row in CODES.items():
        assert code == row.code
        assert code.isupper()
        assert 400 <= row.http_status <= 599, code
        assert 64 <= row.exit_status <= 78, f"{code}: not one of sysexits.h"
        assert row.meaning.endswith("."), code
        assert row.advice.endswith("."), code
    for code, warning in WARNINGS.items():
        assert code == warning.code
        assert warning.meaning.endswith("."), code
        assert warning.advice.endswith("."), code


def test_the_documentation_is_in_step_with_the_table() -> None:
    written = subprocess.run(
        [sys.executable, "-m", "resources.errors"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert written == (ROOT / "docs/errors.md").read_text(encoding="utf-8"), (
        "run: python -m resources.errors > docs/errors.md"
    )
    assert all(f"| `{code}` |" in written for code in [*CODES, *WARNINGS])


def test_error_carries_its_row_and_details() -> None:
    error = LoupeError("DIR_NOT_FOUND", "There is no folder '/x'.", path="/x")
    assert (error.code, error.row.http_status, str(error)) == ("DIR_NOT_FOUND", 404, "There is no folder '/x'.")
    assert error.to_dict() == {
        "error": {"code": "DIR_NOT_FOUND", "message": "There is no folder '/x'.", "details": {"path": "/x"}}
    }


def test_unknown_code_cannot_be_raised() -> None:
    with pytest.raises(KeyError):
        LoupeError("NO_SUCH_CODE", "Something happened.")


@pytest.mark.parametrize("kind", [LoupeError, DecodeError])
def test_error_survives_the_way_between_processes(kind: type[LoupeError]) -> None:
    error = pickle.loads(pickle.dumps(kind("TRUNCATED", "The file ends early.", at=12)))
    assert type(error) is kind
    assert (error.code, error.message, error.details) == ("TRUNCATED", "The file ends early.", {"at": 12})


def test_codes_raised_in_the_source_stand_in_the_table() -> None:
    raised = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("LoupeError", "DecodeError"):
                    first = node.args[0] if node.args else None
                    if isinstance(first, ast.Constant):
                        raised[first.value] = f"{path.relative_to(ROOT)}:{node.lineno}"
    assert len(raised) > 20, "the search finds what it should"
    assert {code: place for code, place in raised.items() if code not in CODES} == {}


def test_warnings_of_the_decoders_stand_in_the_table() -> None:
    given = set()
    for path in (ROOT / "resources/imaging").glob("*.py"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if "warnings" in line:
                given.update(re.findall(r'"([A-Z_]{5,})"', line))
    assert len(given) > 2, "the search finds what it should"
    assert given - set(WARNINGS) == set()
