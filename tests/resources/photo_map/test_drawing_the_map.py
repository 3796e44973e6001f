"""Groups on the map, their labels, and the points as a file that readers in other languages take."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from shelf import ALL_STAGES, CLIP, Shelf

from resources.clock import utc_now
from resources.home import Home
from resources.manifest import Manifest, projections, tags
from resources.manifest.projections import Drawing
from resources.photo_map import Points, Said, draw_map, find_clusters, label_clusters, open_points, write_points


def blobs(count: int, middles: Sequence[tuple[float, float]], spread: float = 0.03) -> np.ndarray:
    """Places around middles, in turns."""
    noise = np.random.default_rng(5)
    return (np.asarray(middles)[np.arange(count) % len(middles)] + noise.normal(0, spread, (count, 2))).astype("f4")


def points_of(x: Sequence[float], y: Sequence[float]) -> Points:
    ids = np.sort(np.frombuffer(b"".join(uuid.uuid4().bytes for _ in x), dtype="S16"))
    none = np.full(len(x), -1, dtype=np.int32)
    return Points(Drawing("m", "g", utc_now()), Path("g.arrow"), ids, np.float32(x), np.float32(y), none)


@pytest.mark.parametrize("count", [60, 3_000])
def test_hills_of_photos_are_groups_and_what_lies_between_is_in_none(count: int) -> None:
    middles = [(-0.7, -0.7), (0.1, 0.5), (0.8, -0.2)]
    alone = np.array([[-0.9, 0.9], [0.95, 0.95]], dtype=np.float32)
    found = find_clusters(np.concatenate([blobs(count, middles), alone]))
    assert found.cluster_of.tolist()[-2:] == [-1, -1]
    groups = found.cluster_of[:-2].reshape(-1, 3)
    assert len(found.peaks) == 3
    for column, middle in zip(groups.T, middles, strict=True):
        number, times = np.unique(column, return_counts=True)
        assert times.max() >= 0.97 * len(column)
        assert np.abs(found.peaks[number[times.argmax()]] - middle).max() < 0.06
    sizes = np.bincount(found.cluster_of[found.cluster_of >= 0])
    assert sizes.tolist() == sorted(sizes, reverse=True)


@pytest.mark.parametrize("count", [0, 1, 4])
def test_few_photos_make_no_group(count: int) -> None:
    found = find_clusters(np.zeros((count, 2), dtype=np.float32))
    assert (found.cluster_of.tolist(), len(found.peaks)) == ([-1] * count, 0)


def test_photos_at_one_place_are_one_group() -> None:
    assert find_clusters(np.ones((5, 2), dtype=np.float32)).cluster_of.tolist() == [0] * 5


def test_a_label_says_what_others_do_not() -> None:
    beach = [Said(f"a white boat near the {place}", ["Trips|Spain"]) for place in ("beach", "beach", "harbour")]
    city = [Said("a white bus in the city at night", []), Said("the city at night", []), Said(None, ["Trips|Spain"])]
    told = label_clusters([beach, city, [Said(None, [])] * 9, [Said("a dragon", []), Said("a castle", [])]])
    [(first, first_terms), (second, _), silent, once] = told
    assert first is not None
    assert second is not None
    assert "boat" in first
    assert "city" in second
    assert "white" not in second.split(", ")[0]
    assert "spain" in first_terms
    assert not any(word in ("a", "the", "near", "at") for terms in told for term in terms[1] for word in term.split())
    assert silent == (None, ())
    assert once == (None, ()), "what is said of a single photo tells nothing of a group"


_CORNER = st.tuples(st.floats(-1, 1, width=32), st.floats(-1, 1, width=32))


@settings(max_examples=60, deadline=None)
@given(st.lists(_CORNER, min_size=3, max_size=12))
def test_what_a_line_encloses_is_what_another_library_says(polygon: list[tuple[float, float]]) -> None:
    from matplotlib.path import Path as Line

    places = np.random.default_rng(1).uniform(-1, 1, (400, 2)).astype(np.float32)
    inside = points_of(places[:, 0].tolist(), places[:, 1].tolist()).inside(polygon)
    # It counts windings, which is the same where the line does not cross itself: triangles of it are asked one by one.
    [first, *rest] = polygon
    odd = np.zeros(len(places), dtype=bool)
    for a, b in pairwise(rest):
        odd ^= Line([first, a, b, first]).contains_points(places)
    edges = [first, *rest, first]
    near = np.zeros(len(places), dtype=bool)
    for a, b in [*pairwise(edges), *((first, each) for each in rest)]:
        near |= _distance(places, np.asarray(a), np.asarray(b)) < 1e-5
    assert np.array_equal(np.isin(np.arange(len(places)), inside)[~near], odd[~near])


def _distance(places: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    along = b - a
    t = np.clip((places - a) @ along / max(float(along @ along), 1e-12), 0, 1)
    return np.asarray(np.linalg.norm(places - a - t[:, None] * along, axis=1))


def test_the_file_holds_every_point_and_is_written_again_when_it_is_gone(home: Home) -> None:
    manifest = Manifest(home).prepare()
    # One that ends in zeros: numpy's bytes have no zeros at the end.
    ids = sorted([str(uuid.uuid4()) for _ in range(999)] + ["00000000-0000-4000-8000-000000000000"])
    places = np.random.default_rng(2).uniform(-1, 1, (1000, 2)).astype(np.float32)
    with manifest.write() as tx:
        first = projections.replace(tx, "m", ids, places, np.arange(1000, dtype=np.int32) % 3 - 1)
    points = open_points(manifest, home, first)
    assert points.ids_at(np.arange(1000)) == ids
    assert np.array_equal(np.stack([points.x, points.y], axis=1), places)
    with pa.ipc.open_stream(points.path) as reader:
        table = reader.read_all()
    assert {field.name: str(field.type) for field in table.schema} == {
        "photo_id": "fixed_size_binary[16]",
        "x": "float",
        "y": "float",
        "cluster": "int32",
    }
    assert [str(uuid.UUID(bytes=each)) for each in table["photo_id"].to_pylist()] == ids
    assert table["cluster"].to_pylist()[:4] == [-1, 0, 1, -1]
    assert points.rows_of([ids[700], "11111111-1111-4111-8111-111111111111", ids[0]]).tolist() == [0, 700]

    points.path.unlink()
    assert open_points(manifest, home, first).ids.tolist() == points.ids.tolist()
    with manifest.write() as tx:
        second = projections.replace(tx, "m", ids[:10], places[:10])
    points.path.unlink()
    assert len(open_points(manifest, home, first)) == 10, "what is gone for ever is what there is now"
    assert [path.stem for path in home.maps.iterdir()] == [second.generation]
    with manifest.write() as tx:
        projections.forget_photos(tx, [ids[3]])
        third = projections.drawing(tx, "m")
        projections.forget_photos(tx, [ids[3]])
        assert projections.drawing(tx, "m") == third
    assert third is not None
    assert third.generation != second.generation
    assert len(open_points(manifest, home, third)) == 9


def test_an_empty_map_has_a_file_too(home: Home) -> None:
    manifest = Manifest(home).prepare()
    with manifest.write() as tx:
        drawing = projections.replace(tx, "m", [], np.zeros((0, 2), dtype=np.float32))
        table = projections.points(tx, "m")
    write_points(home, table, drawing)
    points = open_points(manifest, home, drawing)
    assert (len(points), points.rows_of(["a" * 32]).tolist()) == (0, [])
    assert points.inside([(0, 0), (1, 0), (1, 1)]).tolist() == []


@pytest.mark.slow
def test_a_library_is_drawn_with_groups_that_say_what_they_show(shelf: Shelf) -> None:
    """Real UMAP over pictures of two colours; the captioner names the colour."""
    noise = np.random.default_rng(3)
    for number in range(40):
        picture = noise.integers(0, 90, (48, 64, 3), dtype=np.uint8)
        picture[..., 0 if number % 2 else 2] += 150
        Image.fromarray(picture).save(shelf.photos / f"{number:02}.png")
    shelf.watch()
    shelf.take_in(stages=ALL_STAGES)
    red = {shelf.photo_id(f"{number:02}.png") for number in range(1, 40, 2)}
    with shelf.library.manifest.write() as tx:
        tags.add(tx, sorted(red), "Colours|Warm")

    places = draw_map(shelf.library, CLIP)
    assert (places.shape, np.abs(places).max()) == ((40, 2), pytest.approx(1.0, abs=1e-5))
    with shelf.library.manifest.read() as tx:
        found = projections.clusters(tx, CLIP.model)
        drawing = projections.drawing(tx, CLIP.model)
        columns = projections.columns(tx, CLIP.model, ["camera", "format", "date", "rating"])
    assert drawing is not None
    points = open_points(shelf.library.manifest, shelf.library.home, drawing)
    of_red = set(points.cluster[points.rows_of(red)].tolist())
    assert (len(of_red), len(set(points.cluster.tolist()))) == (1, 2)
    for each in found:
        assert each.photos == 20
        assert set(each.terms) >= ({"red", "warm"} if each.cluster in of_red else {"blue"})
        assert ("warm" in (each.label or "")) == (each.cluster in of_red)
    assert columns["format"].to_pylist() == ["PNG"] * 40
    assert [str(kind) for kind in columns.schema.types] == [
        *["dictionary<values=string, indices=int32, ordered=0>"] * 2,
        *("date32[day]", "int8"),
    ]


@pytest.mark.slow
def test_photos_keep_their_places_until_a_third_is_new_or_another_model_sees_them(shelf: Shelf) -> None:
    noise = np.random.default_rng(3)

    def take_in(numbers: range) -> None:
        for number in numbers:
            picture = noise.integers(0, 90, (48, 64, 3), dtype=np.uint8)
            picture[..., 0 if number % 2 else 2] += 150
            Image.fromarray(picture).save(shelf.photos / f"{number:02}.png")
        shelf.watch()
        shelf.take_in(stages=frozenset({"decoded_images", "embeddings"}))

    def places() -> dict[str, tuple[float, float]]:
        found = shelf.rows("SELECT photo_id, x, y FROM projections")
        return {row["photo_id"]: (row["x"], row["y"]) for row in found}

    take_in(range(30))
    draw_map(shelf.library, CLIP, whole=False)
    first = places()
    gone = shelf.photo_id("07.png")
    (shelf.photos / "07.png").unlink()
    take_in(range(30, 40))
    assert len(draw_map(shelf.library, CLIP, whole=False)) == 39
    second = places()
    assert second.keys() - first.keys() == {shelf.photo_id(f"{number}.png") for number in range(30, 40)}
    assert {photo_id: second[photo_id] for photo_id in first if photo_id != gone} == {
        photo_id: place for photo_id, place in first.items() if photo_id != gone
    }
    red = [second[shelf.photo_id(f"{number:02}.png")] for number in range(1, 40, 2) if number != 7]
    blue = [second[shelf.photo_id(f"{number:02}.png")] for number in range(0, 40, 2)]
    between = np.linalg.norm(np.subtract(np.median(red, axis=0), np.median(blue, axis=0)))
    assert np.linalg.norm(red - np.median(red, axis=0), axis=1).max() < between
    with shelf.library.manifest.read() as tx:
        assert projections.layout(tx, CLIP.model) == projections.Layout(CLIP, 10)

    take_in(range(40, 46))  # 16 of 45 are new since the layout
    draw_map(shelf.library, CLIP, whole=False)
    third = places()
    assert len(third) == 45
    assert not any(third[photo_id] == second[photo_id] for photo_id in second)
    with shelf.library.manifest.write() as tx:
        assert projections.layout(tx, CLIP.model) == projections.Layout(CLIP, 0)
        tx.execute("UPDATE map_layouts SET revision = 'before'")
        tx.execute("UPDATE projections SET x = x / 2")
    draw_map(shelf.library, CLIP, whole=False)
    assert places() == third, "drawn anew, and a small library is drawn the same each time"
    draw_map(shelf.library, CLIP)
    assert places() == third
