"""Finding duplicates: what is new is compared with everything before it, then groups are made of all that was found.

Killed or out of time, it goes on where it was: each step commits its pairs and which pictures it compared. The cost of
new photos grows with the library only by the comparing itself (about 1 ns a pair of hashes, 2 `dim` floating-point
operations a pair of vectors).
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import structlog
from PIL import Image

from resources.duplicates import same_picture, similar
from resources.duplicates.grouping import Candidate, Group, Tier, copies, is_other_moment, lookalikes, ranked
from resources.home import Home
from resources.imaging.model_input import ModelInputSpec, model_input
from resources.imaging.sniff import RAW_FORMATS
from resources.manifest import Manifest, Transaction, VectorStore, results
from resources.manifest import duplicates as table
from resources.manifest.results import ResultKey
from resources.photo_store import PhotoStore
from resources.shot_names import ShotName

__all__ = ["ContentModel", "DuplicateCounts", "find_duplicates", "regroup"]

log = structlog.get_logger(__name__)

_HASHES_A_STEP = 2000
_VECTORS_A_STEP = 4096
_FIRST_SEED = 11
# A threshold that was measured on few pictures is measured again once the library has this many times as many.
_GROWN = 4


class _Embeds(Protocol):
    def embed_images(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]: ...


@dataclass(frozen=True)
class ContentModel:
    """The image-text model in use: whose vectors to compare. `load` is called only to measure its threshold, which is
    done once a library and model."""

    key: ResultKey
    input_spec: ModelInputSpec
    load: Callable[[], _Embeds]


@dataclass(frozen=True)
class DuplicateCounts:
    """What one call did. `compared` pictures by their areas, `compared_vectors` by the model; `pairs` found new;
    `groups` by tier; `left` pictures wait because the time was up; `threshold` is the model's, None without one."""

    compared: int
    compared_vectors: int
    pairs: int
    left: int
    threshold: float | None
    groups: Mapping[str, int]


def find_duplicates(
    manifest: Manifest,
    home: Home,
    model: ContentModel | None,
    *,
    limit_s: float,
    goes_on: Callable[[], bool] = lambda: True,
) -> DuplicateCounts:
    """Compare what is new, for about `limit_s` seconds at most and while `goes_on` says so; make the groups anew.

    Without a model photos are compared by bytes, pixels and areas alone. Raises what loading the model raises.
    """
    work = _Work(manifest, home, time.monotonic() + limit_s, goes_on)
    work.compare_areas()
    threshold = _threshold(manifest, home, model) if model else None
    if model and threshold is not None:
        work.compare_vectors(model.key, threshold)
    return DuplicateCounts(
        compared=work.compared,
        compared_vectors=work.compared_vectors,
        pairs=work.pairs,
        left=work.left,
        threshold=threshold,
        groups=regroup(manifest, home, model.key if model else None),
    )


class _Work:
    def __init__(self, manifest: Manifest, home: Home, deadline: float, goes_on: Callable[[], bool]) -> None:
        self._manifest = manifest
        self._home = home
        self._deadline = deadline
        self._asked = goes_on
        self.compared = self.compared_vectors = self.pairs = self.left = 0

    def compare_areas(self) -> None:
        """Resized and re-encoded copies, by hashes and thumbnails."""
        made_by = same_picture.MADE_BY
        with self._manifest.read() as tx:
            pictures = [row for row in table.pictures(tx, made_by) if row["perceptual_hash"] is not None]
        names = [row["pixel_hash"] for row in pictures]
        hashes = np.array([row["perceptual_hash"] for row in pictures], dtype=np.uint64)
        shapes = np.array([row["width"] / max(1, row["height"]) for row in pictures], dtype=np.float64)
        done = sum(row["compared"] for row in pictures)
        store = PhotoStore(self._home)

        @lru_cache(maxsize=4096)  # 7 kB each
        def grid(index: int) -> same_picture.Grid | None:
            return same_picture.grid_of(store.thumbnail_path(names[index]))

        while done < len(names) and self._goes_on():
            end = min(len(names), done + _HASHES_A_STEP)
            found = []
            for index, near in same_picture.candidates(hashes[:end], shapes[:end], done):
                for other in near.tolist():
                    one, another = grid(index), grid(other)
                    score = None if one is None or another is None else same_picture.likeness(one, another)
                    if score is not None:
                        found.append((names[index], names[other], score))
            self._put(made_by, found, names[done:end])
            self.compared += end - done
            done = end
        self.left += len(names) - done

    def compare_vectors(self, key: ResultKey, threshold: float) -> None:
        """What the model finds alike."""
        made_by = key.made_by
        with self._manifest.read() as tx:
            rows = table.pictures(tx, made_by)
            embedded = {pixel_hash for _, pixel_hash in results.embedded_photos(tx, key)}
        before = {row["pixel_hash"] for row in rows if row["compared"]}
        new = [row["pixel_hash"] for row in rows if not row["compared"] and row["pixel_hash"] in embedded]
        store = VectorStore(self._home, key.model, key.revision, key.preprocess_version)
        done = 0
        while done < len(new) and self._goes_on():
            names = new[done : done + _VECTORS_A_STEP]
            vectors = store.get(names)
            here = [name for name in names if name in vectors]
            found = (
                similar.alike(np.stack([vectors[name] for name in here]), _matrices(store), here, before, threshold)
                if here
                else []
            )
            # One without its vector has nothing to compare; it is due again when the model has seen it anew.
            self._put(made_by, found, names)
            before.update(here)
            self.compared_vectors += len(here)
            done += len(names)
        self.left += len(new) - done

    def _put(self, made_by: str, found: Sequence[tuple[str, str, float]], compared: Sequence[str]) -> None:
        with self._manifest.write() as tx:
            table.put_pairs(tx, made_by, found, compared)
        self.pairs += len(found)

    def _goes_on(self) -> bool:
        return time.monotonic() < self._deadline and self._asked()


