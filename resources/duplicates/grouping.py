"""From pairs to groups, and which photo of a group to keep: pure, without the manifest.

Copies of one picture are joined through each other: a copy of a copy is a copy. Photos that are only alike are not:
each group has a leader that all its members are alike to, else a walk of small steps would join everything.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, get_args

from resources.imaging.sniff import RAW_FORMATS

__all__ = ["TIERS", "Candidate", "Group", "Tier", "copies", "is_other_moment", "lookalikes", "ranked"]

Tier = Literal["same_bytes", "same_pixels", "same_picture", "raw_jpeg", "burst", "similar"]
TIERS: tuple[Tier, ...] = get_args(Tier)
# As groups are shown: the surest first, and last one photo in several files, where nothing has to be decided.
SHOWN_IN: tuple[Tier, ...] = (*(tier for tier in TIERS if tier != "same_bytes"), "same_bytes")

# Dates that a camera or an editor wrote; a file's own date says nothing of the moment.
_WRITTEN_DATES = frozenset({"exif", "exif_digitized", "xmp", "iptc", "raw"})
# An editor drops fractions of seconds.
_ONE_MOMENT = timedelta(seconds=1)
# A resized copy with this share of the pixels still counts as having as many.
_AS_MANY = 0.98
# As sharp: the measure varies by this much between decoders and sizes.
_AS_SHARP = 0.9
_UNCOMPRESSED = frozenset({"PNG", "TIFF", "BMP", "PSD", "PPM", "TGA"})


@dataclass(frozen=True)
class Candidate:
    """What is known of a photo that may be a duplicate. `given` counts what a person gave it: stars, tags, places in
    collections."""

    photo_id: str
    format: str
    width: int
    height: int
    size_bytes: int
    taken_at: datetime | None
    taken_at_source: str | None
    camera: str | None
    given: int
    created_at: datetime
    sharpness: float | None = None

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def is_raw(self) -> bool:
        return self.format in RAW_FORMATS

    @property
    def moment(self) -> datetime | None:
        """When it was taken, if the file itself says so."""
        return self.taken_at if self.taken_at_source in _WRITTEN_DATES else None


@dataclass(frozen=True)
class Group:
    """Photos of one tier, the best first, and why it is; `scores` tell how alike each is to the first, if known."""

    tier: Tier
    photo_ids: tuple[str, ...]
    reasons: tuple[str, ...]
    scores: tuple[float | None, ...]

    @property
    def group_id(self) -> str:
        """The same for the same photos."""
        return hashlib.sha256("\n".join([self.tier, *sorted(self.photo_ids)]).encode()).hexdigest()[:20]


def is_other_moment(one: Candidate, other: Candidate) -> bool:
    """Whether both files say when they were taken, and say different moments: two frames, not copies."""
    return one.moment is not None and other.moment is not None and abs(one.moment - other.moment) >= _ONE_MOMENT


def copies(pairs: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Sets of photos that the pairs join, each sorted, in the order of their first."""
    parent: dict[str, str] = {}

    def top(photo_id: str) -> str:
        while parent.setdefault(photo_id, photo_id) != photo_id:
            parent[photo_id] = photo_id = parent[parent[photo_id]]
        return photo_id

    for one, other in pairs:
        parent[top(one)] = top(other)
    joined: dict[str, list[str]] = defaultdict(list)
    for photo_id in sorted(parent):
        joined[top(photo_id)].append(photo_id)
    return sorted(joined.values())


def lookalikes(pairs: Mapping[tuple[str, str], float]) -> list[list[tuple[str, float]]]:
    """Groups of a leader and those alike to it, with their cosines; each photo in one group at most.

    Leaders are taken by how many are alike to them, then by how much.
    """
    near: dict[str, dict[str, float]] = defaultdict(dict)
    for (one, other), score in pairs.items():
        near[one][other] = near[other][one] = score
    taken: set[str] = set()
    groups = []
    for leader in sorted(near, key=lambda each: (-len(near[each]), -sum(near[each].values()), each)):
        if leader in taken:
            continue
        members = [(other, score) for other, score in near[leader].items() if other not in taken]
        if members:
            taken |= {leader, *(other for other, _ in members)}
            groups.append([(leader, 1.0), *sorted(members, key=lambda each: (-each[1], each[0]))])
    return groups


def ranked(tier: Tier, members: Collection[Candidate]) -> tuple[list[Candidate], tuple[str, ...]]:
    """The members, the one to keep first, and in which ways it is better than the next.

    Reasons: "raw", "more_pixels", "from_the_camera" (date and camera are in the file), "sharper", "less_compressed",
    "given" (stars, tags, collections), "earlier" (in the library for longer).
    """
    rules = _RULES.get(tier, _COPIES)
    most = max(member.pixels for member in members)
    sharpest = max((member.sharpness or 0.0 for member in members), default=0.0)
    marks = {member.photo_id: {name: rule(member, most, sharpest) for name, rule in rules} for member in members}
    ordered = sorted(
        members,
        key=lambda each: ([-mark for mark in marks[each.photo_id].values()], each.created_at, each.photo_id),
    )
    if len(ordered) < 2:
        return ordered, ()
    best, next_best = (marks[each.photo_id] for each in ordered[:2])
    reasons = tuple(name for name in best if best[name] > next_best[name])
    return ordered, reasons or ("earlier",)


_Rule = tuple[str, Callable[[Candidate, int, float], float]]

_RAW: _Rule = ("raw", lambda each, most, sharpest: each.is_raw)
_PIXELS: _Rule = (
    "more_pixels",
    lambda each, most, sharpest: 1.0 if each.pixels >= _AS_MANY * most else each.pixels / most,
)
_CAMERA: _Rule = ("from_the_camera", lambda each, most, sharpest: bool(each.camera) and each.moment is not None)
_SHARP: _Rule = ("sharper", lambda each, most, sharpest: (each.sharpness or 0.0) >= _AS_SHARP * sharpest)
_GIVEN: _Rule = ("given", lambda each, most, sharpest: each.given > 0)
# Bytes tell how much compression took only between files that lose by it: a PNG made of a JPEG is no better.
_BYTES: _Rule = (
    "less_compressed",
    lambda each, most, sharpest: 0.0 if each.format in _UNCOMPRESSED else each.size_bytes / max(1, each.pixels),
)

_COPIES: Sequence[_Rule] = (_RAW, _PIXELS, _CAMERA, _GIVEN, _BYTES)
# Of equal pixels no file is the better picture, whatever its size.
_EQUALS: Sequence[_Rule] = (_CAMERA, _GIVEN)
_FRAMES: Sequence[_Rule] = (_GIVEN, _SHARP, _RAW, _PIXELS)
_RULES: Mapping[Tier, Sequence[_Rule]] = {"same_pixels": _EQUALS, "burst": _FRAMES}
