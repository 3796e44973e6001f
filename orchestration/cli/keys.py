"""`loupe keys`: who may use this library from elsewhere."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated

import typer

from orchestration.cli.options import JsonOption, print_json, settings_from
from resources import keys
from resources.errors import LoupeError
from resources.library import Library
from resources.running_api import RunningApi, lan_address
from resources.wording import counted

__all__ = ["app", "sign_in_link"]

app = typer.Typer(help="Make, list and revoke keys of the API and sign-in links for browsers.", rich_markup_mode=None)

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
ScopesOption = Annotated[str, typer.Option(help="Some of read,write,admin.")]


@app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Whose or what for; stands in `loupe audit`.")],
    scopes: ScopesOption = "read",
    expires: Annotated[str | None, typer.Option(help="After this long: 12h, 90d, 8w. Default: never.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a key. It is shown once, now, and kept nowhere."""
    library = Library(settings_from()).open()
    made = keys.create(library.manifest, library.home, name, keys.usable_scopes(scopes), _lasts(expires))
    if as_json:
        print_json({"key_id": made.key.key_id, "name": made.key.name, "key": made.text})
        return
    print(made.text)
    print("Keep it now: it is not shown again. Send it as `Authorization: Bearer KEY`.")


@app.command("list")
def list_command(as_json: JsonOption = False) -> None:
    """List keys, signed-in browsers and open links, with their last use."""
    library = Library(settings_from()).open()
    found = keys.list_keys(library.manifest)
    if as_json:
        print_json({"keys": [{**vars(key), "scopes": _written(key)} for key in found]})
        return
    for key in found:
        state = "expired" if key.expired() else f"until {_day(key.expires_at)}" if key.expires_at else "no end"
        used = f"used {_day(key.last_used_at)}" if key.last_used_at else "never used"
        print(f"{key.key_id}  {key.kind:7}  {_written(key):16}  {state:16}  {used:16}  {key.name}")
    if not found:
        print("There is no key: from other machines nobody gets in. `loupe keys create NAME` makes one.")


@app.command("revoke")
def revoke(
    name: Annotated[str, typer.Argument(help="Name or id, as `loupe keys list` shows them.")],
    as_json: JsonOption = False,
) -> None:
    """Make a key worthless, or sign a browser out. A running API knows at once."""
    library = Library(settings_from()).open()
    removed = keys.revoke(library.manifest, library.home, name)
    if as_json:
        print_json({"revoked": removed})
    else:
        print(f"Revoked {counted(removed, 'key')}.")


@app.command("link")
def link(
    scopes: ScopesOption = "read",
    name: Annotated[str, typer.Option(help="Stands in `loupe keys list` until it is used.")] = "sign-in link",
    as_json: JsonOption = False,
) -> None:
    """Print a link that signs one browser in, once, within fifteen minutes; the browser stays so for 30 days."""
    settings = settings_from()
    library = Library(settings).open()
    running = RunningApi.of(library.home)
    if running is None:
        raise LoupeError("INVALID_REQUEST", "Start `loupe up --lan` first: the link leads to it.")
    url = sign_in_link(library, keys.usable_scopes(scopes), name, running.listens_on, running.port)
    if as_json:
        print_json({"link": url})
    else:
        print(url)


def sign_in_link(library: Library, scopes: frozenset[str], name: str, host: str, port: int) -> str:
    """The address that signs one browser in. What stands behind `#` is never sent in a request's address."""
    made = keys.create(library.manifest, library.home, name, scopes, keys.LINK_LASTS, kind="link")
    return f"http://{lan_address(host)}:{port}/sign-in.html#{made.text}"


def _lasts(given: str | None) -> timedelta | None:
    if given is None:
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,4})([hdw])", given)
    if found is None:
        raise LoupeError("INVALID_REQUEST", "--expires is a number and h, d or w: 12h, 90d, 8w.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _written(key: keys.Key) -> str:
    return ",".join(scope for scope in keys.SCOPES if scope in key.scopes)


def _day(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d") if moment else ""