def _matrices(store: VectorStore) -> Iterator[tuple[list[str], npt.NDArray[np.float32]]]:
    for batch in store.batches():
        flat = batch.column("vector").flatten().to_numpy(zero_copy_only=False)
        yield batch.column("pixel_hash").to_pylist(), flat.reshape(batch.num_rows, -1)


def _threshold(manifest: Manifest, home: Home, model: ContentModel) -> float | None:
    """The model's threshold as it was measured on this library, now if it was not; None while nothing is embedded."""
    key = model.key
    with manifest.read() as tx:
        measured = table.threshold(tx, key.made_by)
        hashes = sorted({pixel_hash for _, pixel_hash in results.embedded_photos(tx, key)})
    wanted = min(similar.CALIBRATION_PICTURES, len(hashes))
    if measured and (measured[1] >= similar.CALIBRATION_PICTURES or wanted < _GROWN * measured[1]):
        return measured[0]
    random = np.random.default_rng(_FIRST_SEED)
    picked = [hashes[index] for index in random.permutation(len(hashes))]
    store = VectorStore(home, key.model, key.revision, key.preprocess_version)
    vectors = store.get(picked[: 40 * similar.CALIBRATION_PICTURES])
    names, images = [], []
    for name in picked:
        pixels = _pixels(PhotoStore(home), name) if name in vectors else None
        if pixels is not None:
            names.append(name)
            images.append(model_input(similar.altered(pixels), model.input_spec))
        if len(names) == similar.CALIBRATION_PICTURES:
            break
    if not names:
        return measured[0] if measured else None
    edited = model.load().embed_images(np.stack(images))
    threshold = similar.threshold_of(
        np.stack([vectors[name] for name in names]),
        edited,
        np.stack([vectors[name] for name in sorted(vectors)]),
        lambda below, count: random.integers(0, below, count),
    )
    with manifest.write() as tx:
        table.put_threshold(tx, key.made_by, threshold, len(names))
    log.info("similarity_measured", model=key.model, threshold=round(threshold, 4), pictures=len(names))
    return threshold


def _pixels(store: PhotoStore, pixel_hash: str) -> npt.NDArray[np.uint8] | None:
    """What is stored of a picture, uint8 `[h, w, 3]`: the preview, or the thumbnail once that was culled."""
    for path in (store.preview_path(pixel_hash), store.thumbnail_path(pixel_hash)):
        try:
            with Image.open(path) as picture:
                return np.asarray(picture.convert("RGB"))
        except OSError:
            continue
    return None


