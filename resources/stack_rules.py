"""Which photos belong together, from what is known of them: pure, without the manifest.

A false stack hides a photo behind another one, a missed stack shows a photo twice: so where the facts are silent
nothing is put together. Rules and thresholds are measured in docs/decisions/stacks.md.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from itertools import combinations, pairwise
from typing import Any, Literal

from resources.imaging.sniff import RAW_FORMATS
from resources.shot_names import ShotName, folder_bits

__all__ = [
    "ALONE_S",
    "RAW_FORMATS",
    "Frame",
    "Link",
    "StackKind",
    "group",
    "links",
    "maybe_linked",
    "motion_owner",
    "shot_second",
]

StackKind = Literal["raw_jpeg", "edit", "burst"]

# A date that the camera or an editor wrote into the file; a clock in UTC or a guess says nothing about a second.
_WRITTEN_DATES = frozenset({"exif", "exif_digitized", "xmp", "iptc", "raw"})

# Files of one shot carry the same second; an editor may drop its fraction.
_SAME_SHOT_S = 1.0
# Of 64 bits: files of one shot without a date to compare.
_SAME_SHOT_BITS = 6
# Frames of a burst: at most this far apart in time, and this alike.
_BURST_GAP_S = 1.0
_BURST_BITS = 18
_BURST_FRAMES = 3
# A finger presses no faster than this: what is closer is a burst however long it lasts. Cameras that write no
# fractions of seconds: so many frames in each on average.
_FAST_GAP_S = 0.7
_FAST_RATE = 2.0
# A slower series is a burst when it is short and nothing was taken just before and after; else it is a timelapse.
_SLOW_SPAN_S = 10.0
ALONE_S = 3
# What the camera itself calls a burst is one unless it holds a gap like this.
_CAMERA_BURST_GAP_S = 10.0
# Frames lie closer together than this in the camera's count even when some of them were deleted.
_COUNTER_GAP = 20
_COUNTER_ENDS = (9999, 99999, 999999)
# A bracket is no burst: its frames differ by what was set.
_BRACKET_EV = 0.6

Link = tuple[str, str, StackKind]


@dataclass(frozen=True)
class Frame:
    """One photo as comparing sees it. `shots` are the names of its files that are there, written at `mtimes_ns`."""

    row: Mapping[str, Any]
    shots: tuple[ShotName, ...]
    mtimes_ns: tuple[int, ...]

    @property
    def photo_id(self) -> str:
        return str(self.row["photo_id"])

    @cached_property
    def name(self) -> str:
        """That of its first file."""
        return min(shot.name for shot in self.shots)

    @property
    def is_raw(self) -> bool:
        return self.row["format"] in RAW_FORMATS

    @cached_property
    def is_edited(self) -> bool:
        return any(shot.edited for shot in self.shots)

    @cached_property
    def taken_at(self) -> datetime | None:
        """When it was taken by the word of the camera or of a person, None when that is a guess."""
        return self.row["taken_at"] if self.row["taken_at_source"] in _WRITTEN_DATES else None

    @property
    def moment(self) -> datetime:
        """`taken_at` of a photo that has one."""
        assert self.taken_at is not None
        return self.taken_at

    @cached_property
    def camera(self) -> str | None:
        """Maker and model as one word; editors spell them in several ways."""
        text = f"{self.row['camera_make'] or ''} {self.row['camera_model'] or ''}".casefold()
        return "".join(character for character in text if character.isalnum()) or None

    @cached_property
    def exposure_ev(self) -> float | None:
        """log2 of the light that the settings let in, None when one of them is not known."""
        seconds, f_number, iso = self.row["exposure_s"], self.row["f_number"], self.row["iso"]
        if not seconds or not f_number or not iso or min(seconds, f_number, iso) <= 0:
            return None
        return math.log2(seconds * iso / f_number**2)

    @cached_property
    def lanes(self) -> dict[tuple[Any, ...], ShotName]:
        """Where its neighbours in a burst would stand: folder, camera, size, format and the form of the name."""
        if self.taken_at is None or not self.row["camera_model"] or self.row["perceptual_hash"] is None:
            return {}
        own = (self.camera, self.row["width"], self.row["height"], self.row["format"])
        found: dict[tuple[Any, ...], ShotName] = {}
        for shot in sorted(self.shots, key=lambda each: (each.folder, each.name)):
            found.setdefault((shot.folder, *own, shot.pattern), shot)
        return found

    def shot_key(self, shot: ShotName) -> int | None:
        """64 bits of the lane and second of this file; None when it can be no frame of a burst by its time."""
        if self.taken_at is None or not self.lanes:
            return None
        lane = (shot.folder, self.camera, self.row["width"], self.row["height"], self.row["format"], shot.pattern)
        bits = int.from_bytes(hashlib.blake2b(repr(lane).encode(), digest_size=2).digest(), "big") >> 4
        return (folder_bits(shot.folder) >> 4) << 44 | bits << 32 | _second(self.taken_at)


def shot_second(key: int, offset_s: int) -> int:
    """The `shot_key` of the same lane so many seconds later."""
    return (key & ~0xFFFFFFFF) | ((key + offset_s) & 0xFFFFFFFF)


def _second(moment: datetime) -> int:
    return math.floor((moment - datetime(1970, 1, 1)) / timedelta(seconds=1)) & 0xFFFFFFFF


# Links


def links(
    frames: Sequence[Frame], crowded: Collection[int | str], complete: Collection[int] | None = None
) -> list[Link]:
    """Which of these photos belong together, two by two.

    Names, seconds and bursts whose `stack_key`, `shot_key` or id is in `crowded` link nothing. `complete` are the
    `shot_key`s of which all photos are given (None: all); frames of a burst are compared inside them only.
    """
    found = _by_name(frames, crowded) + _by_camera(frames, crowded)
    for run in _runs(frames, crowded, complete):
        for part in run.bursts():
            found += _of_burst(part)
    return found


def maybe_linked(
    frames: Sequence[Frame], crowded: Collection[int | str], complete: Collection[int]
) -> list[tuple[str, str]]:
    """Photos that would be one burst if more of their neighbours were given."""
    found = []
    for run in _runs(frames, crowded, complete):
        found += [(a.photo_id, b.photo_id) for a, b in (run.fast_pairs() if run.span_s > _SLOW_SPAN_S else run.pairs())]
    return found


def _by_name(frames: Sequence[Frame], crowded: Collection[int | str]) -> list[Link]:
    shots: dict[tuple[tuple[str, str], str], list[tuple[Frame, ShotName]]] = defaultdict(list)
    for frame in frames:
        for shot in frame.shots:
            if shot.stack_key not in crowded:
                shots[shot.folder, shot.shot].append((frame, shot))
    found: list[Link] = []
    for files in shots.values():
        found += _of_one_name(files)
    # Versions with a number, each beside the picture it would be of.
    for (folder, _), files in shots.items():
        for frame, shot in files:
            originals = shots.get((folder, shot.numbered_of), []) if shot.numbered_of else []
            if originals and not frame.is_raw and not any(other.is_raw for other, _ in files):
                found += [
                    (frame.photo_id, original.photo_id, "edit")
                    for original, original_shot in originals
                    if not original_shot.edited and _is_version(frame, original)
                ]
    return found


def _of_one_name(files: Sequence[tuple[Frame, ShotName]]) -> list[Link]:
    """Files of one folder and one name: those with dates by their dates, the others if they fit one shot only."""
    if len({frame.photo_id for frame, _ in files}) < 2:
        return []
    dated = [(frame, shot) for frame, shot in files if frame.taken_at is not None]
    found: list[Link] = []
    together = _Union()
    for (a, shot_a), (b, shot_b) in combinations(dated, 2):
        if a.photo_id != b.photo_id and _same_camera(a, b) and _same_moment(a, b):
            found.append(_link(a, shot_a, b, shot_b))
            together.join(a.photo_id, b.photo_id)
    for frame, shot in files:
        if frame.taken_at is not None:
            continue
        alike = [
            (other, other_shot)
            for other, other_shot in files
            if other.photo_id != frame.photo_id
            and _same_camera(frame, other)
            and _alike(frame, other, _SAME_SHOT_BITS)
            and _same_shape(frame, other)
        ]
        if len({together.of(other.photo_id) for other, _ in alike if other.taken_at is not None}) <= 1:
            found += [_link(frame, shot, other, other_shot) for other, other_shot in alike]
    return found


def _link(a: Frame, shot_a: ShotName, b: Frame, shot_b: ShotName) -> Link:
    return a.photo_id, b.photo_id, "edit" if shot_a.edited or shot_b.edited else "raw_jpeg"


def _same_camera(a: Frame, b: Frame) -> bool:
    """Not two cameras: one name may be part of the other ("EOS R5", "Canon EOS R5"), and one may be silent."""
    return not a.camera or not b.camera or a.camera in b.camera or b.camera in a.camera


def _same_moment(a: Frame, b: Frame) -> bool:
    both_exact = a.moment.microsecond and b.moment.microsecond
    return abs(_gap_s(a, b)) < (0.05 if both_exact else _SAME_SHOT_S)


def _is_version(version: Frame, original: Frame) -> bool:
    """Stricter than for names that say that they are edits: cameras and renaming number pictures, too."""
    if version.taken_at is None or original.taken_at is None or not version.camera or not original.camera:
        return False
    exact = version.taken_at.microsecond and version.taken_at == original.taken_at
    dated = version.taken_at.replace(microsecond=0) == original.taken_at.replace(microsecond=0)
    return (
        _same_camera(version, original)
        and bool(exact or (original.is_raw and dated and not version.taken_at.microsecond))
        and _alike(version, original, _BURST_BITS)
    )


def _alike(a: Frame, b: Frame, bits: int) -> bool:
    one, other = a.row["perceptual_hash"], b.row["perceptual_hash"]
    return one is not None and other is not None and (one ^ other).bit_count() <= bits


def _same_shape(a: Frame, b: Frame) -> bool:
    sides = [frame.row[side] or 0 for frame in (a, b) for side in ("width", "height")]
    return min(sides) > 0 and abs(math.log(sides[0] * sides[3] / (sides[1] * sides[2]))) < 0.03


def _by_camera(frames: Sequence[Frame], crowded: Collection[int | str]) -> list[Link]:
    """Bursts by the camera's own word, in one folder."""
    bursts: dict[tuple[tuple[str, str], str | None, str], dict[str, Frame]] = defaultdict(dict)
    for frame in frames:
        burst_id = frame.row["burst_id"]
        if burst_id and burst_id not in crowded and frame.taken_at is not None:
            for shot in frame.shots:
                bursts[shot.folder, frame.camera, burst_id][frame.photo_id] = frame
    found: list[Link] = []
    for burst in bursts.values():
        ordered = sorted(burst.values(), key=lambda frame: (frame.moment, frame.photo_id))
        cuts = [n for n, (a, b) in enumerate(pairwise(ordered), start=1) if _gap_s(a, b) > _CAMERA_BURST_GAP_S]
        for start, end in pairwise([0, *cuts, len(ordered)]):
            found += _of_burst(ordered[start:end])
    return found


