"""API keys, signed-in browsers and sign-in links: made, checked, revoked.

All three are `loupe_<id>_<secret>` with a row in `api_keys`. The secret is 256 random bits, so SHA-256 without salt or
stretching keeps it: nobody can try 2^255 secrets, whatever a try costs, and each request pays for the hash (NIST SP
800-63B, 5.1.2.2: look-up secrets of 112 bits or more need no slow hash). Not here: what a scope allows.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import structlog

from resources.clock import utc_now
from resources.errors import LoupeError
from resources.home import Home
from resources.manifest import Manifest, api_keys

__all__ = [
    "LINK_LASTS",
    "SCOPES",
    "SESSION_LASTS",
    "Key",
    "KeyRing",
    "NewKey",
    "create",
    "list_keys",
    "revoke",
    "sign_in",
    "usable_scopes",
]

log = structlog.get_logger(__name__)

Scope = Literal["read", "write", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "write", "admin")
LINK_LASTS = timedelta(minutes=15)
SESSION_LASTS = timedelta(days=30)

_FORM = re.compile(r"loupe_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,100}")
_UPKEEP_S = 60.0
_NOBODY = hashlib.sha256(secrets.token_bytes(32)).hexdigest()


@dataclass(frozen=True)
class Key:
    """One row without its secret. Times are UTC."""

    key_id: str
    name: str
    kind: Literal["key", "session", "link"]
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None

    def expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= utc_now()


@dataclass(frozen=True)
class NewKey:
    """A key that was just made, with what must be shown now: `text` is kept nowhere."""

    key: Key
    text: str


def usable_scopes(given: str) -> frozenset[str]:
    """The scopes of "read,write". Raises `INVALID_REQUEST`."""
    found = frozenset(part.strip() for part in given.split(",") if part.strip())
    if not found or found - set(SCOPES):
        raise LoupeError("INVALID_REQUEST", f"Scopes are some of {', '.join(SCOPES)}, with commas between them.")
    return found


def create(
    manifest: Manifest,
    home: Home,
    name: str,
    scopes: frozenset[str],
    lasts: timedelta | None,
    kind: Literal["key", "link"] = "key",
) -> NewKey:
    """A new key, or a sign-in link's. Raises `KEY_EXISTS` for a key's name that is taken, `INVALID_REQUEST`."""
    name = name.strip()
    if not _NAME.fullmatch(name) or any("\ud800" <= char <= "\udfff" for char in name):
        raise LoupeError("INVALID_REQUEST", "A key's name is a line of text of at most 100 characters.")
    with manifest.write() as tx:
        api_keys.remove_expired(tx)
        if kind == "key" and any(row["kind"] == "key" for row in api_keys.named(tx, name)):
            raise LoupeError("KEY_EXISTS", f"There is a key named '{name}' already.", name=name)
        made = _add(tx, name, kind, scopes, lasts)
    _changed(home)
    return made


def list_keys(manifest: Manifest) -> list[Key]:
    """Keys, signed-in browsers and open links, oldest first."""
    with manifest.read() as tx:
        return [_key(row) for row in api_keys.all_rows(tx)]


def revoke(manifest: Manifest, home: Home, name: str) -> int:
    """Make the keys and sessions of this name or id worthless. Returns how many. Raises `KEY_NOT_FOUND`."""
    with manifest.write() as tx:
        removed = api_keys.remove(tx, name)
    if removed == 0:
        raise LoupeError("KEY_NOT_FOUND", f"There is no key named '{name}'.", name=name)
    _changed(home)
    return removed


def sign_in(manifest: Manifest, home: Home, link: str, browser: str) -> NewKey:
    """Trade the secret of a sign-in link, once, for that of a session. Raises `KEY_INVALID`."""
    key_id, secret = _parts(link)
    with manifest.write() as tx:
        row = api_keys.take_link(tx, key_id)
        if not _fits(secret, row) or row is None or _key(row).expired():
            raise LoupeError("KEY_INVALID", "The sign-in link was used already or is too old. Ask for a new one.")
        api_keys.remove_expired(tx)
        made = _add(tx, browser, "session", _key(row).scopes, SESSION_LASTS)
    _changed(home)
    return made


class KeyRing:
    """The keys as the running API holds them. Thread-safe.

    They are read when a key was made or revoked. Each minute a thread of its own reads them anew, and writes down when
    they were used last: nobody waits for that.
    """

    def __init__(self, manifest: Manifest, home: Home) -> None:
        self._manifest = manifest
        self._wake = home.keys_wake
        self._rows: dict[str, dict[str, Any]] = {}
        self._used_at: dict[str, datetime] = {}
        self._read_at: int | None = None
        self._upkeep_at = time.monotonic() + _UPKEEP_S
        self._upkeep: threading.Thread | None = None
        self._reading = threading.Lock()

    def is_stale(self) -> bool:
        """Whether `refresh` must come before `find` and `knows_link`. Touches no database."""
        if time.monotonic() > self._upkeep_at:
            self._upkeep_at = time.monotonic() + _UPKEEP_S
            self._upkeep = threading.Thread(target=self._keep_up, name="key-upkeep", daemon=True)
            self._upkeep.start()
        return self._read_at != _mtime(self._wake)

    def refresh(self) -> None:
        """Read the keys if they changed. For the thread pool. Raises `MANIFEST_BUSY`."""
        with self._reading:
            if self.is_stale():
                self._read()

    def find(self, text: str) -> Key | None:
        """The key or session that `text` proves, None when it proves none. Compares in constant time."""
        key_id, secret = _parts(text)
        row = self._rows.get(key_id)
        if not _fits(secret, row) or row is None or row["kind"] == "link":
            return None
        key = _key(row)
        if key.expired():
            return None
        self._used_at[key_id] = utc_now().replace(microsecond=0)
        return key

    def knows_link(self, text: str) -> bool:
        """Whether `text` is a sign-in link that nobody has used."""
        key_id, secret = _parts(text)
        row = self._rows.get(key_id)
        return _fits(secret, row) and row is not None and row["kind"] == "link"

    def close(self) -> None:
        """Write down what is not written yet. Raises `MANIFEST_BUSY`."""
        if self._upkeep:
            self._upkeep.join()
        self._write_used()

    def _keep_up(self) -> None:
        try:
            self._write_used()
            with self._reading:
                self._read()
        except LoupeError as error:  # in a minute again
            log.info("key_upkeep_failed", reason=error.message)

    def _read(self) -> None:
        changed = _mtime(self._wake)
        with self._manifest.read() as tx:
            self._rows = {row["key_id"]: row for row in api_keys.all_rows(tx)}
        self._read_at = changed

    def _write_used(self) -> None:
        used, self._used_at = self._used_at, {}
        if not used:
            return
        try:
            with self._manifest.write() as tx:
                api_keys.note_used(tx, used)
        except BaseException:
            self._used_at = used | self._used_at
            raise


def _add(tx: Any, name: str, kind: Any, scopes: frozenset[str], lasts: timedelta | None) -> NewKey:
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    expires_at = utc_now() + lasts if lasts else None
    written = ",".join(scope for scope in SCOPES if scope in scopes)
    api_keys.add(tx, key_id, _hash(secret), name, kind, written, expires_at)
    key = Key(key_id, name, kind, scopes, utc_now(), expires_at, None)
    return NewKey(key, f"loupe_{key_id}_{secret}")


def _parts(text: str) -> tuple[str, str]:
    found = _FORM.fullmatch(text)
    return (found[1], found[2]) if found else ("", "")


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _fits(secret: str, row: dict[str, Any] | None) -> bool:
    """An id that nobody has costs the same comparison."""
    return hmac.compare_digest(_hash(secret), row["secret_sha256"] if row else _NOBODY) and row is not None


def _key(row: dict[str, Any]) -> Key:
    return Key(
        row["key_id"],
        row["name"],
        row["kind"],
        frozenset(row["scopes"].split(",")),
        row["created_at"],
        row["expires_at"],
        row["last_used_at"],
    )


def _changed(home: Home) -> None:
    home.keys_wake.touch()


def _mtime(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
