"""Signing a browser in and out. The link's secret is traded once for a cookie that scripts cannot read."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from resources import keys
from resources.errors import LoupeError
from search_api.callers import SESSION_COOKIE, Caller, address_of
from search_api.dependencies import Held
from search_api.error_replies import responses
from search_api.schemas.session import Session, SignIn

router = APIRouter(prefix="/session", tags=["access"])


def _caller(request: Request) -> Caller:
    return cast(Caller, request.state.caller)


Asking = Annotated[Caller, Depends(_caller)]


@router.get("", responses=responses("KEY_INVALID"))
async def get_session(caller: Asking) -> Session:
    """Who asks, and what they may do; without a key or a session: nobody, nothing."""
    return _shown(caller)


@router.post("", status_code=201, responses=responses("KEY_INVALID", "MANIFEST_BUSY"))
async def sign_in(asked: SignIn, request: Request, response: Response, services: Held) -> Session:
    """Use up a sign-in link; the reply sets the cookie of a session of 30 days."""
    if services.keys.is_stale():
        await run_in_threadpool(services.keys.refresh)
    if not services.keys.knows_link(asked.link):  # whoever guesses does not reach the manifest
        raise LoupeError("KEY_INVALID", "The sign-in link was used already or is too old. Ask for a new one.")
    address = address_of(request.scope)
    library = services.library
    made = await run_in_threadpool(
        keys.sign_in, library.manifest, library.home, asked.link, f"browser at {address[:60]}"
    )
    response.set_cookie(
        SESSION_COOKIE,
        made.text,
        max_age=int(keys.SESSION_LASTS.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return _shown(Caller(made.key.name, made.key.scopes, "session", made.key.key_id))


@router.delete("", responses=responses("MANIFEST_BUSY"))
async def sign_out(caller: Asking, response: Response, services: Held) -> Session:
    """End the session of this browser, and forget its cookie."""
    if caller.how == "session" and caller.key_id:
        library = services.library
        try:
            await run_in_threadpool(keys.revoke, library.manifest, library.home, caller.key_id)
        except LoupeError as error:
            if error.code != "KEY_NOT_FOUND":  # revoked meanwhile: as good
                raise
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict")
    return Session(name="nobody", scopes=[], signed_in=False)


def _shown(caller: Caller) -> Session:
    return Session(
        name=caller.name,
        scopes=[scope for scope in keys.SCOPES if scope in caller.scopes],
        signed_in=caller.how == "session",
    )
