"""Where the photos of a search were taken: counted by the cells of a map."""

from __future__ import annotations

import time

from fastapi import APIRouter

from resources.place_map import Cell, cells_of
from resources.settings import Settings
from resources.vector_index import InBox
from search_api.dependencies import Held
from search_api.error_replies import responses
from search_api.routers.search import search_request, told_why
from search_api.schemas.places import MapTiles, PlaceCell, Places, PlacesQuery
from search_api.schemas.search import BoundingBox

router = APIRouter(prefix="/search", tags=["search"])

_ERRORS = (
    *("INVALID_REQUEST", "QUERY_INVALID", "QUERY_WORDS_UNKNOWN", "PHOTO_NOT_FOUND", "PHOTO_NOT_EMBEDDED"),
    *("MAP_NOT_DRAWN", "MAP_CHANGED"),
)


@router.post(
    "/places", responses=responses(*_ERRORS, "SEARCH_BY_CONTENT_OFF", "MODEL_LOADING", "INDEX_LOADING", "MANIFEST_BUSY")
)
def places(query: PlacesQuery, services: Held) -> Places:
    """Where the photos of a search were taken: all that filters leave, of a ranking those that are relevant.

    A box of the reply is a search for what was counted: `"inside"` among the filters, or `box:` in the query language.
    """
    started = time.perf_counter()
    box = InBox(query.box.south, query.box.west, query.box.north, query.box.east) if query.box else None
    with told_why(services.live):
        condition = services.live.search.found(search_request(query, services.map))
    found = services.places.found(services.live.index, condition, box)
    cells = cells_of(found.located, found.rows, box, query.zoom)
    bounds = found.located.bounds(found.rows)
    return Places(
        cells=[_cell(cell, found.weight) for cell in cells],
        found=round(sum(cell.count for cell in cells) * found.weight),
        located=round(found.total),
        bounds=_box(bounds) if bounds else None,
        exact=found.weight == 1.0,
        tiles=_tiles(services.settings),
        took_ms=round((time.perf_counter() - started) * 1000, 1),
    )


def _cell(cell: Cell, weight: float) -> PlaceCell:
    return PlaceCell(
        count=round(cell.count * weight),
        lat=round(cell.lat, 6),
        lon=round(cell.lon, 6),
        box=_box(cell.box),
        photo_id=cell.photo_id,
        thumbnail_url=f"/api/v1/images/{cell.photo_id}/thumbnail",
        name=cell.name,
        places=cell.places,
    )


def _box(box: InBox) -> BoundingBox:
    return BoundingBox(south=box.south, west=box.west, north=box.north, east=box.east)


def _tiles(settings: Settings) -> MapTiles | None:
    if settings.map_tiles is None:
        return None
    return MapTiles(url=settings.map_tiles, attribution=settings.map_tiles_attribution)
