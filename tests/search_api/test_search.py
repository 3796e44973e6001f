"""Searching and browsing through HTTP, over a real index and model."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from small_library import SmallLibrary

from resources.manifest import VectorStore
from resources.models import GpuResource, load_clip


def search(client: TestClient, **query: Any) -> dict[str, Any]:
    reply = client.post("/api/v1/search", json=query)
    assert reply.status_code == 200, reply.text
    content: dict[str, Any] = reply.json()
    return content


def names(reply: dict[str, Any]) -> list[str]:
    return [photo["file_name"] for photo in reply["hits"]]


def test_without_a_query_photos_come_newest_first(client: TestClient) -> None:
    reply = search(client)
    assert reply["mode"] == "browse"
    assert reply["total"] == 8
    assert names(reply)[0] == "blue.png", "it says no date, so its file's counts"
    assert names(reply)[1].startswith("gold")
    taken = [photo["taken_at"] for photo in reply["hits"] if photo["taken_at"]]
    assert taken == sorted(taken, reverse=True)
    assert names(search(client, sort="oldest"))[0] == "red.jpg"


def test_pages_follow_one_another_without_gap_or_repeat(client: TestClient) -> None:
    whole = names(search(client, limit=8))
    assert names(search(client, limit=3)) + names(search(client, limit=5, offset=3)) == whole


def test_browse_by_get_answers_as_a_search_without_a_query(client: TestClient) -> None:
    reply = client.get("/api/v1/browse", params={"limit": 3, "formats": ["JPEG", "PNG"], "taken_from": "2023-06-20"})
    assert reply.json()["hits"] == search(client, limit=3, filters={"taken_from": "2023-06-20"})["hits"]


def test_words_find_captions_and_folder_names(client: TestClient) -> None:
    assert names(search(client, text="wall", mode="words")) == ["red.jpg"]
    assert set(names(search(client, text="garden", mode="words"))) >= {"violet.jpg", "white.jpg", "pink.jpg"}


def test_meaning_ranks_as_a_direct_comparison_of_vectors(client: TestClient, small: SmallLibrary) -> None:
    reply = search(client, text="a red circle", mode="meaning")
    clip = small.library.clip()
    assert clip is not None
    with small.library.manifest.read() as tx:
        hashes = dict(
            tx.execute("SELECT v.pixel_hash, p.photo_id FROM photos p JOIN previews v USING (sha256)").fetchall()
        )
    vectors = VectorStore(small.library.home, clip.name, clip.revision, clip.preprocess_version).get(list(hashes))
    text = load_clip(small.settings, clip.name, GpuResource(small.settings)).embed_texts(["a red circle"])[0]
    cosines = {hashes[pixel_hash]: float(vector @ text) for pixel_hash, vector in vectors.items()}
    assert [photo["photo_id"] for photo in reply["hits"]] == sorted(cosines, key=lambda each: -cosines[each])
    for photo in reply["hits"]:
        assert photo["meaning"] == pytest.approx(cosines[photo["photo_id"]], abs=1e-3)


def test_hybrid_puts_a_photo_found_by_its_words_before_the_others(client: TestClient) -> None:
    reply = search(client, text="blue square beside the sea")
    assert reply["mode"] == "hybrid"
    assert reply["hits"][0]["file_name"] == "blue.png"
    assert reply["hits"][0]["words"] > 0


def test_negative_text_changes_the_order(client: TestClient) -> None:
    plain = search(client, text="circle", mode="meaning")
    without = search(client, text="circle", mode="meaning", negative_texts=[{"text": "yellow sky", "weight": 3}])
    assert [photo["meaning"] for photo in plain["hits"]] != [photo["meaning"] for photo in without["hits"]]


def test_more_like_a_photo_leaves_it_out(client: TestClient, small: SmallLibrary) -> None:
    photo_id = small.photo_id("red.jpg")
    reply = search(client, photos=[{"photo_id": photo_id}])
    assert reply["total"] == 7
    assert photo_id not in [photo["photo_id"] for photo in reply["hits"]]
    similar = client.get(f"/api/v1/images/{photo_id}/similar", params={"limit": 3}).json()
    assert [photo["photo_id"] for photo in similar["hits"]] == [photo["photo_id"] for photo in reply["hits"][:3]]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"cameras": ["Canon EOS R5"], "taken_to": "2023-06-30"}, {"red.jpg"}),
        ({"formats": ["PNG"]}, {"blue.png"}),
        ({"orientations": ["portrait"]}, {"blue.png", "white.jpg"}),
        ({"undated": True}, set()),
        ({"taken_from": "2025-01-01"}, {"blue.png"}),
        ({"iso_min": 300}, set()),
    ],
)
def test_filters_narrow(client: TestClient, filters: dict[str, Any], found: set[str]) -> None:
    assert set(names(search(client, filters=filters))) == found


def test_a_folder_stands_for_everything_below_it(client: TestClient, small: SmallLibrary) -> None:
    reply = search(client, filters={"folder": str(small.photos / "Lisbon 2023")})
    assert set(names(reply)) >= {"red.jpg", "green.jpg", "blue.png", "orange größe.jpg"}
    assert "violet.jpg" not in names(reply)
    facets = client.get("/api/v1/browse/facets").json()
    assert {"value": str(small.photos), "label": "Photos", "count": 8} in facets["folders"]
    assert {facet["value"] for facet in facets["cameras"]} == {"Canon EOS R5", "FUJIFILM X-T5"}


def upload(client: TestClient, data: bytes, query: dict[str, Any] | None = None) -> Any:
    fields = {"query": json.dumps(query)} if query is not None else {}
    return client.post("/api/v1/search/image", files={"image": ("dropped.bin", data)}, data=fields)


def test_a_picture_finds_the_photo_it_is_a_copy_of(client: TestClient, small: SmallLibrary) -> None:
    with Image.open(small.photos / "Garden/violet.jpg") as photo:
        buffer = io.BytesIO()
        photo.resize((400, 300)).save(buffer, "WEBP", quality=70)
    reply = upload(client, buffer.getvalue())
    assert reply.status_code == 200, reply.text
    assert reply.json()["hits"][0]["file_name"] == "violet.jpg"
    assert reply.json()["hits"][0]["meaning"] > 0.9


def test_a_picture_goes_together_with_words_and_filters(client: TestClient, small: SmallLibrary) -> None:
    data = (small.photos / "Garden/violet.jpg").read_bytes()
    reply = upload(client, data, {"text": "sea", "image_weights": [0.5], "filters": {"formats": ["PNG"]}})
    assert names(reply.json()) == ["blue.png"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "EMPTY_FILE"),
        (b"just some text, no picture at all", "NOT_AN_IMAGE"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 64, None),
    ],
)
def test_what_is_no_picture_is_refused_and_the_next_one_is_read(
    client: TestClient, small: SmallLibrary, data: bytes, code: str | None
) -> None:
    reply = upload(client, data)
    assert reply.status_code in (413, 415, 422)
    assert code is None or reply.json()["error"]["code"] == code
    assert upload(client, (small.photos / "Garden/pink.jpg").read_bytes()).status_code == 200


def test_a_picture_of_too_many_pixels_is_refused(client: TestClient) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((30_000, 30_000), np.uint8)).save(buffer, "PNG", compress_level=9)
    assert upload(client, buffer.getvalue()).json()["error"]["code"] == "TOO_LARGE"


def test_words_that_the_model_does_not_know_are_named(client: TestClient) -> None:
    reply = client.post("/api/v1/search", json={"text": "zeppelin", "mode": "meaning"})
    assert reply.status_code == 422
    assert reply.json()["error"]["code"] == "QUERY_WORDS_UNKNOWN"
    partly = search(client, text="red zeppelin")
    assert [warning["code"] for warning in partly["warnings"]] == ["QUERY_WORDS_UNKNOWN"]


def test_counts_say_how_much_can_be_searched(client: TestClient) -> None:
    reply = search(client, text="red")
    assert (reply["photos"], reply["searchable"]) == (8, 8)
    assert reply["took_ms"] > 0


# The query language, trees of filters, cursors


def test_the_query_language_answers_by_get_and_by_post(client: TestClient) -> None:
    assert names(search(client, q='camera:"eos r5" until:2023-06')) == ["red.jpg"]
    by_get = client.get("/api/v1/search", params={"q": "is:portrait -format:png"}).json()
    assert names(by_get) == ["white.jpg"]
    assert names(search(client, q="wall", mode="words")) == ["red.jpg"]
    assert names(search(client, q="-circle", mode="words", sort="oldest"))[0] != "red.jpg"
    assert names(search(client, q="RED.jpg"))[0] == "red.jpg"


def test_a_free_text_is_taken_as_it_is(client: TestClient) -> None:
    reply = client.get("/api/v1/search/text", params={"text": "wall (not: a query", "mode": "words"})
    assert names(reply.json()) == ["red.jpg"]


def test_an_answer_without_photos_says_which_names_are_none(client: TestClient) -> None:
    reply = client.get("/api/v1/browse", params={"cameras": "canon", "tags": "beach"}).json()
    assert reply["total"] == 0
    assert [warning["code"] for warning in reply["warnings"]] == ["FILTER_VALUE_UNKNOWN"] * 2
    said = [warning["message"] for warning in reply["warnings"]]
    assert said == [
        "No photo has the camera 'canon'. Whole names are asked for: Canon EOS R5.",
        "No photo has the tag 'beach'.",
    ]
    assert search(client, text="red", filters={"cameras": ["canon"]})["warnings"][-1]["message"] == said[0]
    known = client.get("/api/v1/browse", params={"cameras": "CANON EOS R5", "formats": "PNG"}).json()
    assert (known["total"], known["warnings"]) == (0, [])
    assert "camera:nikon" in str(client.get("/api/v1/openapi.json").json()["paths"]["/api/v1/browse"])


def test_errors_of_a_query_say_where(client: TestClient) -> None:
    reply = client.post("/api/v1/search", json={"q": "beach camra:canon"})
    assert reply.status_code == 422
    error = reply.json()["error"]
    assert error["code"] == "QUERY_INVALID"
    assert error["details"] == {"position": 6, "length": 6, "suggestion": "camera:"}


def test_a_tree_of_filters_narrows(client: TestClient) -> None:
    tree = {"and": [{"field": "format", "value": ["jpg", "png"]}, {"not": {"field": "is", "value": "landscape"}}]}
    assert set(names(search(client, filter=tree))) == {"blue.png", "white.jpg"}
    assert search(client, filter={"field": "width", "op": ">=", "value": 1})["total"] == 8
    for wrong in (
        {},
        {"field": "iso"},
        {"field": "camra", "value": "x"},
        {"and": [], "or": []},
        {"field": "iso", "value": "fast"},
    ):
        reply = client.post("/api/v1/search", json={"filter": wrong})
        assert (reply.status_code, reply.json()["error"]["code"]) == (422, "INVALID_REQUEST"), wrong


def test_cursors_lead_through_all_pages(client: TestClient) -> None:
    for query in ({}, {"text": "circle", "mode": "meaning"}, {"text": "circle"}):
        whole = names(search(client, **query, limit=8))
        found, cursor = [], None
        while True:
            reply = search(client, **query, limit=3, **({"cursor": cursor} if cursor else {}))
            found += names(reply)
            cursor = reply["cursor"]
            if cursor is None:
                break
        assert found == whole
    gone = client.post("/api/v1/search", json={"cursor": "x"})
    assert gone.json()["error"]["code"] == "INVALID_REQUEST"


def test_several_pictures_are_weighed(client: TestClient, small: SmallLibrary) -> None:
    red, blue = (next(small.photos.rglob(name)).read_bytes() for name in ("red.jpg", "blue.png"))
    files = [("image", ("a", red)), ("image", ("b", blue))]
    both = client.post("/api/v1/search/image", files=files, data={"query": json.dumps({"image_weights": [1, 0.01]})})
    assert names(both.json())[0] == "red.jpg"
    against = client.post("/api/v1/search/image", files=files, data={"query": json.dumps({"image_weights": [1, -0.5]})})
    assert [hit["meaning"] for hit in both.json()["hits"]] != [hit["meaning"] for hit in against.json()["hits"]]
    wrong = client.post("/api/v1/search/image", files=files[:1], data={"query": json.dumps({"image_weights": [1, 1]})})
    assert wrong.status_code == 422


# What photos have in common, chance, what may be typed


def test_facets_of_a_search_count_what_it_finds(client: TestClient) -> None:
    found = client.post("/api/v1/search/facets", json={"q": "format:jpg"}).json()
    assert found["total"] == search(client, q="format:jpg")["total"] == 7
    assert {facet["value"]: facet["count"] for facet in found["formats"]} == {"JPEG": 7}
    assert sum(month["count"] for month in found["months"]) + found["undated"] == 7
    ranked = client.post("/api/v1/search/facets", json={"text": "wall", "mode": "words"}).json()
    assert ranked["total"] == 1
    refused = client.post("/api/v1/search/facets", json={"q": "(("})
    assert refused.json()["error"]["code"] == "QUERY_INVALID"


def test_the_library_is_browsed_by_date_and_by_folder(client: TestClient, small: SmallLibrary) -> None:
    years = client.get("/api/v1/browse/timeline", params={"by": "year"}).json()
    assert sum(year["count"] for year in years["periods"]) + years["undated"] == years["total"] == 8
    narrowed = client.get("/api/v1/browse/timeline", params={"by": "day", "cameras": "canon eos r5"}).json()
    assert all(len(day["period"]) == 10 for day in narrowed["periods"])
    below = client.get("/api/v1/browse/folders", params={"parent": str(small.photos)}).json()
    assert [folder["path"] for folder in below["folders"]] == sorted(
        str(path) for path in small.photos.iterdir() if path.is_dir()
    )
    assert client.get("/api/v1/browse/folders").json()["folders"]


def test_photos_by_chance_fit_the_query(client: TestClient) -> None:
    drawn = client.get("/api/v1/random", params={"count": 3, "seed": 5, "q": "format:jpg"}).json()["photos"]
    assert len({photo["photo_id"] for photo in drawn}) == 3
    assert {photo["format"] for photo in drawn} == {"JPEG"}
    again = client.get("/api/v1/random", params={"count": 3, "seed": 5, "q": "format:jpg"}).json()["photos"]
    assert again == drawn
    whole = {"filters": {"formats": ["PNG"]}, "sort": "newest"}
    of_a_search = client.post("/api/v1/random", params={"count": 50}, json=whole).json()["photos"]
    assert {photo["format"] for photo in of_a_search} == {"PNG"}


def test_suggestions_name_fields_and_values(client: TestClient) -> None:
    found = client.get("/api/v1/search/suggest", params={"text": "wall cam"}).json()["suggestions"]
    assert (found[0]["insert"], found[0]["start"], found[0]["length"]) == ("camera:", 5, 3)
    cameras = client.get("/api/v1/search/suggest", params={"text": "camera:can"}).json()["suggestions"]
    assert cameras[0]["insert"] == '"Canon EOS R5"'
    assert cameras[0]["count"] >= 1
