"""`loupe search "words"`: ask the running API, else the index itself."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from orchestration.cli.options import JsonOption, ModelOption, print_json, settings_from
from resources.errors import LoupeError
from resources.folders import from_text
from resources.library import Library
from resources.running_api import RunningApi
from resources.settings import Settings
from resources.wording import counted

__all__ = ["search_command", "search_library"]


def search_command(
    text: Annotated[str | None, typer.Argument(help="What is in the picture.")] = None,
    image: Annotated[Path | None, typer.Option(help="Find photos that look like this picture.")] = None,
    negative: Annotated[str | None, typer.Option("--not", help="What should not be in the picture.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="Most photos to list.")] = 10,
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
    model: ModelOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search the library by words, by a picture, by what narrows it, or all of them."""
    named = {"people": person, "countries": country, "regions": region, "cities": city, "color_labels": label}
    filters: dict[str, Any] = {name: values for name, values in named.items() if values}
    filters |= {name: wanted for name, wanted in (("motion", motion), ("in_stack", in_stack)) if wanted is not None}
    if text is None and image is None and not filters:
        raise LoupeError("EMPTY_QUERY", 'Say what to look for: loupe search "red boat", or --image FILE.')
    if stacks not in ("covers", "all"):
        raise LoupeError("INVALID_REQUEST", f"--stacks is covers or all, not '{stacks}'.")
    picture = _read(image) if image else None
    filters["stacks"] = stacks
    found = search_library(settings_from(model=model), text, picture, negative, limit, mode, filters)
    if as_json:
        print_json(found)
        return
    for warning in found["warnings"]:
        print(f"note: {warning['message']}", file=sys.stderr)
    if not found["results"]:
        print("Nothing found.", file=sys.stderr)
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


def _beside(hit: dict[str, Any]) -> str:
    """What else there is of a photo: its page, the others of its stack."""
    page = f"  (page {hit['page']} of {hit['pages']})" if hit["pages"] > 1 else ""
    return f"{page}  (+{hit['stack_size'] - 1})" if hit["stack_size"] else page


def search_library(
    settings: Settings,
    text: str | None,
    picture: bytes | None,
    negative: str | None,
    limit: int,
    mode: str,
    filters: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """`results` (photo_id, score, path, file_name, caption ...), `warnings`, `photos` and `searchable`.

    `filters` by the names of `SearchFilters`, which the API shares.
    """
    if mode not in ("hybrid", "meaning", "words"):
        raise LoupeError("INVALID_REQUEST", f"--mode is hybrid, meaning or words, not '{mode}'.")
    library = Library(settings).open()
    api = RunningApi.of(library.home)
    if api is not None:
        query: dict[str, Any] = {"limit": limit, "mode": mode, "filters": filters or {}}
        if text:
            query["text"] = text
        if negative:
            query["negative_texts"] = [{"text": negative}]
        if picture is None:
            reply = api.post("/search", query)
        else:
            reply = api.post_image("/search/image", picture, {"query": json.dumps(query)})
        return _shown(reply["hits"], reply)
    return _search_here(library, text, picture, negative, limit, mode, filters or {})


def _search_here(
    library: Library,
    text: str | None,
    picture: bytes | None,
    negative: str | None,
    limit: int,
    mode: str,
    filters: dict[str, Any],
) -> dict[str, Any]:
    from dataclasses import asdict

    from resources.model_change import searched_model
    from resources.models import GpuResource, load_clip
    from resources.search import PhotoSearch, SearchRequest
    from resources.vector_index import SearchFilters, apply_outbox, open_index
    from resources.vector_index.follower import vector_store

    clip = searched_model(library)
    index = open_index(library.settings, clip)
    try:
        apply_outbox(library.manifest, vector_store(library.home, index.model), index)
        needs_model = clip is not None and (picture is not None or ((text or negative) and mode != "words"))
        encoder = (
            load_clip(library.settings, clip.name, GpuResource(library.settings)) if clip and needs_model else None
        )
        vectors: tuple[tuple[Any, float], ...] = ()
        if picture is not None:
            if encoder is None:
                raise LoupeError(
                    "SEARCH_BY_CONTENT_OFF", "Searching by a picture needs a model: `loupe models fetch siglip2-b32`."
                )
            vectors = ((encoder.embed_images(_model_input(picture, library.settings, encoder)[None])[0], 1.0),)
        page = PhotoSearch(index, encoder).search(
            SearchRequest(
                texts=((text, 1.0),) if text else (),
                negative_texts=((negative, 1.0),) if negative else (),
                image_vectors=vectors,
                filters=SearchFilters(**filters),
                mode=mode,  # type: ignore[arg-type]
                limit=limit,
            )
        )
    finally:
        index.close()
    browsed = page.mode == "browse"
    hits = [{**hit.payload, "photo_id": hit.photo_id, "score": None if browsed else hit.score} for hit in page.hits]
    return _shown(
        hits,
        {
            "warnings": [asdict(warning) for warning in page.warnings],
            "photos": page.photos,
            "searchable": page.searchable,
            "mode": page.mode,
        },
    )


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
