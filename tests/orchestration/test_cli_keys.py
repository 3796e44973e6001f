"""`loupe keys` and `loupe audit`."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from running_app import free_port, serving
from test_cli import Draw, Loupe, loupe
from typer.core import TyperGroup

from orchestration.cli.app import COMMANDS, loaded
from orchestration.cli.audit import CHANGING, UNCHANGING
from resources.keys import KeyRing
from resources.library import Library
from resources.running_api import RunningApi
from resources.settings import Settings

__all__ = ["loupe"]


def test_a_key_is_shown_once_listed_and_revoked(loupe: Loupe, tmp_path: Path) -> None:
    assert "from other machines nobody gets in" in loupe("keys", "list").out
    made = loupe("keys", "create", "notebook", "--scopes", "read,write", "--expires", "90d", "--json").json
    assert made["key"].startswith(f"loupe_{made['key_id']}_")
    listed = loupe("keys", "list").out
    assert "notebook" in listed
    assert "read,write" in listed
    assert made["key"] not in listed
    assert loupe("keys", "create", "notebook").status == 73
    library = Library(Settings(home=tmp_path / "home"))
    ring = KeyRing(library.manifest, library.home)
    ring.refresh()
    found = ring.find(made["key"])
    assert found is not None
    assert found.scopes == {"read", "write"}
    assert loupe("keys", "revoke", "notebook").status == 0
    assert ring.is_stale()
    ring.refresh()
    assert ring.find(made["key"]) is None
    assert loupe("keys", "revoke", "notebook").status == 66


@pytest.mark.parametrize(
    "arguments",
    [
        ("x", "--scopes", "root"),
        ("x", "--scopes", ""),
        ("x", "--expires", "soon"),
        ("x", "--expires", "0d"),
        ("",),
        ("a\nb",),
        ("y" * 101,),
    ],
)
def test_what_cannot_be_a_key_is_refused(loupe: Loupe, arguments: tuple[str, ...]) -> None:
    ended = loupe("keys", "create", *arguments)
    assert (ended.status, "INVALID_REQUEST" in ended.err) == (64, True)


def test_a_link_needs_something_to_lead_to(loupe: Loupe) -> None:
    ended = loupe("keys", "link")
    assert ended.status == 64
    assert "loupe up --lan" in ended.err


def test_a_command_that_changes_something_is_written_down_with_its_arguments(
    loupe: Loupe, tmp_path: Path, draw_photos: Draw
) -> None:
    photos = tmp_path / "photos"
    draw_photos(photos, 1)
    assert loupe("folders", "add", str(photos)).status == 0
    assert loupe("collections", "create", "Lofoten").status == 0
    assert loupe("collections", "create", "Lofoten").status == 73
    assert loupe("status").status == 0
    secret = loupe("keys", "create", "notebook", "--json").json["key"]
    changes = loupe("audit", "--json").json["changes"]
    assert [(row["who"], row["action"], row["target"]) for row in changes] == [
        ("command line", "loupe keys create", "notebook"),
        ("command line", "loupe collections create", "Lofoten"),
        ("command line", "loupe folders add", str(photos)),
    ]
    shown = loupe("audit", "--limit", "1").out
    assert shown.strip().endswith("command line: loupe keys create notebook")
    assert secret not in loupe("audit", "--json").out


def test_every_command_either_changes_something_or_does_not() -> None:
    commands = {name: loaded(name) for name in COMMANDS}
    groups = {name: found.commands for name, found in commands.items() if isinstance(found, TyperGroup)}
    names = {*commands.keys() - groups.keys(), *(f"{group} {name}" for group in groups for name in groups[group])}
    assert sorted(names) == sorted([*(CHANGING - {"failures --retry"}), *UNCHANGING])


def test_the_help_of_all_commands_says_what_each_says_of_itself() -> None:
    """It is told without their modules."""
    said = {name: loaded(name).get_short_help_str(limit=200) for name in COMMANDS}
    assert said == {name: sentence for name, (_, sentence) in COMMANDS.items()}


def test_the_command_line_gets_in_where_others_need_a_key(loupe: Loupe, tmp_path: Path, draw_photos: Draw) -> None:
    draw_photos(tmp_path / "photos", 2)
    assert loupe("ingest", str(tmp_path / "photos"), "--model", "demo-postcards").status == 0
    settings = Settings(home=tmp_path / "home", host="0.0.0.0", port=free_port(), require_keys=True, captions="off")
    with serving(settings):
        url = f"http://127.0.0.1:{settings.port}/api/v1/status"
        assert httpx.get(url).json()["error"]["code"] == "SIGN_IN_NEEDED"
        api = RunningApi.of(Library(settings).home)
        assert api is not None
        assert api.get("/status")["photos"] == 2
        assert loupe("status", "--json").json["photos"] == 2
        link = loupe("keys", "link", "--scopes", "read").out.strip()
        assert "/sign-in.html#loupe_" in link
        reply = httpx.post(f"http://127.0.0.1:{settings.port}/api/v1/session", json={"link": link.partition("#")[2]})
        assert reply.status_code == 201, reply.text
        assert reply.json()["scopes"] == ["read"]