def regroup(
    manifest: Manifest, home: Home, key: ResultKey | None, only: Collection[str] | None = None
) -> dict[str, int]:
    """Make the groups of everything that was found and that a person did not call different. How many, by tier.

    `key` names the model whose word counts. With `only`, these photos and all that are joined to them in any way are
    grouped anew, and the other groups stay. What a person says meanwhile counts.
    """
    while True:
        with manifest.read() as tx:
            found = _Found.of(tx, key)
        within = _joined_to(only, found) if only is not None else None
        groups, measured = _grouped(manifest, PhotoStore(home), found.among(within) if within is not None else found)
        with manifest.write() as tx:
            if table.marked_different(tx) != found.different:
                continue
            table.put_sharpness(tx, {name: measured[name] for name in measured.keys() - table.sharpness(tx, measured)})
            table.replace_groups(tx, [row for each in groups for row in _rows(each)], within)
        counted: dict[str, int] = defaultdict(int)
        for each in groups:
            counted[each.tier] += 1
        return dict(counted)


@dataclass(frozen=True)
class _Found:
    """What the manifest says of photos that may belong together; `grouped` are the groups there are."""

    strong: Sequence[tuple[str, str, float, Tier]]
    weak: Sequence[tuple[str, str, float]]
    copied: Sequence[str]
    stacked: Sequence[Mapping[str, Any]]
    different: set[tuple[str, str]]
    grouped: Sequence[tuple[str, str]]

    @classmethod
    def of(cls, tx: Transaction, key: ResultKey | None) -> _Found:
        pixels: list[tuple[str, str, float, Tier]] = [(*pair, 1.0, "same_pixels") for pair in table.equal_pictures(tx)]
        areas: list[tuple[str, str, float, Tier]] = [
            (*pair, "same_picture") for pair in table.pairs(tx, same_picture.MADE_BY)
        ]
        return cls(
            strong=pixels + areas,
            weak=table.pairs(tx, key.made_by) if key else [],
            copied=table.with_copies(tx),
            stacked=table.stacked(tx),
            different=table.marked_different(tx),
            grouped=table.grouped(tx),
        )

    def among(self, photo_ids: set[str]) -> _Found:
        """Only what is said of these photos, which are joined to no other."""
        return replace(
            self,
            strong=[pair for pair in self.strong if pair[0] in photo_ids],
            weak=[pair for pair in self.weak if pair[0] in photo_ids],
            copied=[each for each in self.copied if each in photo_ids],
            stacked=[row for row in self.stacked if row["photo_id"] in photo_ids],
        )


def _joined_to(photo_ids: Collection[str], found: _Found) -> set[str]:
    """These photos and all that are joined to them: by pairs, stacks, or the groups of now."""
    pairs = [pair[:2] for pair in found.strong] + [pair[:2] for pair in found.weak]
    pairs += [(f"stack {row['stack_id']}", row["photo_id"]) for row in found.stacked]
    pairs += [(f"group {group_id}", photo_id) for group_id, photo_id in found.grouped]
    asked = set(photo_ids)
    return asked.union(*(joined for joined in copies(pairs) if not asked.isdisjoint(joined)))


def _grouped(manifest: Manifest, store: PhotoStore, found: _Found) -> tuple[list[Group], dict[str, float]]:
    """The groups, and the sharpness of pictures of which it was not known."""

    def look_up(photo_ids: set[str]) -> Mapping[str, dict[str, Any]]:
        with manifest.read() as tx:
            return {row["photo_id"]: row for row in table.candidates(tx, photo_ids)}

    joined = _joined(found, look_up({photo_id for pair in found.strong for photo_id in pair[:2]}))
    rows = look_up({photo_id for _, ids, _ in joined for photo_id in ids})
    with manifest.read() as tx:
        known = table.sharpness(tx, {row["pixel_hash"] for row in rows.values()})
    measured = {
        name: value
        for name in {row["pixel_hash"] for row in rows.values()} - known
        if (value := _sharpness(store, name)) is not None
    }
    for row in rows.values():
        row["sharpness"] = row["sharpness"] if row["sharpness"] is not None else measured.get(row["pixel_hash"])
    groups = []
    for tier, ids, scores in joined:
        members = [_candidate(rows[each]) for each in ids if each in rows]  # one may have gone meanwhile
        if members:
            groups.append(_group(tier, members, scores))
    return groups, measured


_Joined = tuple[Tier, list[str], Mapping[str, float]]


