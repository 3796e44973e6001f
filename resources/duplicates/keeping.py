"""Keeping one photo of a group: what a person gave the others goes over to it, then the others are hidden.

Nothing is deleted: hidden photos come back with `loupe unhide`, their files stay where they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from resources.bulk_edits import Edit, apply, undoing
from resources.errors import LoupeError
from resources.manifest import Transaction, written_captions
from resources.manifest import duplicates as table

__all__ = ["Keeping", "Kept", "keep"]


@dataclass(frozen=True)
class Kept:
    """What keeping one photo of a group came to: the photos that were hidden, and what went over to the kept one.

    `left` are the group's photos that stayed: pages of a document that has pages outside, and what another group keeps.
    """

    group_id: str
    photo_id: str
    hidden: tuple[str, ...]
    left: tuple[str, ...]
    tags: int
    collections: int
    rated: bool
    captioned: bool


def keep(
    tx: Transaction, group_ids: Sequence[str], photo_id: str | None = None, *, dry_run: bool = False
) -> list[Kept]:
    """Keep one photo of each group, as `Keeping` has it. With `dry_run` nothing is written; what would come of it is
    told."""
    keeping = Keeping(tx, group_ids, photo_id)
    if not dry_run:
        keeping.put(tx)
    return keeping.kept


class Keeping:
    """Of each group one photo is kept, `photo_id` or by default the one proposed; the others are to be hidden.

    A document is hidden whole, so it is only when every page of it that can be seen stands in one of these groups and
    none is kept. Tags and collections of what is hidden are added to the kept photo; the highest stars and the caption
    that was written last, if it has none itself. Raises `DUPLICATE_GROUP_NOT_FOUND`, `PHOTO_NOT_FOUND` for a photo that
    is not of the group, and `INVALID_REQUEST` for a group of one photo with several files: there is nothing to hide.
    """

    def __init__(self, tx: Transaction, group_ids: Sequence[str], photo_id: str | None = None) -> None:
        groups = table.chosen(tx, group_ids)
        chosen = {group["group_id"]: _kept(group, photo_id) for group in groups}
        members = {each for group in groups for each in group["photo_ids"]}
        rows = table.given(tx, members)
        stay = {rows[each]["document_id"] for each in chosen.values()}
        go = {each for each, row in rows.items() if row["document_id"] not in stay and members.issuperset(row["pages"])}
        gifts = _Gifts(rows)
        self.kept: list[Kept] = []
        for group in groups:
            kept = chosen[group["group_id"]]
            others = [each for each in group["photo_ids"] if each != kept]
            gone = [each for each in others if each in go]
            left = tuple(each for each in others if each not in go)
            self.kept.append(Kept(group["group_id"], kept, tuple(gone), left, **gifts.carry(kept, gone)))
        self._captions = gifts.captions
        self._edits = [*gifts.edits(), (Edit("hide"), sorted(go))]

    def undoing(self, tx: Transaction) -> list[tuple[Edit, list[str]]]:
        """What takes it back, asked for before it is done."""
        back = [each for edit, photo_ids in self._edits for each in undoing(tx, photo_ids, edit)]
        return [*back, (Edit("uncaption"), sorted(self._captions))] if self._captions else back

    def put(self, tx: Transaction) -> None:
        for edit, photo_ids in self._edits:
            apply(tx, photo_ids, edit)
        if self._captions:
            written_captions.write(tx, self._captions)


class _Gifts:
    """What goes over to the photos that are kept, gathered group by group."""

    def __init__(self, rows: dict[str, dict[str, Any]]) -> None:
        self._rows = rows
        self._tags: dict[str, list[str]] = defaultdict(list)
        self._collections: dict[str, list[str]] = defaultdict(list)
        self._stars: dict[int, list[str]] = defaultdict(list)
        self.captions: dict[str, str] = {}

    def carry(self, kept: str, gone: Sequence[str]) -> dict[str, Any]:
        """The fields of `Kept` that say what went over. The row of the kept photo has it from now on."""
        own, rest = self._rows[kept], [self._rows[each] for each in gone]
        new: dict[str, Any] = {}
        for name, by_value in (("tags", self._tags), ("collections", self._collections)):
            more = {value for row in rest for value in row[name] or ()} - set(own[name] or ())
            for value in more:
                by_value[value].append(kept)
            own[name] = [*(own[name] or ()), *more]
            new[name] = len(more)
        stars = max((row["rating"] for row in rest if (row["rating"] or 0) > 0), default=None)
        new["rated"] = bool(stars and not own["rating"])
        if stars and new["rated"]:
            self._stars[stars].append(kept)
            own["rating"] = stars
        written = [row for row in rest if row["caption"] is not None]
        new["captioned"] = bool(written and own["caption"] is None)
        if new["captioned"]:
            last = max(written, key=lambda row: (row["written_at"], row["caption"]))
            self.captions[kept] = own["caption"] = last["caption"]
        return new

    def edits(self) -> list[tuple[Edit, list[str]]]:
        """All but the captions."""
        return [
            *((Edit("tag", tags=[tag]), self._tags[tag]) for tag in sorted(self._tags)),
            *((Edit("add", collection=name), self._collections[name]) for name in sorted(self._collections)),
            *((Edit("rate", rating=stars), self._stars[stars]) for stars in sorted(self._stars)),
        ]


def _kept(group: dict[str, Any], photo_id: str | None) -> str:
    if group["tier"] == "same_bytes":
        raise LoupeError(
            "INVALID_REQUEST",
            "The files of this group are one photo: delete those that you do not want.",
            group=group["group_id"],
        )
    kept: str = photo_id or group["photo_ids"][0]
    if kept not in group["photo_ids"]:
        raise LoupeError("PHOTO_NOT_FOUND", f"Photo {kept} is not of this group.", photo_id=kept)
    return kept
