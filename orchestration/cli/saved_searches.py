"""`loupe searches`: searches that a person keeps under a name."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from orchestration.cli.options import JsonOption, print_json, settings_from
from orchestration.cli.search import search_library
from resources.clock import utc_now
from resources.errors import LoupeError
from resources.library import Library
from resources.manifest import saved_searches
from resources.running_api import RunningApi
from resources.search import SearchRequest, asking

__all__ = ["app"]

app = typer.Typer(help="Searches that are kept under a name.", rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="The saved search's name.")]
# What `loupe search` can ask without the API; the page can save more.
_PLAIN = frozenset(["q", "mode", "sort"])


@app.command("list")
def list_searches(as_json: JsonOption = False) -> None:
    """List saved searches with what they found last."""
    with Library(settings_from()).open().manifest.read() as tx:
        found = saved_searches.list_all(tx)
    if as_json:
        print_json({"searches": found})
        return
    for row in found:
        last = "" if row["last_run_at"] is None else f"  ({row['last_count']:,} on {row['last_run_at']:%Y-%m-%d})"
        print(f"{row['name']}: {row['request'].get('q', '')}{last}")
    if not found:
        print("No search is saved yet: `loupe searches save NAME QUERY`.")


@app.command("save")
def save(
    name: Name,
    query: Annotated[str, typer.Argument(help="A query, as for `loupe search`.")],
    as_json: JsonOption = False,
) -> None:
    """Keep a query under a name."""
    asking(query, SearchRequest())
    with Library(settings_from()).open().manifest.write() as tx:
        row = saved_searches.create(tx, name, {"q": query})
    _print(row, f"Saved '{row['name']}'.", as_json)


@app.command("run")
def run(
    name: Name,
    limit: Annotated[int | None, typer.Option(min=1, help="Most photos to list; default: all it finds.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the paths of what a saved search finds now."""
    settings = settings_from()
    library = Library(settings).open()
    with library.manifest.read() as tx:
        request = saved_searches.get(tx, name)["request"]
    if request.keys() <= _PLAIN:
        found = search_library(
            settings, request.get("q"), None, None, None, request.get("mode", "hybrid"), {}, request.get("sort")
        )
        rows = [(hit["photo_id"], hit["path"]) for hit in found["results"]]
        with library.manifest.write() as tx:
            saved_searches.note_run(tx, name, len(rows), utc_now())
    else:
        rows = _from_api(library, name)
    rows = rows[:limit]
    if as_json:
        print_json({"results": [{"photo_id": photo_id, "path": path} for photo_id, path in rows]})
        return
    for photo_id, path in rows:
        print(path or photo_id)


@app.command("rename")
def rename(
    name: Name, new_name: Annotated[str, typer.Argument(help="What to call it.")], as_json: JsonOption = False
) -> None:
    """Call a saved search otherwise."""
    with Library(settings_from()).open().manifest.write() as tx:
        row = saved_searches.change(tx, name, new_name=new_name)
    _print(row, f"'{name}' is called '{row['name']}' now.", as_json)


@app.command("delete")
def delete(name: Name, as_json: JsonOption = False) -> None:
    """Forget a saved search. Photos are not touched."""
    with Library(settings_from()).open().manifest.write() as tx:
        saved_searches.delete(tx, name)
    _print({"name": name}, f"Forgot '{name}'.", as_json)


def _from_api(library: Library, name: str) -> list[tuple[str, str | None]]:
    api = RunningApi.of(library.home)
    if api is None:
        raise LoupeError("API_NOT_RUNNING", f"'{name}' asks for more than `loupe search` can: it needs `loupe up`.")
    from urllib.parse import quote

    hits: list[dict[str, Any]] = []
    page: dict[str, Any] = {}
    while True:
        reply = api.get(f"/saved-searches/{quote(name, safe='')}/results", limit=500, **page)
        hits += reply["hits"]
        enough = reply["relevant"] if reply["relevant_exact"] else None
        if not reply["cursor"] or (enough is not None and len(hits) >= enough):
            return [(hit["photo_id"], (hit.get("paths") or [None])[0]) for hit in hits[:enough]]
        page = {"cursor": reply["cursor"]}


def _print(row: dict[str, Any], sentence: str, as_json: bool) -> None:
    if as_json:
        print_json(row)
    else:
        print(sentence)
