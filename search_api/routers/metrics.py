"""Metrics for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from search_api.dependencies import Held
from search_api.error_replies import responses
from search_api.metrics import CONTENT_TYPE_LATEST, Metrics

router = APIRouter(prefix="/metrics", tags=["health"])


@router.get(
    "",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus's text format."},
        **responses("SIGN_IN_NEEDED"),
    },
)
async def get_metrics(request: Request, services: Held) -> Response:
    """Requests, queues, jobs, index, cache and device, for a scrape every ten seconds or more."""
    metrics: Metrics = request.app.state.metrics
    return Response(await metrics.page(services), media_type=CONTENT_TYPE_LATEST)
