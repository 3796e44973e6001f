"""What the sensor asks on each tick: which folders changed, have settled, or still have work.

A tick asks directories for their mtime, lists those where it moved, and touches no file. Files that were overwritten in
place change no directory, so a few folders a tick are also compared file by file, in rotation.
"""

from __future__ import annotations

import hashlib
import random
import time
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

from resources.clock import utc_now
from resources.folder_scan import FolderMemory, look_at
from resources.folders import from_text, partition_key
from resources.imaging import DECODER_VERSION
from resources.inventory import note_reach, set_root_state
from resources.manifest import Manifest, Transaction, files, roots, signatures

__all__ = ["WatchMemory", "WatchReport", "look", "notice"]

T = TypeVar("T")

# Folders of a root compared file by file on one tick: so many in turn, and so many that were just inventoried.
_ROTATION = 25
# What failed and may pass by itself falls due with time alone.
_ASK_AGAIN_S = 60.0
# A folder that was inventoried so recently may hold files that were not whole yet.
_FRESH = timedelta(minutes=2)


@dataclass(frozen=True)
class WatchReport:
    """Partitions by what they need.

    `due` were added, changed or removed, and have settled, those that are there first; `pending` hold files that wait
    to be read; `settling` changed between this look and the last one. `fingerprint` names the due folders as they look
    now.
    """

    known: tuple[str, ...]
    due: tuple[str, ...]
    pending: tuple[str, ...]
    settling: tuple[str, ...]
    offline_roots: tuple[str, ...]
    fingerprint: str


class WatchMemory:
    """What one process that looks again and again need not find out anew."""

    def __init__(self) -> None:
        self.folders = FolderMemory()
        self._next: dict[str, str] = {}  # by root: the folder from which the next turn goes on
        self._fresh: set[str] = set()
        self._compared: dict[str, tuple[float, float]] = {}  # by folder: when, and the seconds that it took
        self._answers: dict[str, tuple[tuple[int, ...], float, Any]] = {}

    def may_compare(self, key: str) -> bool:
        """Whether enough time went by since the folder was last compared file by file: its cost stays under 2%."""
        at, took = self._compared.get(key, (0.0, 0.0))
        return time.monotonic() - at >= 50 * took

    def turn(self, root_id: str, keys: Sequence[str], most: int) -> Sequence[str]:
        """The next `most` of a root's folders, given in order; turn by turn all of them, whatever comes and goes."""
        # A process that has just begun does not begin at the first each time.
        start = bisect_left(keys, self._next.get(root_id) or random.choice(keys))
        ahead = [*keys[start:], *keys[:start]]
        self._next[root_id] = ahead[most % len(ahead)]
        return ahead[:most]

    def fresh(self, inventoried: Mapping[str, bool], most: int) -> Sequence[str]:
        """Of folders, by whether they were inventoried a short time ago, those to compare for that, longest ago first.

        Each is compared once more when that is a short time no more, however many they are.
        """
        self._fresh |= {key for key, lately in inventoried.items() if lately}
        may = [key for key in self._fresh & inventoried.keys() if self.may_compare(key)]
        owed = sorted(may, key=lambda key: self._compared.get(key, (0.0, 0.0)))[:most]
        self._fresh -= {key for key in owed if not inventoried[key]}
        return owed

    def compared(self, key: str, took_s: float) -> None:
        """The folder was compared file by file just now."""
        self._compared[key] = (time.monotonic(), took_s)

    def answer(self, manifest: Manifest, question: str, ask: Callable[[Transaction], T]) -> T:
        """What `ask` says of the manifest; asked again when something was written to it, and once a minute.

        `question` names what is asked, with everything that the answer depends on but the manifest.
        """
        stamp, now = manifest.stamp(), time.monotonic()
        known = self._answers.get(question)
        if known and known[0] == stamp and now - known[1] < _ASK_AGAIN_S:
            return cast(T, known[2])
        with manifest.read() as tx:
            answer = ask(tx)
        self._answers[question] = (stamp, now, answer)
        return answer

    @contextmanager
    def writing(self, manifest: Manifest) -> Iterator[Transaction]:
        """A write that changes no answer: what was known before it is known after it, if nobody else wrote."""
        with manifest.write() as tx:
            before = manifest.stamp()
            yield tx
        after = manifest.stamp()
        self._answers = {
            question: (after if stamp == before else stamp, at, answer)
            for question, (stamp, at, answer) in self._answers.items()
        }


