"""`loupe challenge`: shows one of your photos, hides it, you say what you saw, Loupe says where it ranks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from orchestration.cli.options import ModelOption, settings_from
from resources.errors import LoupeError
from resources.library import Library, result_key
from resources.manifest import results
from resources.models import ModelIdentity
from resources.running_api import RunningApi
from resources.wording import counted

__all__ = ["challenge_command"]


def challenge_command(
    rounds: Annotated[int, typer.Option(min=1, max=100, help="Photos to describe.")] = 10,
    seconds: Annotated[float, typer.Option(min=0.0, help="How long each is shown.")] = 5.0,
    model: ModelOption = None,
) -> None:
    """Measure search on your own photos: describe each from memory. Nothing leaves this machine."""
    from resources.search.challenge import LEAST_PHOTOS, choose_photos, rank_of, score

    library = Library(settings_from(model=model)).open()
    clip = library.clip()
    if clip is None:
        raise LoupeError("SEARCH_BY_CONTENT_OFF", "The challenge needs a model: `loupe models fetch siglip2-b32`.")
    with library.manifest.read() as tx:
        pixels = dict(results.embedded_photos(tx, result_key(clip)))
    if len(pixels) < LEAST_PHOTOS:
        raise LoupeError("DIR_EMPTY", f"The challenge needs {LEAST_PHOTOS} searchable photos; {len(pixels)} are.")
    console = Console()
    ranks: list[int] = []
    with _searching(library, clip) as search:
        for number, photo_id in enumerate(choose_photos(list(pixels), rounds), 1):
            console.clear()
            console.print(_drawn(str(library.store.preview_path(pixels[photo_id])), console.width, console.height - 3))
            time.sleep(seconds)
            console.clear()
            said = console.input(f"{number} of {rounds}. What did the photo show? (empty to stop) ").strip()
            if not said:
                break
            try:
                ranks.append(rank_of(photo_id, len(pixels), partial(search, said)))
            except LoupeError as error:
                if error.code != "QUERY_WORDS_UNKNOWN":
                    raise
                ranks.append(len(pixels))
                console.print(error.message)
            console.print(f"It ranks {ranks[-1]:,} of {len(pixels):,}.")
            time.sleep(min(seconds, 2.0))
    if not ranks:
        return
    found = score(ranks, len(pixels))
    console.print(
        f"{counted(found.rounds, 'round')}, {counted(found.candidates, 'photo')}: median rank {found.median_rank:g} "
        f"(chance {found.chance_median_rank:g}), in the first ten {found.top_10:.0%} "
        f"(chance {found.chance_top_10:.0%})."
    )


Search = Callable[[str, int, int], list[str]]
"""`search(text, offset, limit)`: the ids that a search by meaning alone finds, best first."""


@contextmanager
def _searching(library: Library, clip: ModelIdentity) -> Iterator[Search]:
    """Search by the running API, which owns the index; without one by the index itself."""
    api = RunningApi.of(library.home)
    if api is not None:
        served = api.get("/status")["index"]["model"]
        if served != clip.name:
            raise LoupeError(
                "INDEX_BUSY", f"`loupe up` serves the model {served or 'none'}: stop it to measure {clip.name}."
            )

        def ask(text: str, offset: int, limit: int) -> list[str]:
            reply = api.post("/search", {"mode": "meaning", "text": text, "offset": offset, "limit": limit})
            return [hit["photo_id"] for hit in reply["hits"]]

        yield ask
        return
    from resources.models import GpuResource, load_clip
    from resources.search import PhotoSearch, SearchRequest
    from resources.vector_index import apply_outbox, open_index
    from resources.vector_index.photo_points import vector_store

    encoder = load_clip(library.settings, clip.name, GpuResource(library.settings))
    index = open_index(library.settings, clip)
    try:
        apply_outbox(library.manifest, vector_store(library.home, index.model), index)
        search = PhotoSearch(index, encoder)

        def look(text: str, offset: int, limit: int) -> list[str]:
            request = SearchRequest(texts=((text, 1.0),), mode="meaning", limit=limit, offset=offset)
            return [hit.photo_id for hit in search.search(request).hits]

        yield look
    finally:
        index.close()


def _drawn(path: str, columns: int, rows: int) -> Text:
    """The picture in half-block characters, two pixels each, fitted to the terminal."""
    from PIL import Image

    with Image.open(path) as picture:
        picture.thumbnail((columns, rows * 2))
        pixels = picture.convert("RGB").load()
        width, height = picture.size
    text = Text()
    for y in range(0, height - 1, 2):
        for x in range(width):
            text.append("▀", style=f"rgb({_rgb(pixels[x, y])}) on rgb({_rgb(pixels[x, y + 1])})")  # type: ignore[index]
        text.append("\n")
    return text


def _rgb(pixel: object) -> str:
    return ",".join(map(str, pixel))  # type: ignore[call-overload]