def _of_burst(frames: Sequence[Frame]) -> list[Link]:
    """Each with the next, and with the first and the last: so that one which a person took out leaves no gap."""
    ids = [frame.photo_id for frame in frames]
    pairs = {*pairwise(ids), *((ids[0], name) for name in ids[1:]), *((name, ids[-1]) for name in ids[:-1])}
    return [(a, b, "burst") for a, b in sorted(pairs)]


def _gap_s(a: Frame, b: Frame) -> float:
    return (b.moment - a.moment).total_seconds()


@dataclass(frozen=True)
class _Run:
    """Frames of one lane that follow one another as those of a burst may; `before_s` and `after_s` lie between it and
    the frames around it."""

    frames: Sequence[Frame]
    before_s: float
    after_s: float
    in_second: Mapping[datetime, int]

    @property
    def span_s(self) -> float:
        return _gap_s(self.frames[0], self.frames[-1])

    def pairs(self) -> list[tuple[Frame, Frame]]:
        return list(pairwise(self.frames))

    def fast_pairs(self) -> list[tuple[Frame, Frame]]:
        return [pair for pair in self.pairs() if self._is_fast(*pair)]

    def bursts(self) -> list[Sequence[Frame]]:
        """Those that are bursts: all of it when it is short and stands alone, else its fast parts."""
        if self.span_s <= _SLOW_SPAN_S and min(self.before_s, self.after_s) > ALONE_S:
            parts: list[Sequence[Frame]] = [self.frames]
        else:
            cuts = [n for n, pair in enumerate(self.pairs(), start=1) if not self._is_fast(*pair)]
            parts = [self.frames[start:end] for start, end in pairwise([0, *cuts, len(self.frames)])]
            parts = [part for part in parts if _is_fast_enough(part)]
        return [part for part in parts if len(part) >= _BURST_FRAMES]

    def _is_fast(self, a: Frame, b: Frame) -> bool:
        gap_s = _gap_s(a, b)
        if _exact(a, b):
            return gap_s <= _FAST_GAP_S
        # Whole seconds: two frames a second apart are close when one of the two holds more.
        return gap_s == 0 or (gap_s == 1 and self.in_second[a.moment] + self.in_second[b.moment] > 2)


