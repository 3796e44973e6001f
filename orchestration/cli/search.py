"""`loupe search "words"`: ask the running API, else the index itself."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli.options import JsonOption, ModelOption, print_json, settings_from
from resources.errors import LoupeError
from resources.folders import from_text
from resources.home import Home
from resources.running_api import RunningApi
from resources.settings import Settings
from resources.wording import counted

if TYPE_CHECKING:  # where the API runs it is only asked: the library is not opened here
    from resources.library import Library
    from resources.search import SearchPage

__all__ = ["found_photos", "linked", "search_command", "search_library"]

_PAGE = 500


def search_command(
    text: Annotated[
        str | None, typer.Argument(help="A query: words, and fields like camera:x-t5, -tag:x, after:2021.")
    ] = None,
    image: Annotated[Path | None, typer.Option(help="Find photos that look like this picture.")] = None,
    negative: Annotated[str | None, typer.Option("--not", help="What should not be in the picture.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most photos to list.")] = 10,
    every: Annotated[
        bool, typer.Option("--all", help="List every photo that the filters leave; of a ranking those that fit.")
    ] = False,
    sort: Annotated[str | None, typer.Option(help="relevance, newest or oldest.")] = None,
    mode: Annotated[
        str, typer.Option(help="hybrid, meaning (the picture alone) or words (captions, names).")
    ] = "hybrid",
    person: Annotated[list[str] | None, typer.Option(help="Only with this person; again: or that one.")] = None,
    country: Annotated[list[str] | None, typer.Option(help="Only from this country: its name or two letters.")] = None,
    region: Annotated[list[str] | None, typer.Option(help="Only from this region.")] = None,
    city: Annotated[list[str] | None, typer.Option(help="Only from this town.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="Only with this colour label, in the editor's word.")] = None,
    motion: Annotated[
        bool | None, typer.Option("--motion/--no-motion", help="Only with, or without, a short video behind them.")
    ] = None,
    in_stack: Annotated[
        bool | None, typer.Option("--in-stack/--alone", help="Only photos that stand in a stack, or alone.")
    ] = None,
    stacks: Annotated[str, typer.Option(help="covers: a stack as its cover; all: every photo of it.")] = "covers",
    paths: Annotated[bool, typer.Option("--paths", help="Print file paths only.")] = False,
    null: Annotated[bool, typer.Option("-0", help="With --paths: end each path with NUL, for xargs -0.")] = False,
    link_to: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Link each photo into this folder; nothing is overwritten."),
    ] = None,
    model: ModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search the library by a query, by a picture, by what narrows it, or all of them."""
    named = {"people": person, "countries": country, "regions": region, "cities": city, "color_labels": label}
    filters: dict[str, Any] = {name: values for name, values in named.items() if values}
    filters |= {name: wanted for name, wanted in (("motion", motion), ("in_stack", in_stack)) if wanted is not None}
    if sort not in (None, "relevance", "newest", "oldest"):
        raise LoupeError("INVALID_REQUEST", f"--sort is relevance, newest or oldest, not '{sort}'.")
    if text is None and image is None and not filters:
        raise LoupeError("EMPTY_QUERY", 'Say what to look for: loupe search "red boat", or --image FILE.')
    if stacks not in ("covers", "all"):
        raise LoupeError("INVALID_REQUEST", f"--stacks is covers or all, not '{stacks}'.")
    picture = _read(image) if image else None
    filters["stacks"] = stacks
    try:
        found = search_library(
            settings_from(model=model), text, picture, negative, None if every else limit, mode, filters, sort
        )
    except LoupeError as error:
        if error.code == "QUERY_INVALID" and text:
            raise _pointed_at(text, error) from error
        raise
    if link_to:
        from resources.library import Library

        found["links"] = linked(Library(settings_from()).open(), link_to, found["results"])
    if as_json:
        print_json(found)
        return
    for warning in found["warnings"]:
        print(f"note: {warning['message']}", file=sys.stderr)
    if not found["results"]:
        print("Nothing found.", file=sys.stderr)
    if link_to:
        _print_links(found["links"], link_to)
        return
    if paths or null:
        end = b"\0" if null else b"\n"
        for hit in found["results"]:
            sys.stdout.buffer.write(os.fsencode(from_text(hit["path"] or "")) + end)
        return
    for rank, hit in enumerate(found["results"], 1):
        caption = f"  “{hit['caption']}”" if hit["caption"] else ""
        score = "" if hit["score"] is None else f"{hit['score']:.3f}  "
        print(f"{rank:>3}. {score}{hit['path'] or hit['file_name']}{_beside(hit)}{caption}")
    photos = counted(found["photos"], "photo")
    verb = "is" if found["photos"] == 1 else "are"
    print(f"{found['searchable']:,} of {photos} {verb} searchable by content.", file=sys.stderr)