def _joined(found: _Found, rows: Mapping[str, Mapping[str, Any]]) -> list[_Joined]:
    """Which photos belong together, by tier, with their scores. A pair counts in its strongest tier only.

    `rows`: the `candidates` of the strong pairs.
    """
    stack_of = {row["photo_id"]: row["stack_id"] for row in found.stacked}

    def apart(one: str, other: str) -> bool:
        return (min(one, other), max(one, other)) in found.different

    def one_stack(one: str, other: str) -> bool:
        return one in stack_of and stack_of[one] == stack_of.get(other)

    groups: list[_Joined] = [("same_bytes", [each], {each: 1.0}) for each in found.copied if not apart(each, each)]
    known = {photo_id: _candidate(row) for photo_id, row in rows.items()}
    equal = {
        (one, other): (score, tier)
        for one, other, score, tier in found.strong
        if one in known and other in known and not apart(one, other)
    }
    kept = {
        pair: by
        for pair, by in equal.items()
        if by[1] == "same_pixels" or not (one_stack(*pair) or is_other_moment(known[pair[0]], known[pair[1]]))
    }
    component: dict[str, int] = {}
    for number, ids in enumerate(copies(kept)):
        component.update(dict.fromkeys(ids, number))
    members: dict[int, list[str]] = defaultdict(list)
    for photo_id, number in component.items():
        members[number].append(photo_id)
    tiers: dict[int, Tier] = dict.fromkeys(members, "same_pixels")
    scores: dict[int, dict[str, float]] = defaultdict(dict)
    for (one, other), (score, tier) in kept.items():
        number = component[one]
        if tier == "same_picture":
            tiers[number] = "same_picture"
        for photo_id in (one, other):
            scores[number][photo_id] = max(score, scores[number].get(photo_id, 0.0))
    groups += [(tiers[number], ids, scores[number]) for number, ids in members.items()]
    by_stack: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in found.stacked:
        by_stack[row["stack_id"], row["kind"]].append(row)
    for (_, kind), stacked in by_stack.items():
        wanted: list[tuple[Tier, list[str]]] = [("raw_jpeg", ids) for ids in _raw_and_jpeg(kind, stacked)]
        if kind == "burst":
            wanted.append(("burst", [row["photo_id"] for row in stacked]))
        for tier, ids in wanted:
            left = [each for each in ids if not all(apart(each, other) for other in ids if other != each)]
            all_copies = None not in (numbers := {component.get(each) for each in left}) and len(numbers) == 1
            if len(left) > 1 and not all_copies:
                groups.append((tier, left, {}))
    alike = {
        (one, other): score
        for one, other, score in found.weak
        if not apart(one, other)
        and not one_stack(one, other)
        and not (one in component and component[one] == component.get(other))
    }
    return groups + [("similar", [each for each, _ in group], dict(group)) for group in lookalikes(alike)]


def _raw_and_jpeg(kind: str, stacked: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """The shots of one stack that are there as RAW and otherwise. Edits and other frames may stand beside them."""
    if kind == "raw_jpeg":
        return [[row["photo_id"] for row in stacked]]
    shots: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in stacked:
        name = ShotName.of("", row["file_name"] or "")
        if not name.edited:
            shots[name.shot].append(row)
    return [
        [row["photo_id"] for row in rows]
        for rows in shots.values()
        if len({row["format"] in RAW_FORMATS for row in rows}) == 2
    ]


def _candidate(row: Mapping[str, Any]) -> Candidate:
    return Candidate(
        photo_id=row["photo_id"],
        format=row["format"] or "",
        width=row["width"] or 0,
        height=row["height"] or 0,
        size_bytes=row["size_bytes"] or 0,
        taken_at=row["taken_at"],
        taken_at_source=row["taken_at_source"],
        camera=row["camera"],
        given=int(row["given"]),
        created_at=row["created_at"],
        sharpness=row["sharpness"],
    )


def _group(tier: Tier, members: list[Candidate], scores: Mapping[str, float]) -> Group:
    ordered, reasons = ranked(tier, members)
    ids = tuple(each.photo_id for each in ordered)
    return Group(tier, ids, reasons, tuple(scores.get(each) for each in ids))


def _rows(group: Group) -> Iterator[dict[str, Any]]:
    for position, (photo_id, score) in enumerate(zip(group.photo_ids, group.scores, strict=True)):
        yield {
            "group_id": group.group_id,
            "tier": group.tier,
            "photo_id": photo_id,
            "position": position,
            "reasons": list(group.reasons),
            "score": score,
        }


def _sharpness(store: PhotoStore, pixel_hash: str) -> float | None:
    """The variance of the Laplacian of the preview's greys: J. L. Pech-Pacheco et al., "Diatom autofocusing", 2000."""
    pixels = _pixels(store, pixel_hash)
    if pixels is None or min(pixels.shape[:2]) < 3:
        return None
    grey = np.asarray(Image.fromarray(pixels).convert("L"), dtype=np.float32)
    inner = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner
    return float(laplacian.var())