def _is_fast_enough(frames: Sequence[Frame]) -> bool:
    if any(_exact(a, b) for a, b in pairwise(frames)):
        return True
    return len(frames) / (_gap_s(frames[0], frames[-1]) + 1) >= _FAST_RATE


def _exact(a: Frame, b: Frame) -> bool:
    """Whether their camera writes fractions of seconds."""
    return bool(a.moment.microsecond or b.moment.microsecond)


def _runs(
    frames: Sequence[Frame], crowded: Collection[int | str], complete: Collection[int] | None = None
) -> list[_Run]:
    """Two frames or more each; as `links`."""
    lanes: dict[tuple[Any, ...], list[tuple[Frame, ShotName]]] = defaultdict(list)
    for frame in frames:
        for lane, shot in frame.lanes.items():
            key = frame.shot_key(shot)
            if key is not None and key not in crowded and (complete is None or key in complete):
                lanes[lane].append((frame, shot))
    found: list[_Run] = []
    for members in lanes.values():
        members.sort(key=lambda each: (each[0].moment, each[1].counter or 0, each[1].name))
        in_second = Counter(frame.moment for frame, _ in members)
        cuts = [number for number in range(1, len(members)) if not _goes_on(members, number)]
        for start, end in pairwise([0, *cuts, len(members)]):
            run = [frame for frame, _ in members[start:end]]
            if len(run) > 1:
                before_s = _gap_s(members[start - 1][0], run[0]) if start else math.inf
                after_s = _gap_s(run[-1], members[end][0]) if end < len(members) else math.inf
                found.append(_Run(run, before_s, after_s, in_second))
    return found


