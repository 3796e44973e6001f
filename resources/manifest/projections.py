"""Tables `projections` and `map_*`: where each photo lies on the similarity map, what laid it out, and groups.

Not here: how places are computed (`resources/projection/`), found to belong together and told in words, or written
to a file (`resources/photo_map/`).
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from resources.clock import utc_now
from resources.manifest.database import Transaction
from resources.manifest.photos import rating_sql
from resources.manifest.results import ResultKey

__all__ = [
    "COLUMNS",
    "Cluster",
    "Drawing",
    "Layout",
    "clusters",
    "columns",
    "coverage",
    "drawing",
    "drop",
    "forget_photos",
    "generations",
    "hidden_ids",
    "keep_layout",
    "layout",
    "points",
    "replace",
    "texts",
]

# What points can be coloured by: SQL over `photos p`, and the type of the column.
_MAKE = "CASE WHEN starts_with(lower(p.camera_model), lower(coalesce(p.camera_make, ''))) THEN p.camera_model"
COLUMNS: dict[str, tuple[str, pa.DataType]] = {
    "date": ("p.taken_at::DATE", pa.date32()),
    "camera": (
        f"{_MAKE} ELSE nullif(concat_ws(' ', p.camera_make, p.camera_model), '') END",
        pa.dictionary(pa.int32(), pa.string()),
    ),
    "country": ("p.country", pa.dictionary(pa.int32(), pa.string())),
    "city": ("p.city", pa.dictionary(pa.int32(), pa.string())),
    "format": ("p.format", pa.dictionary(pa.int32(), pa.string())),
    "rating": (rating_sql("p"), pa.int8()),
}


@dataclass(frozen=True)
class Cluster:
    """Photos that lie close together: how many, where they are densest, and what is said of them more than of others.

    `label` is None when nothing is said of them; `terms` has the best first.
    """

    cluster: int
    photos: int
    x: float
    y: float
    label: str | None
    terms: tuple[str, ...]


@dataclass(frozen=True)
class Drawing:
    """One drawing of the map; `generation` changes whenever a photo's place, or which photos have one, does."""

    model: str
    generation: str
    made_at: datetime


@dataclass(frozen=True)
class Layout:
    """Whose vectors a map was laid out from as a whole, and how many photos were placed on it since."""

    key: ResultKey
    placed_since: int


def replace(
    tx: Transaction,
    model: str,
    photo_ids: Sequence[str],
    places: npt.NDArray[np.float32],
    cluster_of: npt.NDArray[np.int32] | None = None,
    found: Sequence[Cluster] = (),
) -> Drawing:
    """Make `places` (`[n, 2]`) the map of `model`, with the groups `found`; what was before goes.

    `cluster_of` (`[n]`) names the group of each photo, -1 for none. `created_at` is since when a photo has its place.
    """
    now = utc_now()
    before = tx.arrow("SELECT photo_id, x, y, created_at FROM projections WHERE model = $model", {"model": model})
    for table in ("projections", "map_clusters"):
        tx.execute(f"DELETE FROM {table} WHERE model = ?", [model])
    numbers = np.full(len(photo_ids), -1, dtype=np.int32) if cluster_of is None else cluster_of
    given = pa.table(
        {
            "photo_id": pa.array(photo_ids, pa.string()),
            "x": pa.array(places[:, 0], pa.float32()),
            "y": pa.array(places[:, 1], pa.float32()),
            "cluster": pa.array(numbers, pa.int32()),
        }
    )
    with tx.table(given) as name, tx.table(before) as old:
        tx.execute(
            f"""INSERT INTO projections (model, photo_id, x, y, created_at, cluster)
            SELECT ?, photo_id, x, y, coalesce(created_at, ?), nullif(cluster, -1)
            FROM {name} LEFT JOIN {old} USING (photo_id, x, y)""",
            [model, now],
        )
    tx.insert("map_clusters", [{"model": model, **vars(each), "terms": list(each.terms)} for each in found])
    return _begin(tx, model, now)


def drop(tx: Transaction, model: str) -> None:
    """Delete the map of `model`."""
    for table in ("projections", "map_clusters", "map_generations", "map_layouts"):
        tx.execute(f"DELETE FROM {table} WHERE model = ?", [model])


def keep_layout(tx: Transaction, key: ResultKey) -> None:
    """Note that the places which the map of `key.model` has now were laid out as a whole."""
    tx.execute("DELETE FROM map_layouts WHERE model = ?", [key.model])
    tx.insert("map_layouts", [{**vars(key), "laid_out_at": utc_now()}])


def layout(tx: Transaction, model: str) -> Layout | None:
    """What laid out the map of `model`; None when nothing is known of it."""
    row = tx.one(
        """SELECT model, revision, preprocess_version, (SELECT count(*) FROM projections j
            WHERE j.model = l.model AND j.created_at > l.laid_out_at) AS placed_since
        FROM map_layouts l WHERE model = ?""",
        [model],
    )
    if row is None:
        return None
    placed_since = row.pop("placed_since")
    return Layout(ResultKey(**row), placed_since)


