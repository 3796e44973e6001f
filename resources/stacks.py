"""Photos that belong together: RAW and JPEG of one shot, edited copies, bursts, and the videos of Live Photos.

`restack` brings the stacks up to the manifest at a cost that grows with what changed: a photo is compared with those
that its files' keys name, with its mates, and with whoever these turn out to belong to. Called again it does nothing;
killed, it goes on where it was. Not here: the rules (`stack_rules.py`), SQL (`manifest/stacks.py`).
"""

from __future__ import annotations

import json
import time
import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from resources.errors import LoupeError
from resources.manifest import Manifest, Transaction, outbox, photos
from resources.manifest import stacks as table
from resources.shot_names import ShotName, numbered
from resources.stack_rules import ALONE_S, Frame, Link, StackKind, group, links, maybe_linked, motion_owner, shot_second

__all__ = ["Stack", "StackCounts", "choose_cover", "restack", "reunite", "stack_of", "take_out", "unstack"]

# Photos compared in one transaction: some 0.2 s.
_BATCH_PHOTOS = 500
# More files than this under one name, or one camera's photos in one second, are a naming habit or a stopped clock.
_MOST_OF_A_NAME = 64
_MOST_IN_A_SECOND = 240
_MOST_IN_A_BURST = 2000
# Whoever was taken so many seconds before or after may stand in one burst, or keep one from being alone.
_AROUND_S = range(-ALONE_S, ALONE_S + 1)


@dataclass(frozen=True)
class StackCounts:
    """What one call did. `compared` photos were due, `read` is all that was read for them; `changed` are photos whose
    stack is another than before; `left` are still due because the time was up."""

    compared: int = 0
    read: int = 0
    changed: int = 0
    videos: int = 0
    left: int = 0


@dataclass(frozen=True)
class Stack:
    """A stack of photos; `photo_ids` begin with the cover."""

    stack_id: str
    kind: StackKind
    photo_ids: tuple[str, ...]


def restack(manifest: Manifest, *, limit_s: float) -> StackCounts:
    """Compare every photo that is due with its neighbours and write the stacks that come of it.

    Photos whose stack or motion changed stand in the outbox. Ends after about `limit_s` seconds; what is left is due
    still. Short write transactions, so that nobody waits.
    """
    ends = time.monotonic() + limit_s
    counts = StackCounts()
    while True:
        with manifest.write() as tx:
            done = _settle(tx, table.due_photos(tx, _BATCH_PHOTOS), table.due_videos(tx, _BATCH_PHOTOS))
            left = table.count_due(tx)
        counts = StackCounts(
            counts.compared + done.compared,
            counts.read + done.read,
            counts.changed + done.changed,
            counts.videos + done.videos,
            left,
        )
        if not left or time.monotonic() > ends:
            return counts


def stack_of(tx: Transaction, photo_id: str) -> Stack | None:
    """The stack that this photo stands in, None when it stands alone."""
    rows = table.members(tx, photo_id)
    if not rows:
        return None
    return Stack(rows[0]["stack_id"], rows[0]["kind"], tuple(row["photo_id"] for row in rows))


# A person's word


def unstack(manifest: Manifest, photo_id: str) -> tuple[str, ...]:
    """Take the stack of this photo apart for ever. Returns its photos.

    Raises `PHOTO_NOT_FOUND` and `NOT_IN_A_STACK`.
    """
    with manifest.write() as tx:
        stack = _known_stack(tx, photo_id)
        table.separate(tx, uuid.uuid4().hex, [[member] for member in stack.photo_ids])
        _settle(tx, stack.photo_ids)
        return stack.photo_ids


def take_out(manifest: Manifest, photo_id: str) -> tuple[str, ...]:
    """Keep this photo apart from its mates for ever; they stay together. Returns the mates, their cover first.

    Raises `PHOTO_NOT_FOUND` and `NOT_IN_A_STACK`.
    """
    with manifest.write() as tx:
        stack = _known_stack(tx, photo_id)
        others = [member for member in stack.photo_ids if member != photo_id]
        table.separate(tx, uuid.uuid4().hex, [[photo_id], others])
        _settle(tx, stack.photo_ids)
        left = stack_of(tx, others[0])
        return left.photo_ids if left else tuple(others)