def _goes_on(members: Sequence[tuple[Frame, ShotName]], number: int) -> bool:
    """Whether the series goes on from the frame before `number` to this one. A frame that is shaken, or hidden by
    what passed by, does not end it: one of the two before must look like one of the two that follow."""
    (a, shot_a), (b, shot_b) = members[number - 1], members[number]
    if _gap_s(a, b) > _BURST_GAP_S or _bracketed(a, b) or not _consecutive(shot_a, shot_b):
        return False
    before, after = members[max(0, number - 2) : number], members[number : number + 2]
    pairs = [(one, other) for one, _ in before for other, _ in after]
    return any(_gap_s(one, other) <= _BURST_GAP_S and _alike(one, other, _BURST_BITS) for one, other in pairs)


def _consecutive(a: ShotName, b: ShotName) -> bool:
    if a.counter is None or b.counter is None:
        return True
    return 0 < b.counter - a.counter <= _COUNTER_GAP or (a.counter in _COUNTER_ENDS and b.counter <= 1)


def _bracketed(a: Frame, b: Frame) -> bool:
    bias_a, bias_b = a.row["exposure_bias_ev"], b.row["exposure_bias_ev"]
    if bias_a is not None and bias_b is not None and abs(bias_a - bias_b) > 0.1:
        return True
    return a.exposure_ev is not None and b.exposure_ev is not None and abs(a.exposure_ev - b.exposure_ev) > _BRACKET_EV


# Groups


