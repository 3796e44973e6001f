"""Who sends a request: this machine, a key, a signed-in browser, or nobody.

Belongs here: telling them apart. Not here: what each may do (`route_rules.py`, `access.py`).
"""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Literal

from starlette.datastructures import Headers
from starlette.types import Scope

from resources.keys import SCOPES, KeyRing

__all__ = [
    "LOOPBACK_NAMES",
    "NOBODY",
    "SESSION_COOKIE",
    "Caller",
    "address_of",
    "bearer",
    "by_key",
    "host_name",
    "without_keys",
]

SESSION_COOKIE = "loupe_session"
LOOPBACK_NAMES = frozenset(["localhost", "127.0.0.1", "::1"])
# Set by proxies: a request that passed one came from elsewhere, whatever address it seems to have.
_FORWARDING = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
_EVERYTHING = frozenset[str](SCOPES)


@dataclass(frozen=True)
class Caller:
    """`name` stands in the audit log. `how` it proved itself; a session and this machine do so without saying a key."""

    name: str
    scopes: frozenset[str]
    how: Literal["local", "owner", "key", "session", "nobody"]
    key_id: str | None = None

    @property
    def is_owner(self) -> bool:
        """At this machine, by its own hands: nothing to protect it from by counting requests."""
        return self.how in ("local", "owner")


NOBODY = Caller("nobody", frozenset(), "nobody")
_LOCAL = Caller("this machine", _EVERYTHING, "local")
_OWNER = Caller("command line", _EVERYTHING, "owner")


def without_keys(scope: Scope, headers: Headers, owner_secret: str, require_keys: bool) -> Caller | None:
    """Who asks, where no key has to be looked at to tell; None where one proves it, or fails to."""
    given = bearer(headers)
    if given is not None:
        return _OWNER if hmac.compare_digest(given.encode(), owner_secret.encode()) else None
    if not require_keys and _is_local(scope, headers):
        return _LOCAL
    return None if _cookie(headers) else NOBODY


def by_key(headers: Headers, keys: KeyRing) -> Caller | None:
    """Whom a key or a session proves; None when the key that is sent proves nothing. `keys` must be fresh."""
    given = bearer(headers)
    if given is not None:
        key = keys.find(given)
        return Caller(key.name, key.scopes, "key", key.key_id) if key else None
    session = keys.find(_cookie(headers))
    return Caller(session.name, session.scopes, "session", session.key_id) if session else NOBODY


def bearer(headers: Headers) -> str | None:
    """The key of `Authorization: Bearer KEY`, "" for another kind of authorization, None without."""
    given = headers.get("authorization")
    if given is None:
        return None
    kind, _, key = given.partition(" ")
    return key.strip() if kind.lower() == "bearer" else ""


def address_of(scope: Scope) -> str:
    """The client's address as limits count it: of IPv6 the network of 64 bits, which one customer has whole."""
    host = scope["client"][0] if scope.get("client") else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host or "unknown"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False).network_address)
    return str(address)


def host_name(header: str) -> str:
    """The host of a Host header, without port and brackets, lower case."""
    header = header.strip().lower()
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0]


def _is_local(scope: Scope, headers: Headers) -> bool:
    """From this machine to this machine: peer and name are loopback, and no proxy stands between."""
    if host_name(headers.get("host", "")) not in LOOPBACK_NAMES or any(name in headers for name in _FORWARDING):
        return False
    try:
        peer = ipaddress.ip_address(scope["client"][0] if scope.get("client") else "")
    except ValueError:
        return False
    mapped = peer.ipv4_mapped if isinstance(peer, ipaddress.IPv6Address) else None
    return (mapped or peer).is_loopback


def _cookie(headers: Headers) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(SESSION_COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""
