"""The Python client against the real app over the network."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from running_app import free_port, serving, wait_until
from small_library import SmallLibrary

from demo.evidence import distinct_cards
from resources import keys
from search_api import client
from search_api.client import Loupe, LoupeApiError


@pytest.fixture(scope="module")
def served(postcards: SmallLibrary, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("served") / "home"
    shutil.copytree(postcards.settings.home, home, ignore=shutil.ignore_patterns("run", "*.lock", "challenge.jsonl"))
    port = free_port()
    with serving(postcards.settings.model_copy(update={"home": home, "port": port})):
        url = f"http://localhost:{port}"
        with Loupe(url) as loupe:
            wait_until(lambda: loupe.get("/health/ready")["model"] == "ready")
            wait_until(lambda: loupe.get("/status")["index"]["embedded"] == 24)
        yield url


@pytest.fixture
def loupe(served: str) -> Iterator[Loupe]:
    with Loupe(served) as made:
        yield made


CARDS = distinct_cards(24, 7, held_out=False)


def test_photos_are_found_and_paged_through(loupe: Loupe, postcards: SmallLibrary) -> None:
    found = loupe.search("filename:card_05")
    assert found.photo_ids == [postcards.photo_id("card_05.jpg")]
    assert found.hits[0]["file_name"] == "card_05.jpg"
    by_content = loupe.search(text=CARDS[5].caption, mode="meaning", limit=5)
    assert postcards.photo_id("card_05.jpg") in by_content.photo_ids
    everything = [hit["photo_id"] for hit in loupe.search_all()]
    assert len(everything) == len(set(everything)) == 24
    assert len(list(loupe.search_all(most=7))) == 7
    similar = loupe.similar(everything[0], limit=3)
    assert len(similar) == 3
    picture = (postcards.photos / "card_02.jpg").read_bytes()
    assert loupe.search_with_picture(picture, limit=1).photo_ids == [postcards.photo_id("card_02.jpg")]


def test_vectors_are_arrays_of_one_space(loupe: Loupe, postcards: SmallLibrary) -> None:
    ids = [postcards.photo_id(f"card_{at:02d}.jpg") for at in range(24)]
    known, vectors = loupe.vectors(ids)
    assert known == ids
    assert (vectors.shape[0], vectors.dtype) == (24, np.float32)
    texts = loupe.embed_texts([card.caption for card in CARDS])
    assert texts.shape == vectors.shape
    assert ((texts @ vectors.T).argmax(1) == np.arange(24)).mean() >= 0.8
    one = loupe.embed_pictures([postcards.photos / "card_03.jpg"])
    assert one[0] @ vectors[3] > 0.99
    assert CARDS[3].subject in loupe.caption([postcards.photos / "card_03.jpg"])[0]
    assert loupe.capabilities()["encoder"]["dim"] == vectors.shape[1]


def test_of_nothing_there_are_no_rows_of_the_same_length(loupe: Loupe) -> None:
    dim = loupe.capabilities()["encoder"]["dim"]
    assert loupe.embed_texts([]).shape == loupe.embed_pictures([]).shape == (0, dim)
    assert loupe.caption([]) == []


def test_pages_after_one_that_begins_further_down_go_on_from_it(loupe: Loupe, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = [hit["photo_id"] for hit in loupe.search_all(sort="newest")]
    monkeypatch.setattr(client, "_PAGE", 5)
    assert [hit["photo_id"] for hit in loupe.search_all(sort="newest", offset=3)] == everything[3:]


def test_pictures_that_are_too_much_for_one_request_are_sent_in_several(loupe: Loupe, postcards: SmallLibrary) -> None:
    picture = (postcards.photos / "card_03.jpg").read_bytes()
    large = picture + bytes(loupe.capabilities()["most_bytes"] // 2)  # what stands behind a JPEG's end is passed over
    with_large = loupe.embed_pictures([picture, large, large, picture])
    assert np.allclose(with_large, loupe.embed_pictures([picture])[0], atol=1e-4)
    with pytest.raises(LoupeApiError, match="TOO_LARGE"):
        loupe.embed_pictures([large + large])


def test_tags_and_pictures_of_a_photo(loupe: Loupe, postcards: SmallLibrary, tmp_path: Path) -> None:
    photo_id = postcards.photo_id("card_07.jpg")
    assert loupe.add_tags(photo_id, "drawn", "Places|Sea") == ["Places|Sea", "drawn"]
    assert loupe.remove_tags(photo_id, "drawn") == loupe.tags(photo_id) == ["Places|Sea"]
    wait_until(lambda: loupe.search('tag:"Places|Sea"').photo_ids == [photo_id])
    assert loupe.photo(photo_id)["photo_id"] == photo_id
    assert loupe.thumbnail(photo_id)[:3] == loupe.preview(photo_id)[:3] == b"\xff\xd8\xff"
    loupe.download(photo_id, tmp_path / "copy.jpg")
    assert (tmp_path / "copy.jpg").read_bytes() == (postcards.photos / "card_07.jpg").read_bytes()


def test_a_folder_is_sent_whole_and_only_once(loupe: Loupe, tmp_path: Path) -> None:
    (tmp_path / "New/Deep").mkdir(parents=True)
    for name in ("New/a.jpg", "New/Deep/b.jpg"):
        CARDS[0 if "a" in name else 1].draw(200, 150).save(tmp_path / name)
    (tmp_path / "New/notes.txt").write_text("no photo")
    sent = {each["name"]: each["status"] for each in loupe.upload(tmp_path / "New")}
    assert sent == {"Deep/b.jpg": "stored", "a.jpg": "stored", "notes.txt": "refused"}
    assert {each["status"] for each in loupe.upload(tmp_path / "New")} == {"same", "refused"}


def test_errors_are_exceptions_with_a_code(loupe: Loupe, tmp_path: Path) -> None:
    with pytest.raises(LoupeApiError) as unknown:
        loupe.photo("00000000-0000-0000-0000-000000000000")
    assert (unknown.value.code, unknown.value.status) == ("PHOTO_NOT_FOUND", 404)
    with pytest.raises(LoupeApiError) as wrong:
        loupe.search("rating:many")
    assert wrong.value.code == "QUERY_INVALID"
    assert "position" in wrong.value.details
    with pytest.raises(LoupeApiError, match="NOT_AN_IMAGE"):
        loupe.embed_pictures([b"<html>"])
    with pytest.raises(LoupeApiError) as gone:
        loupe.download("00000000-0000-0000-0000-000000000000", io.BytesIO())
    assert gone.value.status == 404
    (tmp_path / "copy.jpg").write_bytes(b"as it was")
    with pytest.raises(LoupeApiError):
        loupe.download("00000000-0000-0000-0000-000000000000", tmp_path / "copy.jpg")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"as it was"]


def test_what_is_refused_for_a_moment_is_downloaded_then(postcards: SmallLibrary, tmp_path: Path) -> None:
    """Keys are asked for, and a key may ask once a second."""
    own = postcards.copied(tmp_path / "home")
    key = keys.create(own.library.manifest, own.library.home, "reader", frozenset(["read"]), None).text
    changed = {"require_keys": True, "requests_per_s": 1.0, "requests_at_once": 1, "port": free_port()}
    settings = own.settings.model_copy(update=changed)
    photo_id = own.photo_id("card_07.jpg")
    with serving(settings), Loupe(f"http://localhost:{settings.port}", key) as loupe:
        for name in ("first.jpg", "second.jpg"):
            loupe.download(photo_id, tmp_path / name)
            assert (tmp_path / name).read_bytes() == (own.photos / "card_07.jpg").read_bytes()
        with (
            Loupe(f"http://localhost:{settings.port}", key, patience_s=0) as hasty,
            pytest.raises(LoupeApiError) as refused,
        ):
            hasty.download(photo_id, tmp_path / "third.jpg")
    assert refused.value.code == "TOO_MANY_REQUESTS"


def test_a_wrong_key_is_said(served: str) -> None:
    with Loupe(served, key="loupe_none") as stranger, pytest.raises(LoupeApiError) as refused:
        stranger.search()
    assert refused.value.code == "KEY_INVALID"


def test_one_text_is_no_list_of_letters_and_nobody_there_is_said() -> None:
    with Loupe(f"http://127.0.0.1:{free_port()}") as loupe:
        with pytest.raises(TypeError, match="list of texts"):
            loupe.embed_texts("dog")
        with pytest.raises(LoupeApiError, match="loupe up") as refused:
            loupe.search("dog")
    assert (refused.value.code, refused.value.status) == ("UNREACHABLE", 0)