def choose_cover(manifest: Manifest, photo_id: str) -> Stack:
    """Make this photo the cover of its stack, now and whatever else joins it.

    Raises `PHOTO_NOT_FOUND` and `NOT_IN_A_STACK`.
    """
    with manifest.write() as tx:
        stack = _known_stack(tx, photo_id)
        table.say_cover(tx, photo_id)
        _settle(tx, stack.photo_ids)
        chosen = stack_of(tx, photo_id)
        assert chosen is not None
        return chosen


def reunite(manifest: Manifest, photo_id: str) -> Stack | None:
    """Forget that this photo was to stay apart from others. Returns its stack, None when it stands alone.

    Raises `PHOTO_NOT_FOUND`.
    """
    with manifest.write() as tx:
        _known(tx, photo_id)
        _settle(tx, [photo_id, *table.reunite(tx, photo_id)])
        return stack_of(tx, photo_id)


def _known(tx: Transaction, photo_id: str) -> None:
    if not photos.taken_ids(tx, [photo_id]):
        raise LoupeError("PHOTO_NOT_FOUND", f"No photo has the id {photo_id}.", photo_id=photo_id)


def _known_stack(tx: Transaction, photo_id: str) -> Stack:
    stack = stack_of(tx, photo_id)
    if stack is None:
        _known(tx, photo_id)
        raise LoupeError("NOT_IN_A_STACK", "The photo stands in no stack.", photo_id=photo_id)
    return stack


# Comparing


def _settle(tx: Transaction, photo_ids: Collection[str], due_videos: Sequence[Mapping[str, Any]] = ()) -> StackCounts:
    """Compare these photos with whoever they may belong to, and write what comes of it."""
    seen = _Seen(tx)
    seen.take(photo_ids)
    # Who stands beside a photo that came, went or changed may belong to another one now.
    core = {*photo_ids, *seen.neighbours(photo_ids)}
    seen.take(core)
    core = _grown(seen, core)
    changed = _rewrite(tx, core, seen)
    changed |= _set_motion(tx, photo_ids, due_videos, seen)
    table.set_keys(tx, [row for photo_id in photo_ids for row in seen.new_keys(photo_id)])
    table.settled(tx, photo_ids)
    outbox.push(tx, changed, "stack")
    return StackCounts(len(photo_ids), len(seen.known), len(changed), len(due_videos))


