"""Comparing the index with the manifest, whoever owns the index."""

from __future__ import annotations

import time

from resources.errors import LoupeError
from resources.home import Home
from resources.manifest import Manifest
from resources.running_api import RunningApi
from resources.settings import Settings
from resources.vector_index.opening import open_index
from resources.vector_index.outbox import Verification, verify
from resources.vector_index.points import ModelKey

__all__ = ["verify_through_owner"]

_PATIENCE_S = 30.0
_LOOK_S = 0.5
# The owner first brings the index up to date, then walks all of it.
_ANSWER_S = 600.0


def verify_through_owner(manifest: Manifest, settings: Settings, model: ModelKey | None) -> Verification:
    """`verify` of the index of `model`; while the search API owns the index, of the one that it serves, by the API.

    Raises `INDEX_BUSY` when some other process keeps the index, and what the API answers when it cannot verify.
    """
    home = Home(settings.home)
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            index = open_index(settings, model)
        except LoupeError as error:
            if error.code != "INDEX_BUSY":
                raise
            busy = error
        else:
            try:
                return verify(manifest, index)
            finally:
                index.close()
        try:
            if api := RunningApi.of(home):
                return _told(api)
        except LoupeError as error:
            if error.code not in ("INDEX_BUSY", "INDEX_LOADING"):
                raise
            busy = error
        if time.monotonic() > deadline:
            raise busy
        time.sleep(_LOOK_S)  # another process applies, or the API is about to take the index


def _told(api: RunningApi) -> Verification:
    reply = api.get("/status/index", timeout_s=_ANSWER_S)
    return Verification(
        photos=reply["photos"],
        points=reply["points"],
        missing=tuple(reply["missing"]),
        unexpected=tuple(reply["unexpected"]),
        missing_count=reply["missing_count"],
        unexpected_count=reply["unexpected_count"],
        unembedded=tuple(reply["unembedded"]),
        unembedded_count=reply["unembedded_count"],
        embedded=reply["embedded"],
        model=reply["model"],
        generation=reply["generation"],
    )