def group(
    photo_ids: Iterable[str], linked: Sequence[Link], apart: Iterable[tuple[str, str, int]] = ()
) -> list[tuple[StackKind, frozenset[str]]]:
    """The stacks that these links make of the photos, each with two members or more.

    `apart` are `(choice_id, photo_id, part)` of a person's separations: links that would bring two parts of one choice
    together are left out, those of one shot before those of a burst.
    """
    parts: dict[str, dict[str, int]] = defaultdict(dict)
    for choice_id, photo_id, part in apart:
        parts[photo_id][choice_id] = part
    together = _Union(parts)
    order: dict[StackKind, int] = {"raw_jpeg": 0, "edit": 1, "burst": 2}
    kinds: dict[str, int] = {}
    ordered = sorted(linked, key=lambda each: (order[each[2]], min(each[:2]), max(each[:2])))
    kept = [link for link in ordered if together.join(link[0], link[1])]
    for a, _, kind in kept:
        root = together.of(a)
        kinds[root] = max(kinds.get(root, 0), order[kind])
    groups: dict[str, set[str]] = defaultdict(set)
    for photo_id in photo_ids:
        groups[together.of(photo_id)].add(photo_id)
    names: tuple[StackKind, ...] = ("raw_jpeg", "edit", "burst")
    return [
        (names[kinds.get(root, 0)], frozenset(members)) for root, members in sorted(groups.items()) if len(members) > 1
    ]


class _Union:
    """Disjoint sets, some of which a person keeps apart."""

    def __init__(self, parts: Mapping[str, Mapping[str, int]] | None = None) -> None:
        self._above: dict[str, str] = {}
        self._parts: dict[str, dict[str, int]] = {name: dict(held) for name, held in (parts or {}).items()}

    def of(self, name: str) -> str:
        root = name
        while (above := self._above.get(root, root)) != root:
            root = above
        while (above := self._above.get(name, name)) != root:
            self._above[name], name = root, above
        return root

    def join(self, a: str, b: str) -> bool:
        """Whether they are together now."""
        one, other = sorted((self.of(a), self.of(b)))
        if one == other:
            return True
        held, more = self._parts.get(one, {}), self._parts.get(other, {})
        if any(held.get(choice, part) != part for choice, part in more.items()):
            return False
        self._above[other] = one
        self._parts[one] = {**held, **more}
        return True


# Live Photos

# Three seconds of a phone's video, generously: a longer video of the same name is somebody's film.
_LIVE_BYTES = 40_000_000
_LIVE_FORMATS = ("HEIC", "JPEG")
_LIVE_PHONES = ("apple", "google")
# Photo and video of other makes must have been written together.
_LIVE_WRITTEN_NS = 10 * 10**9


def motion_owner(video: ShotName, size_bytes: int, mtime_ns: int, frames: Sequence[Frame]) -> str | None:
    """The photo whose motion this video is: same folder, same name, of a phone that makes such pairs or written at the
    same time."""
    if size_bytes > _LIVE_BYTES:
        return None
    owners = [frame for frame in frames if _owns(frame, video, mtime_ns)]
    owners.sort(key=lambda frame: (_LIVE_FORMATS.index(frame.row["format"]), frame.is_edited, frame.photo_id))
    return owners[0].photo_id if owners else None


def _owns(frame: Frame, video: ShotName, mtime_ns: int) -> bool:
    if frame.row["format"] not in _LIVE_FORMATS:
        return False
    phone = frame.row["format"] == "HEIC" or (frame.row["camera_make"] or "").casefold() in _LIVE_PHONES
    return any(
        shot.folder == video.folder
        and _live_stem(shot) == _live_stem(video)
        and (phone or abs(written_ns - mtime_ns) <= _LIVE_WRITTEN_NS)
        for shot, written_ns in zip(frame.shots, frame.mtimes_ns, strict=True)
    )


def _live_stem(shot: ShotName) -> str:
    """IMG_1.MOV, and IMG_1.HEIC.MP4 as archives name it."""
    stem = shot.stem
    for ending in (".heic", ".heif", ".jpg", ".jpeg", ".mp"):
        stem = stem.removesuffix(ending)
    return stem
