"""Talking to the search API of this home, when it runs: the command line and the pipeline's checks ask through it."""

from __future__ import annotations

import socket
from contextlib import closing
from typing import TYPE_CHECKING, Any

from resources.errors import CODES, LoupeError
from resources.home import Home

if TYPE_CHECKING:  # commands look for an API that mostly does not run
    import httpx

__all__ = ["RunningApi", "lan_address", "reachable"]

_TIMEOUT_S = 60.0


def reachable(host: str) -> str:
    """The address at which this machine reaches what listens on `host`, as it stands in a URL."""
    own = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    return f"[{own}]" if ":" in own else own


def lan_address(host: str) -> str:
    """The address at which other machines reach what listens on `host`, as it stands in a URL; a guess if it is all."""
    if host not in ("0.0.0.0", "::", ""):
        return reachable(host)
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            # Sends nothing: the system only says by which of its addresses it would reach another network (RFC 5737).
            probe.connect(("192.0.2.1", 9))
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()


class RunningApi:
    """The running API, found by the file it leaves in the home, whose secret lets in whoever may read it.

    Replies become `LoupeError`s as the API made them.
    """

    def __init__(self, host: str, port: int, secret: str) -> None:
        import httpx

        self.listens_on, self.port = host, port
        self.url = base_url = f"http://{reachable(host)}:{port}"
        self._client = httpx.Client(
            base_url=base_url, timeout=_TIMEOUT_S, trust_env=False, headers={"Authorization": f"Bearer {secret}"}
        )

    @classmethod
    def of(cls, home: Home) -> RunningApi | None:
        """The API of this home, None when none answers."""
        found = home.read_run_file(home.api_file)
        if found is None:
            return None
        import httpx

        api = cls(str(found["host"]), int(found["port"]), str(found.get("secret", "")))
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
        try:
            content: dict[str, Any] = response.json()
        except ValueError as none:  # the server's own words, when it has as many connections as it takes
            raise LoupeError(
                "SERVER_FULL" if response.status_code == 503 else "INTERNAL",
                f"The running API does not answer as it should (status {response.status_code}). Try again in a moment.",
            ) from none
        if response.is_success:
            return content
        error = content.get("error", {})
        code = error.get("code", "INTERNAL")
        details = {name: value for name, value in error.get("details", {}).items() if name not in ("code", "message")}
        raise LoupeError(code if code in CODES else "INTERNAL", error.get("message", "The API failed."), **details)
