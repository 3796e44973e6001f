"""The challenge over HTTP: the demo's model ranks what its own captions say far above chance; results stay at home."""

from __future__ import annotations

import json
from pathlib import Path

from fastapi.testclient import TestClient
from small_library import SmallLibrary

from demo.evidence import distinct_cards
from resources.challenge_results import ChallengeResults
from resources.home import Home


def test_ten_rounds_give_a_score_against_chance(postcards_client: TestClient, postcards: SmallLibrary) -> None:
    cards = distinct_cards(24, 7, held_out=False)
    captions = {postcards.photo_id(f"card_{at:02d}.jpg"): card.caption for at, card in enumerate(cards)}
    for _ in range(11):
        begun = postcards_client.post("/api/v1/challenge/rounds")
        assert begun.status_code == 201, begun.text
        content = begun.json()
        assert content["candidates"] == 24
        assert postcards_client.get(content["preview_url"]).headers["content-type"] == "image/jpeg"
        photo_id = content["preview_url"].split("/")[4]
        address = f"/api/v1/challenge/rounds/{content['token']}"
        unknown = postcards_client.post(address, json={"text": "xylophone"})
        assert unknown.json()["error"]["code"] == "QUERY_WORDS_UNKNOWN"
        answered = postcards_client.post(address, json={"text": captions[photo_id]}).json()
        assert answered["photo_id"] == photo_id
        assert 1 <= answered["rank"] <= 24
        again = postcards_client.post(address, json={"text": captions[photo_id]})
        assert (again.status_code, again.json()["error"]["code"]) == (410, "CHALLENGE_ROUND_GONE")
    scores = postcards_client.get("/api/v1/challenge").json()
    assert (scores["rounds"], scores["candidates"], len(scores["ranks"])) == (10, 24, 10)
    assert scores["median_rank"] <= 2 < scores["chance_median_rank"] == 12.5
    assert scores["top_10"] >= 0.9 > scores["chance_top_10"]
    written = (postcards.settings.home / "challenge.jsonl").read_text()
    assert len(written.splitlines()) == 11
    assert not [caption for caption in captions.values() if caption in written], "what was said is not kept"


def test_too_few_photos_make_no_challenge(client: TestClient) -> None:
    reply = client.post("/api/v1/challenge/rounds")
    assert reply.json()["error"]["code"] == "DIR_EMPTY"
    assert client.get("/api/v1/challenge").json()["median_rank"] is None


def test_a_line_that_was_cut_off_costs_only_itself(tmp_path: Path) -> None:
    results = ChallengeResults(Home(tmp_path))
    assert results.of_model("m", 10) == []
    made = [results.add("m", f"photo {rank}", rank, 20) for rank in range(1, 13)]
    results.add("other", "photo", 1, 20)
    with (tmp_path / "challenge.jsonl").open("a") as stream:
        stream.write(json.dumps({"at": "2026"})[:-4])
    assert results.of_model("m", 10) == made[-10:]
