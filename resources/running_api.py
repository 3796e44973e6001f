"""Talking to the search API of this home, when it runs: the command line and the pipeline's checks ask through it."""

from __future__ import annotations

from typing import Any

import httpx

from resources.errors import CODES, LoupeError
from resources.home import Home

__all__ = ["RunningApi"]

_TIMEOUT_S = 60.0


class RunningApi:
    """The running API, found by the file it leaves in the home. Replies become `LoupeError`s as the API made them."""

    def __init__(self, base_url: str) -> None:
        self.url = base_url
        self._client = httpx.Client(base_url=base_url, timeout=_TIMEOUT_S, trust_env=False)

    @classmethod
    def of(cls, home: Home) -> RunningApi | None:
        """The API of this home, None when none answers."""
        found = home.read_run_file(home.api_file)
        if found is None:
            return None
        api = cls(f"http://{found['host']}:{found['port']}")
        try:
            api._client.get("/api/v1/health/live", timeout=2.0)
        except httpx.HTTPError:
            return None
        return api

    def get(self, path: str, *, timeout_s: float = _TIMEOUT_S, **params: Any) -> dict[str, Any]:
        """The reply's JSON. Raises the API's error, and `httpx.HTTPError` when it stopped answering."""
        return self._answer(self._client.get(f"/api/v1{path}", params=params, timeout=timeout_s))

    def post(self, path: str, json: dict[str, Any]) -> dict[str, Any]:
        """As `get`."""
        return self._answer(self._client.post(f"/api/v1{path}", json=json))

    def post_image(self, path: str, image: bytes, fields: dict[str, Any]) -> dict[str, Any]:
        """As `get`, for a form with a picture."""
        return self._answer(self._client.post(f"/api/v1{path}", files={"image": ("image", image)}, data=fields))

    @staticmethod
    def _answer(response: httpx.Response) -> dict[str, Any]:
        content: dict[str, Any] = response.json()
        if response.is_success:
            return content
        error = content.get("error", {})
        code = error.get("code", "INTERNAL")
        raise LoupeError(code if code in CODES else "INTERNAL", error.get("message", "The API failed."))