class _Seen:
    """The photos read so far, and of which keys all photos are among them."""

    def __init__(self, tx: Transaction) -> None:
        self.tx = tx
        self.known: set[str] = set()
        self.frames: dict[str, Frame] = {}
        self.crowded: set[int | str] = set()
        self._files: dict[str, list[dict[str, Any]]] = defaultdict(list)
        self._stack_keys: set[int] = set()
        self._shot_keys: set[int] = set()
        self._burst_ids: set[str] = set()

    def take(self, photo_ids: Collection[str]) -> None:
        """Read these photos."""
        new = set(photo_ids) - self.known
        if not new:
            return
        self.known |= new
        for row in table.sightings(self.tx, new):
            self._files[row["photo_id"]].append(row)
        for row in table.frames(self.tx, new):
            files = [file for file in self._files[row["photo_id"]] if file["present"]]
            if files:
                shots = tuple(ShotName.of(file["root_id"], file["rel_path"]) for file in files)
                self.frames[row["photo_id"]] = Frame(row, shots, tuple(file["mtime_ns"] for file in files))

    def neighbours(self, photo_ids: Collection[str]) -> set[str]:
        """Whoever these photos may belong to or stand between, by what they are now and by what they were: their
        files' keys, their camera's word, their mates."""
        stack_keys: set[int] = set()
        shot_keys: set[int] = set()
        burst_ids: set[str] = set()
        for photo_id in photo_ids:
            stack_keys |= self.stack_keys(photo_id)
            seconds = {file["shot_key"] for file in self._files[photo_id]}
            if frame := self.frames.get(photo_id):
                seconds |= {frame.shot_key(shot) for shot in frame.shots}
                for shot in frame.shots:
                    versions = [shot.numbered_of] if shot.numbered_of else numbered(shot.shot)
                    stack_keys |= {shot.key_of(name) for name in versions}
                if frame.row["burst_id"]:
                    burst_ids.add(frame.row["burst_id"])
            shot_keys |= {shot_second(key, offset) for key in seconds if key is not None for offset in _AROUND_S}
        found = self.of_stack_keys(stack_keys)
        if new := shot_keys - self._shot_keys:
            self._shot_keys |= new
            photos, crowded = table.of_keys(self.tx, "shot_key", new, _MOST_IN_A_SECOND)
            found |= photos
            self.crowded |= crowded
        if new_bursts := burst_ids - self._burst_ids:
            self._burst_ids |= new_bursts
            photos, crowds = table.of_bursts(self.tx, new_bursts, _MOST_IN_A_BURST)
            found |= photos
            self.crowded |= crowds
        return found | table.mates(self.tx, photo_ids)

    def stack_keys(self, photo_id: str) -> set[int]:
        """The keys of the names that its files have and had."""
        keys = {file["stack_key"] for file in self._files[photo_id]}
        if frame := self.frames.get(photo_id):
            keys |= {shot.stack_key for shot in frame.shots}
        return keys - {None}

    def of_stack_keys(self, keys: Collection[int]) -> set[str]:
        """The photos under these keys that were not asked for before."""
        new = set(keys) - self._stack_keys
        if not new:
            return set()
        self._stack_keys |= new
        photos, crowded = table.of_keys(self.tx, "stack_key", new, _MOST_OF_A_NAME)
        self.crowded |= crowded
        return photos

    def pairs(self) -> list[tuple[str, str]]:
        """Photos of which one may bring the other along."""
        found = [(a, b) for a, b, _ in self.links()]
        return found + maybe_linked(list(self.frames.values()), self.crowded, self._shot_keys)

    def links(self) -> list[Link]:
        return links(list(self.frames.values()), self.crowded, self._shot_keys)

    def new_keys(self, photo_id: str) -> list[dict[str, Any]]:
        """The rows of its files whose keys are other than those it should have now."""
        frame = self.frames.get(photo_id)
        rows = []
        for file in self._files[photo_id]:
            shot = ShotName.of(file["root_id"], file["rel_path"])
            stack_key = shot.stack_key if file["present"] else None
            shot_key = frame.shot_key(shot) if frame and file["present"] else None
            if (file["stack_key"], file["shot_key"]) != (stack_key, shot_key):
                rows.append({**file, "stack_key": stack_key, "shot_key": shot_key})
        return rows


def _grown(seen: _Seen, core: set[str]) -> set[str]:
    """These photos and all whom they belong to, and who belongs to those: whole stacks, as they were and will be."""
    looked_around: set[str] = set()
    while new := core - looked_around:
        looked_around |= new
        seen.take(seen.neighbours(new))
        core = core | table.mates(seen.tx, new)
        pairs = seen.pairs()
        while joining := {name for pair in pairs if not core.isdisjoint(pair) for name in pair} - core:
            core = core | joining
    return core


def _rewrite(tx: Transaction, core: set[str], seen: _Seen) -> set[str]:
    """Write the stacks of these photos, whole ones. Returns the photos whose stack is another than before."""
    before = {row["photo_id"]: row for row in table.rows_of(tx, core)}
    shown = core & seen.frames.keys()
    linked = [link for link in seen.links() if link[0] in shown and link[1] in shown]
    groups = group(sorted(shown), linked, table.separations(tx, shown))
    chosen = table.chosen_covers(tx, shown)
    names = _stack_ids(before, [members for _, members in groups])
    after: dict[str, dict[str, Any]] = {}
    for (kind, members), stack_id in zip(groups, names, strict=True):
        ordered = _in_order([seen.frames[photo_id] for photo_id in members], chosen)
        for position, frame in enumerate(ordered):
            row = {"stack_id": stack_id, "photo_id": frame.photo_id, "kind": kind}
            after[frame.photo_id] = {**row, "is_cover": position == 0, "position": position}
    other = {photo_id for photo_id in core if before.get(photo_id) != after.get(photo_id)}
    if not other:
        return set()
    table.write(tx, other, [after[photo_id] for photo_id in sorted(other & after.keys())])
    # A cover shows its members and they show it: of a stack that changed every photo is another.
    touched = {rows[photo_id]["stack_id"] for rows in (before, after) for photo_id in other if photo_id in rows}
    return other | {row["photo_id"] for rows in (before, after) for row in rows.values() if row["stack_id"] in touched}