def forget_photos(tx: Transaction, photo_ids: Collection[str]) -> None:
    """Take photos off every map; those that held one of them are another generation then."""
    with tx.relation({"photo_id": sorted(set(photo_ids))}, {"photo_id": pa.string()}) as given:
        gone = tx.execute(
            f"DELETE FROM projections WHERE photo_id IN (SELECT photo_id FROM {given}) RETURNING model"
        ).fetchall()
    for model in sorted({row[0] for row in gone}):
        if kept := drawing(tx, model):
            _begin(tx, model, kept.made_at)


def drawing(tx: Transaction, model: str) -> Drawing | None:
    """The map of `model`; None when it was not drawn yet."""
    row = tx.one("SELECT model, generation, made_at FROM map_generations WHERE model = ?", [model])
    return Drawing(**row) if row else None


def generations(tx: Transaction) -> set[str]:
    """The names of all drawings that there are."""
    return {row[0] for row in tx.execute("SELECT generation FROM map_generations").fetchall()}


def clusters(tx: Transaction, model: str) -> list[Cluster]:
    """The groups of a map, large ones first."""
    rows = tx.rows(
        "SELECT cluster, photos, x, y, label, terms FROM map_clusters WHERE model = ? ORDER BY photos DESC, cluster",
        [model],
    )
    return [Cluster(**{**row, "terms": tuple(row["terms"])}) for row in rows]


def points(tx: Transaction, model: str) -> pa.Table:
    """`photo_id`, `x`, `y` (float32), `cluster` (int32, -1 for none) of every photo on the map, by id."""
    return tx.arrow(
        """SELECT photo_id, x, y, coalesce(cluster, -1) AS cluster FROM projections WHERE model = $model
        ORDER BY photo_id""",
        {"model": model},
    )


def columns(tx: Transaction, model: str, names: Sequence[str]) -> pa.Table:
    """What points can be coloured by, of `COLUMNS`: a row each as `points` has them; NULL where it is not known."""
    chosen = ", ".join(f"{COLUMNS[name][0]} AS {name}" for name in names)
    found = tx.arrow(
        f"""SELECT {chosen} FROM projections j LEFT JOIN photos p USING (photo_id) WHERE j.model = $model
        ORDER BY j.photo_id""",
        {"model": model},
    )
    return pa.table({name: _typed(found.column(name), COLUMNS[name][1]) for name in names})


def hidden_ids(tx: Transaction, model: str) -> list[str]:
    """Photos on the map that a person cannot see any more, by id."""
    rows = tx.execute(
        """SELECT photo_id FROM projections SEMI JOIN (SELECT photo_id FROM photos WHERE hidden_at IS NOT NULL)
        USING (photo_id) WHERE model = ? ORDER BY photo_id""",
        [model],
    ).fetchall()
    return [row[0] for row in rows]


def texts(tx: Transaction, photo_ids: Sequence[str]) -> dict[str, tuple[str | None, tuple[str, ...]]]:
    """By photo: its caption, a person's before a model's, and its tags, also those that the file brought."""
    with tx.relation({"photo_id": list(photo_ids)}, {"photo_id": pa.string()}) as given:
        rows = tx.execute(
            f"""SELECT p.photo_id, coalesce(any_value(w.text),
                    arg_max(c.text, (coalesce(m.in_use, false), c.created_at))),
                list_distinct(list_concat(coalesce(any_value(t.tags), []), coalesce(any_value(p.keywords), [])))
            FROM photos p JOIN {given} USING (photo_id)
            LEFT JOIN (SELECT photo_id, list(tag ORDER BY tag) AS tags FROM tags GROUP BY photo_id) t
                ON t.photo_id = p.photo_id
            LEFT JOIN written_captions w ON w.photo_id = p.photo_id
            LEFT JOIN previews v ON v.sha256 = p.sha256 AND v.page = p.page
            LEFT JOIN captions c ON c.pixel_hash = v.pixel_hash
            LEFT JOIN models m ON m.kind = 'captioner' AND m.name = c.model AND m.revision = c.revision
                AND m.preprocess_version = c.preprocess_version
            GROUP BY p.photo_id"""
        ).fetchall()
    return {row[0]: (row[1], tuple(sorted(row[2]))) for row in rows}


def coverage(tx: Transaction, model: str) -> tuple[int, int]:
    """How many embedded photos have a place on the map, and how many are embedded."""
    row = tx.execute(
        """SELECT count(*) FILTER (EXISTS (FROM projections j WHERE j.photo_id = p.photo_id AND j.model = $model)),
            count(*)
        FROM photos p JOIN previews v USING (sha256, page)
        WHERE p.hidden_at IS NULL AND EXISTS (FROM embeddings e WHERE e.pixel_hash = v.pixel_hash AND e.model = $model)
          AND EXISTS (FROM files f WHERE f.photo_id = p.document_id AND f.missing_since IS NULL)""",
        {"model": model},
    ).fetchone()
    return (row[0], row[1]) if row else (0, 0)


def _begin(tx: Transaction, model: str, made_at: datetime) -> Drawing:
    new = Drawing(model, secrets.token_hex(8), made_at)
    tx.execute("DELETE FROM map_generations WHERE model = ?", [model])
    tx.insert("map_generations", [vars(new)])
    return new


def _typed(column: pa.ChunkedArray, kind: Any) -> pa.Array:
    whole = column.combine_chunks()
    return whole.dictionary_encode() if pa.types.is_dictionary(kind) else whole.cast(kind)