def look(
    manifest: Manifest,
    *,
    settle: bool = True,
    every_file: bool = False,
    memory: WatchMemory | None = None,
    only: Mapping[str, Collection[str]] | None = None,
) -> WatchReport:
    """Look at every watched root and note what was seen; with `only`, at these roots (by id), and of each file by file
    at these partitions alone.

    `memory` saves what the last look with it did and nothing has changed since. With `settle`, a changed folder is due
    only when it looks the same twice: a copy in progress is left alone. With `every_file` all folders are compared file
    by file, not only this tick's share.
    """
    memory = memory or WatchMemory()
    with manifest.read() as tx:
        watched = [root for root in roots.rows(tx) if only is None or root["root_id"] in only]
        stored = signatures.by_key(tx)
    rows: dict[str, dict[str, Any]] = {}
    offline = []
    renamed: dict[str, tuple[str, str]] = {}  # a root's own partition from when the root had another name
    for root in watched:
        path = from_text(root["path"])
        if not note_reach(manifest, root):
            offline.append(root["path"])
            continue
        seen = {
            partition_key(root["root_id"], root["path"], folder): (folder, signature)
            for folder, signature in memory.folders.signatures(path, root["partition_depth"]).items()
        }
        known = {key: row for key, row in stored.items() if row["root_id"] == root["root_id"]}
        renamed |= {
            key: (root["root_id"], name)
            for key, row in known.items()
            if key != (name := partition_key(root["root_id"], root["path"], row["rel_path"]))
        }
        gone = {key: (row["rel_path"], "") for key, row in known.items() if key not in seen and key not in renamed}
        named = {name for _, name in renamed.values()}
        mine = [
            _observed(None if key in named else stored.get(key), key, root["root_id"], folder, signature)
            for key, (folder, signature) in {**seen, **gone}.items()
        ]
        rows.update((row["partition_key"], row) for row in mine)
        asked = rows if only is None else {key: rows[key] for key in only[root["root_id"]] if key in rows}
        _compare_files(path, root, asked, None if every_file else _ROTATION, memory)
        if root["state"] == "vanished" and all(row["signature"] == row["inventoried_signature"] for row in mine):
            set_root_state(manifest, root, "online")  # what had vanished is back as it was
    news = [row for key, row in rows.items() if row != stored.get(key)]
    if news or renamed:
        # How folders look does not change which files wait: among a million that is a long question.
        with manifest.write() if renamed else memory.writing(manifest) as tx:
            late = signatures.overtaken(tx, watched, stored, {row["partition_key"]: row["root_id"] for row in news})
            for key, (root_id, name) in renamed.items():
                signatures.relabel(tx, root_id, {key: name})
            signatures.observe(tx, [row for row in news if row["partition_key"] not in late])
    pending = memory.answer(manifest, "pending files", lambda tx: files.pending_partitions(tx, DECODER_VERSION))
    changed = {key: row for key, row in rows.items() if row["signature"] != row["inventoried_signature"]}
    due = {key for key, row in changed.items() if not settle or row["stable_ticks"] >= 1}
    vanished = {root["root_id"] for root in watched if root["state"] == "vanished"}

    def turn(key: str) -> tuple[bool, bool, bool, str]:
        """A run takes some of them: where files moved to is looked at before where they are missed.

        What cannot be believed until a person says so stays due: it must not stand before what can be done.
        """
        return rows[key]["root_id"] in vanished, rows[key]["signature"] == "", _was_looked_at(rows[key]), key

    return WatchReport(
        known=tuple(rows),
        due=tuple(sorted(due, key=turn)),
        pending=tuple(key for key in pending if key in rows),
        settling=tuple(sorted(changed.keys() - due)),
        offline_roots=tuple(offline),
        fingerprint=_fingerprint({key: rows[key]["signature"] for key in due}),
    )