def _stack_ids(before: Mapping[str, Mapping[str, Any]], groups: Sequence[frozenset[str]]) -> list[str]:
    """A group keeps the name of the stack that most of it stood in, unless a larger part of that is elsewhere."""
    shares = [
        (len([photo_id for photo_id in members if before.get(photo_id, {}).get("stack_id") == stack_id]), stack_id, n)
        for n, members in enumerate(groups)
        for stack_id in sorted({before[photo_id]["stack_id"] for photo_id in members if photo_id in before})
    ]
    names: dict[int, str] = {}
    for _, stack_id, number in sorted(shares, key=lambda share: (-share[0], share[1], share[2])):
        if number not in names and stack_id not in names.values():
            names[number] = stack_id
    return [names.get(number) or str(uuid.uuid4()) for number in range(len(groups))]


def _in_order(frames: Sequence[Frame], chosen: Mapping[str, datetime]) -> list[Frame]:
    """The cover first: the one a person chose last, else edited before developed before RAW, then the best rated, then
    the earliest. The others as they were taken."""
    by_time = sorted(frames, key=lambda frame: (frame.row["taken_at"] or datetime.max, frame.name, frame.photo_id))
    cover = max(
        by_time,
        key=lambda frame: (
            chosen.get(frame.photo_id, datetime.min),
            frame.is_edited,
            not frame.is_raw,
            frame.row["rating"] or 0,
        ),
    )
    return [cover, *(frame for frame in by_time if frame is not cover)]


# Live Photos


def _set_motion(
    tx: Transaction, photo_ids: Collection[str], due_videos: Sequence[Mapping[str, Any]], seen: _Seen
) -> set[str]:
    """Say of the videos beside these photos, and of these videos, whose motion they are. Returns the photos that move
    now and did not, or the other way round."""
    names = {id(video): ShotName.of(video["root_id"], video["rel_path"]) for video in due_videos}
    keys = {names[id(video)].stack_key for video in due_videos}
    for photo_id in photo_ids:
        keys |= seen.stack_keys(photo_id)
    table.set_keys(tx, [{**video, "stack_key": names[id(video)].stack_key, "shot_key": None} for video in due_videos])
    videos = table.videos(tx, keys)
    if not videos:
        return set()
    seen.take(seen.of_stack_keys(keys))
    frames: dict[tuple[str, str], list[Frame]] = defaultdict(list)
    for frame in seen.frames.values():
        for folder in {shot.folder for shot in frame.shots}:
            frames[folder].append(frame)
    owners: dict[tuple[str, str], str | None] = {}
    for video in videos:
        shot = ShotName.of(video["root_id"], video["rel_path"])
        given = (shot, video["size_bytes"], video["mtime_ns"], frames[shot.folder])
        # Who removes a Live Photo is told of its video too, unless another photo takes that.
        owner = motion_owner(*given) or video["hidden_owner"] if video["present"] else None
        owners[video["root_id"], video["rel_path"]] = owner
    table.set_motion_of(
        tx,
        [
            (video["root_id"], video["rel_path"], owner)
            for video in videos
            if (owner := owners[video["root_id"], video["rel_path"]]) != video["motion_of"]
        ],
    )
    gone = [{**video, "stack_key": None, "shot_key": None} for video in videos if not video["present"]]
    table.set_keys(tx, gone)
    concerned = {owner for owner in owners.values() if owner} | {v["motion_of"] for v in videos if v["motion_of"]}
    motion = {
        row["photo_id"]: row["video"] or bool(json.loads(row["metadata"] or "{}").get("motion"))
        for row in table.motion(tx, concerned)
    }
    return table.set_motion(tx, motion)