def linked(library: Library, folder: Path, photos: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Links to these photos (of `results`) in a folder: `made`, `there` already, and the paths that are `missing`."""
    from resources.handoff import link_folder, watched_folders

    paths = (photo["path"] for photo in photos if photo["path"])
    return asdict(link_folder(str(folder.expanduser()), paths, watched_folders(library.manifest)))


def _print_links(links: dict[str, Any], folder: Path) -> None:
    print(f"{counted(links['made'], 'link')} made in {folder}; {links['there']:,} were there.")
    for path in links["missing"]:
        print(f"missing now: {path}", file=sys.stderr)


def _pointed_at(query: str, error: LoupeError) -> LoupeError:
    """The error with the query and the place that it means."""
    position, length = int(error.details.get("position", 0)), int(error.details.get("length", 1))
    shown = "".join(character if character.isprintable() else " " for character in query)
    meant = error.details.get("suggestion")
    lines = [error.message, f"  {shown}", f"  {' ' * position}{'^' * length}", *([f"  {meant}"] if meant else [])]
    return LoupeError(error.code, "\n".join(lines), **error.details)


def _beside(hit: dict[str, Any]) -> str:
    """What else there is of a photo: its page, the others of its stack, and whether its file can be reached."""
    page = f"  (page {hit['page']} of {hit['pages']})" if hit["pages"] > 1 else ""
    others = f"  (+{hit['stack_size'] - 1})" if hit["stack_size"] else ""
    return page + others + ("  (offline)" if hit["offline"] else "")


def search_library(
    settings: Settings,
    query: str | None,
    picture: bytes | None,
    negative: str | None,
    limit: int | None,
    mode: str,
    filters: dict[str, Any] | None = None,
    sort: str | None = None,
) -> dict[str, Any]:
    """`results` (photo_id, score, path, file_name, caption ...), `warnings`, `photos` and `searchable`.

    `query` is one of the query language, `filters` by the names of `SearchFilters`, which the API shares. `limit` None:
    all that is found, of a ranking all that is relevant.
    """
    found = found_photos(settings, query, picture, negative, limit, mode, filters, sort)
    return _shown(found["hits"], found)


def found_photos(
    settings: Settings,
    query: str | None,
    picture: bytes | None = None,
    negative: str | None = None,
    limit: int | None = None,
    mode: str = "hybrid",
    filters: dict[str, Any] | None = None,
    sort: str | None = None,
) -> dict[str, Any]:
    """As `search_library`, but the photos as `hits` with all that the index says of them."""
    if mode not in ("hybrid", "meaning", "words"):
        raise LoupeError("INVALID_REQUEST", f"--mode is hybrid, meaning or words, not '{mode}'.")
    home = Home(settings.home).prepare()
    asked: dict[str, Any] = {"mode": mode, "filters": filters or {}, "sort": sort}
    if query:
        asked["q"] = query
    if negative:
        asked["negative_texts"] = [{"text": negative}]
    api = RunningApi.of(home)
    if api is not None:
        return _pages(limit, lambda page: _ask(api, {**asked, **page}, picture))
    return _search_here(settings, asked, picture, limit)


def _pages(limit: int | None, ask: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Page after page by cursor, until there are enough."""
    hits: list[dict[str, Any]] = []
    page: dict[str, Any] = {}
    while True:
        reply = ask({**page, "limit": min(_PAGE, _PAGE if limit is None else limit - len(hits))})
        enough = limit
        if limit is None and reply["relevant"] is not None and reply["relevant_exact"]:
            enough = reply["relevant"]
        hits += reply["hits"]
        if not reply["cursor"] or (enough is not None and len(hits) >= enough):
            return {**reply, "hits": hits if enough is None else hits[:enough]}
        page = {"cursor": reply["cursor"]}


def _ask(api: RunningApi, query: dict[str, Any], picture: bytes | None) -> dict[str, Any]:
    if picture is None:
        return api.post("/search", query)
    return api.post_image("/search/image", picture, {"query": json.dumps(query)})


def _search_here(settings: Settings, asked: dict[str, Any], picture: bytes | None, limit: int | None) -> dict[str, Any]:
    from resources.inventory import note_reach_of_all
    from resources.library import Library
    from resources.model_change import searched_model
    from resources.models import GpuResource, load_clip
    from resources.search import PhotoSearch, SearchRequest, asking
    from resources.vector_index import SearchFilters, apply_outbox, open_index
    from resources.vector_index.photo_points import vector_store

    request = SearchRequest(
        negative_texts=tuple((each["text"], 1.0) for each in asked.get("negative_texts", ())),
        filters=SearchFilters(**asked["filters"]),
        mode=asked["mode"],
        sort=asked["sort"] or "relevance",
    )
    if "q" in asked:
        request = asking(asked["q"], request)
    library = Library(settings).open()
    note_reach_of_all(library.manifest)
    clip = searched_model(library)
    index = open_index(library.settings, clip)
    try:
        apply_outbox(library.manifest, vector_store(library.home, index.model), index)
        texts = request.texts or request.or_texts or request.negative_texts
        needs_model = clip is not None and (picture is not None or (texts and request.mode != "words"))
        encoder = (
            load_clip(library.settings, clip.name, GpuResource(library.settings)) if clip and needs_model else None
        )
        if picture is not None:
            if encoder is None:
                raise LoupeError(
                    "SEARCH_BY_CONTENT_OFF", "Searching by a picture needs a model: `loupe models fetch siglip2-b32`."
                )
            vector = encoder.embed_images(_model_input(picture, library.settings, encoder)[None])[0]
            request = replace(request, image_vectors=((vector, 1.0),))
        search = PhotoSearch(index, encoder)
        return _pages(limit, lambda page: _as_reply(search.search(replace(request, **page))))
    finally:
        index.close()


def _as_reply(page: SearchPage) -> dict[str, Any]:
    """A page as the API gives it, as far as it is shown."""
    browsed = page.mode == "browse"
    return {
        "hits": [
            {**hit.payload, "photo_id": hit.photo_id, "score": None if browsed else hit.score} for hit in page.hits
        ],
        "warnings": [asdict(warning) for warning in page.warnings],
        "photos": page.photos,
        "searchable": page.searchable,
        "relevant": page.relevant,
        "relevant_exact": page.relevant_exact,
        "cursor": page.cursor,
        "mode": page.mode,
    }


def _model_input(picture: bytes, settings: Settings, encoder: Any) -> Any:
    from resources.imaging import decode
    from resources.models import model_input

    photo = decode(picture, name="query", preview_px=settings.preview_px, max_pixels=settings.max_pixels)
    return model_input(photo.pixels, encoder.input_spec)


def _shown(hits: list[dict[str, Any]], reply: dict[str, Any]) -> dict[str, Any]:
    return {
        "results": [
            {
                "photo_id": hit["photo_id"],
                "score": hit["score"],
                "path": (hit.get("paths") or [None])[0],
                "file_name": hit.get("file_name"),
                "caption": hit.get("caption"),
                "page": hit.get("page") or 1,
                "pages": hit.get("pages") or 1,
                "stack_kind": hit.get("stack_kind"),
                "stack_size": hit.get("stack_size"),
                "offline": bool(hit.get("offline")),
            }
            for hit in hits
        ],
        "warnings": reply["warnings"],
        "photos": reply["photos"],
        "searchable": reply["searchable"],
        "mode": reply["mode"],
    }


def _read(image: Path) -> bytes:
    try:
        return image.read_bytes()
    except FileNotFoundError as error:
        raise LoupeError("FILE_VANISHED", f"There is no file '{image}'.") from error
    except OSError as error:
        raise LoupeError("FILE_UNREADABLE", f"'{image}' cannot be read: {error.strerror}.") from error
