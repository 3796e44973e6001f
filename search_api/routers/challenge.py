"""The challenge for the page: begin a round, answer it, see the score. Results stay in the home."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path

from resources.challenge_results import ChallengeResults
from resources.errors import LoupeError
from resources.search import PhotoSearch, SearchRequest
from resources.search.challenge import LEAST_PHOTOS, ROUNDS, random_baseline, rank_of, score
from resources.search.facets import random_photos
from resources.vector_index import Condition, SearchFilters
from search_api.dependencies import Held
from search_api.error_replies import responses
from search_api.open_rounds import OpenRound
from search_api.photo_cards import card
from search_api.routers.search import told_why
from search_api.schemas.challenge import AnsweredRound, BegunRound, ChallengeAnswer, ChallengeScores
from search_api.services import Services

__all__ = ["router"]

router = APIRouter(prefix="/challenge", tags=["challenge"])

_CONTENT = ("SEARCH_BY_CONTENT_OFF", "MODEL_LOADING", "MODEL_FILES_INVALID", "INDEX_LOADING")
_EMBEDDED = SearchFilters(embedded=True)


@router.post("/rounds", status_code=201, responses=responses("DIR_EMPTY", *_CONTENT))
def begin_round(services: Held) -> BegunRound:
    """A photo by chance, to be shown for some seconds and hidden. It is to be answered within an hour."""
    search = _search(services)
    among, candidates = _candidates(search)
    if candidates < LEAST_PHOTOS:
        raise LoupeError("DIR_EMPTY", f"The challenge needs {LEAST_PHOTOS} searchable photos; {candidates} are.")
    (photo_id,) = random_photos(search.index, among, 1, None)
    token = services.rounds.begin(OpenRound(photo_id))
    shown = card(search.index.get([photo_id])[photo_id].payload)
    return BegunRound(token=token, preview_url=shown.preview_url, candidates=candidates)


@router.post(
    "/rounds/{token}",
    responses=responses("CHALLENGE_ROUND_GONE", "QUERY_WORDS_UNKNOWN", "DISK_FULL", "HOME_NOT_WRITABLE", *_CONTENT),
)
def answer_round(token: Annotated[str, Path(max_length=64)], asked: ChallengeAnswer, services: Held) -> AnsweredRound:
    """Say what the photo showed; search by meaning alone says where it ranks.

    A description of which the model knows no word is refused, and the round can be answered again.
    """
    round_ = services.rounds.of(token)
    search = _search(services)
    _, candidates = _candidates(search)
    with told_why(services.live):
        rank = rank_of(round_.photo_id, candidates, partial(_page, search, asked.text))
    services.rounds.end(token)
    model = services.live.encoder_of(search).name
    ChallengeResults(services.library.home).add(model, round_.photo_id, rank, candidates)
    return AnsweredRound(photo_id=round_.photo_id, rank=rank, candidates=candidates)


@router.get("", responses=responses(*_CONTENT))
def scores(services: Held) -> ChallengeScores:
    """The score of the newest ten rounds with the model in use, against chance."""
    search = _search(services)
    model = services.live.encoder_of(search).name
    kept = ChallengeResults(services.library.home).of_model(model, ROUNDS)
    _, candidates = _candidates(search)
    ranks = [each.rank for each in kept]
    found = score(ranks, candidates) if ranks and candidates else None
    chance_median, chance_10 = random_baseline(max(1, candidates))
    return ChallengeScores(
        model=model,
        rounds=len(ranks),
        candidates=candidates,
        median_rank=found.median_rank if found else None,
        top_10=found.top_10 if found else None,
        chance_median_rank=chance_median,
        chance_top_10=chance_10,
        ranks=ranks,
    )


def _search(services: Services) -> PhotoSearch:
    """Raises why there is no search by content."""
    search = services.live.search
    services.live.encoder_of(search)
    return search


def _candidates(search: PhotoSearch) -> tuple[Condition | None, int]:
    among = search.found(SearchRequest(filters=_EMBEDDED))
    return among, search.index.counted(among)


def _page(search: PhotoSearch, text: str, offset: int, limit: int) -> list[str]:
    request = SearchRequest(texts=((text, 1.0),), mode="meaning", limit=limit, offset=offset, filters=_EMBEDDED)
    return [hit.photo_id for hit in search.search(request).hits]