def notice(manifest: Manifest, root: Mapping[str, Any], folders: Collection[str]) -> None:
    """Note partition folders of a root that Loupe itself wrote to, so that an inventory can be asked for them.

    Those that were seen before stay as they are: what else changes in them has to settle by looks of its own.
    """
    with manifest.read() as tx:
        known = signatures.by_key(tx)
    keys = {partition_key(root["root_id"], root["path"], folder): folder for folder in folders}
    new = [
        _observed(
            None,
            key,
            root["root_id"],
            folder,
            look_at(from_text(root["path"]), folder, root["partition_depth"]).signature,
        )
        for key, folder in keys.items()
        if key not in known
    ]
    if not new:
        return
    with manifest.write() as tx:
        late = signatures.overtaken(tx, [root], known, {row["partition_key"]: row["root_id"] for row in new})
        seen_meanwhile = signatures.by_key(tx).keys()
        signatures.observe(tx, [row for row in new if row["partition_key"] not in late | seen_meanwhile])


def _was_looked_at(row: dict[str, Any]) -> bool:
    return row["full_checked_at"] is not None


def _fingerprint(signatures_due: dict[str, str]) -> str:
    text = "\n".join(f"{key} {signature}" for key, signature in sorted(signatures_due.items()))
    return hashlib.sha256(text.encode()).hexdigest()


def _observed(before: dict[str, Any] | None, key: str, root_id: str, folder: str, signature: str) -> dict[str, Any]:
    if before is None:
        return {
            "partition_key": key,
            "root_id": root_id,
            "rel_path": folder,
            "signature": signature,
            "full_signature": None,
            "inventoried_signature": None,
            "stable_ticks": 0,
            "full_checked_at": None,
        }
    if before["signature"] != signature:
        return {**before, "signature": signature, "stable_ticks": 0}
    # Beyond "settled" the count says nothing more; not counting on saves a write each tick.
    return {**before, "stable_ticks": min(before["stable_ticks"] + 1, 1)}


def _compare_files(
    path: str, root: dict[str, Any], rows: Mapping[str, dict[str, Any]], most: int | None, memory: WatchMemory
) -> None:
    """Compare file sizes and mtimes of some folders, all in turn; a difference makes a folder due.

    Folders that were inventoried a short time ago are always among them: a file that was still being copied then
    changes no directory when it is whole.
    """
    quiet = sorted(
        (
            row
            for row in rows.values()
            if row["root_id"] == root["root_id"]
            and row["signature"] == row["inventoried_signature"]
            and row["signature"]
        ),
        key=lambda row: str(row["partition_key"]),
    )
    if most is not None and len(quiet) > most:
        # What was looked at is remembered, not written: an idle tick has nothing to write.
        now = utc_now()
        by_key = {row["partition_key"]: row for row in quiet}
        lately = {
            key: bool(row["full_checked_at"]) and abs(now - row["full_checked_at"]) < _FRESH
            for key, row in by_key.items()
        }
        keys = [*memory.fresh(lately, most), *memory.turn(root["root_id"], list(by_key), most)]
        quiet = [by_key[key] for key in dict.fromkeys(keys)]
    for row in quiet:
        key = row["partition_key"]
        if most is not None and not memory.may_compare(key):
            continue
        started = time.monotonic()
        if look_at(path, row["rel_path"], root["partition_depth"]).full_signature != row["full_signature"]:
            row["inventoried_signature"] = None
            row["stable_ticks"] = 0
        memory.compared(key, time.monotonic() - started)
