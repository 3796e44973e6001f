"""The `loupe` command: what each prints, and the code and exit status of each thing that can go wrong."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
import structlog
from command_line import Ended, Loupe, command
from related_photos import PEOPLE, draw_related

Draw = Callable[..., list[Path]]


@pytest.fixture
def loupe(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[Callable[..., Ended]]:
    monkeypatch.setenv("LOUPE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOUPE_DECODE_WORKERS", "1")

    yield command(monkeypatch, capfd)
    structlog.reset_defaults()  # commands log to a standard error that is closed after this test


def test_ingest_then_search_status_and_failures_in_json(loupe: Loupe, tmp_path: Path, draw_photos: Draw) -> None:
    draw_photos(tmp_path / "photos", 4)
    (tmp_path / "photos" / "broken.jpg").write_bytes(b"\xff\xd8\xff" + bytes(50))
    (tmp_path / "photos" / "notes.txt").write_text("not a photo")
    taken = loupe("ingest", str(tmp_path / "photos"), "--model", "demo-postcards", "--captions", "now", "--json")
    assert taken.status == 0, taken.err
    names = ("decoded", "embedded", "captioned", "known", "failed", "skipped", "left")
    assert [taken.json[name] for name in names] == [4, 4, 4, 0, 1, 1, 0]

    found = loupe("search", "a house", "--json", "--limit", "2").json
    assert len(found["results"]) == 2
    assert all(Path(hit["path"]).exists() and hit["caption"] for hit in found["results"])
    assert (found["searchable"], found["photos"]) == (4, 4)

    status = loupe("status", "--json").json
    wanted = {"files": 6, "photos": 4, "decoded": 4, "embeddings": 4, "captions": 4, "points": 4, "failures": 1}
    assert {name: status[name] for name in wanted} == wanted
    assert status["models"]["clip"]["name"] == "demo-postcards"
    assert status["index"]["state"] == "ready"

    failed = loupe("failures", "--json").json
    assert failed["total"] == 1
    assert failed["failures"][0]["path"].endswith("broken.jpg")
    assert failed["failures"][0]["message"]


def test_search_paths_end_with_nul_for_xargs(loupe: Loupe, tmp_path: Path, draw_photos: Draw) -> None:
    draw_photos(tmp_path / "photos", 2)
    loupe("ingest", str(tmp_path / "photos"), "--model", "demo-postcards")
    found = loupe("search", "a tree", "--paths", "-0")
    paths = found.out.split("\0")
    assert len(paths) == 3
    assert paths[-1] == ""
    assert all(Path(path).exists() for path in paths[:2])


def test_search_by_a_picture_finds_that_picture_first(loupe: Loupe, tmp_path: Path, draw_photos: Draw) -> None:
    wanted = draw_photos(tmp_path / "photos", 5)[3]
    loupe("ingest", str(tmp_path / "photos"), "--model", "demo-postcards")
    found = loupe("search", "--image", str(wanted), "--json").json
    assert found["results"][0]["path"] == str(wanted)


def test_without_a_model_words_work_and_the_command_that_helps_is_named(
    loupe: Loupe, tmp_path: Path, draw_photos: Draw
) -> None:
    draw_photos(tmp_path / "Lofoten", 2)
    taken = loupe("ingest", str(tmp_path / "Lofoten"))
    assert taken.status == 0
    assert "loupe models fetch siglip2-b32" in taken.out
    assert len(loupe("search", "lofoten", "--json").json["results"]) == 2
    refused = loupe("search", "a red boat", "--mode", "meaning", "--json")
    assert (refused.status, refused.json["error"]["code"]) == (69, "SEARCH_BY_CONTENT_OFF")


@pytest.mark.parametrize(
    ("arguments", "code", "status"),
    [
        (("ingest", "{tmp}/absent"), "DIR_NOT_FOUND", 66),
        (("ingest", "{tmp}/empty"), "DIR_EMPTY", 66),
        (("ingest", "{tmp}/file.jpg"), "NOT_A_DIRECTORY", 66),
        (("ingest", "{tmp}/home"), "ROOT_IN_HOME", 64),
        (("ingest", "{tmp}/photos", "--model", "clip-9000"), "MODEL_UNKNOWN", 64),
        (("ingest", "{tmp}/photos", "--model", "siglip2-b32"), "MODEL_NOT_FETCHED", 69),
        (("ingest", "{tmp}/photos", "--captions", "sometimes"), "CONFIG_INVALID", 78),
        (("search",), "EMPTY_QUERY", 64),
        (("search", "--image", "{tmp}/absent.jpg"), "FILE_VANISHED", 66),
        (("search", "boat", "--mode", "magic"), "INVALID_REQUEST", 64),
        (("models", "use", "clip-9000"), "MODEL_UNKNOWN", 64),
        (("models", "check", "siglip2-b32"), "MODEL_NOT_FETCHED", 69),
        (("folders", "remove", "{tmp}/absent"), "ROOT_NOT_FOUND", 66),
        (("frobnicate",), "INVALID_REQUEST", 64),
        (("--frobnicate",), "INVALID_REQUEST", 64),
        (("folders",), "INVALID_REQUEST", 64),
        (("folders", "frobnicate"), "INVALID_REQUEST", 64),
        (("ingest",), "INVALID_REQUEST", 64),
        (("status", "--frobnicate"), "INVALID_REQUEST", 64),
        (("status", "surplus"), "INVALID_REQUEST", 64),
        (("search", "boat", "--limit", "many"), "INVALID_REQUEST", 64),
        (("search", "boat", "--limit", "0"), "INVALID_REQUEST", 64),
        (("up", "--port"), "INVALID_REQUEST", 64),
    ],
)
def test_bad_input_is_a_code_a_sentence_and_an_exit_status(
    loupe: Loupe, tmp_path: Path, draw_photos: Draw, arguments: tuple[str, ...], code: str, status: int
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.jpg").write_bytes(b"")
    draw_photos(tmp_path / "photos", 1)
    loupe("status")  # makes the home
    ended = loupe(*(argument.format(tmp=tmp_path) for argument in arguments))
    assert ended.status == status
    assert ended.err.startswith(f"error [{code}]: ")
    assert "Traceback" not in ended.err
    assert loupe("folders", "list", "--json").json == {"folders": []}


def test_a_usage_error_in_json_has_the_form_of_every_error(loupe: Loupe) -> None:
    refused = loupe("status", "--frobnicate", "--json")
    assert refused.status == 64
    assert refused.json["error"]["code"] == "INVALID_REQUEST"
    assert "--frobnicate" in refused.json["error"]["message"]
    assert "`loupe status --help`" in refused.json["error"]["message"]


def test_a_fault_of_loupes_own_is_an_error_too_and_the_log_has_the_rest(loupe: Loupe, tmp_path: Path) -> None:
    (tmp_path / "home" / "manifest.duckdb").mkdir(parents=True)
    ended = loupe("status", "--json")
    assert (ended.status, ended.json["error"]["code"]) == (70, "INTERNAL"), ended.err
    log = tmp_path / "home" / "logs" / "command-line.log"
    assert ended.err == f"error [INTERNAL]: {ended.json['error']['message']}\n"
    assert str(log) in ended.err
    (line,) = map(json.loads, log.read_text().splitlines())
    assert line["command"] == "status"
    assert "Traceback" in line["exception"]


def test_version_is_told(loupe: Loupe) -> None:
    told = loupe("--version")
    assert (told.status, told.out) == (0, f"loupe {version('loupe-photos')}\n")


@pytest.mark.parametrize("arguments", [(), ("--help",), ("folders", "--help")])
def test_asking_for_help_is_no_error(loupe: Loupe, arguments: tuple[str, ...]) -> None:
    shown = loupe(*arguments)
    assert (shown.status, shown.err) == (0, "")
    assert shown.out.startswith("Usage: loupe")


def test_a_reader_that_goes_away_ends_the_command_quietly(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as closed:
        ended = subprocess.run(
            [sys.executable, "-m", "orchestration.cli", "config"],
            stdout=closed,
            stderr=subprocess.PIPE,
            env={**os.environ, "LOUPE_HOME": str(tmp_path / "home")},
        )
    assert (ended.returncode, ended.stderr) == (141, b"")


def test_nothing_found_is_said_and_no_error(loupe: Loupe, tmp_path: Path, draw_photos: Draw) -> None:
    draw_photos(tmp_path / "photos", 1)
    loupe("ingest", str(tmp_path / "photos"))
    found = loupe("search", "zeppelin", "--mode", "words")
    assert (found.status, found.out) == (0, "")
    assert "Nothing found." in found.err
    assert "of 1 photo is searchable" in found.err


def test_unreachable_hub_says_what_to_do(loupe: Loupe, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setattr(
            "huggingface_hub.constants.ENDPOINT", f"http://127.0.0.1:{closed.getsockname()[1]}", raising=True
        )
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{closed.getsockname()[1]}")
        ended = loupe("models", "fetch", "clip-b32-laion2b")
    assert ended.status == 69
    assert "error [HUB_UNREACHABLE]" in ended.err


def test_taken_port_names_its_holder_and_the_flag(loupe: Loupe) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        ended = loupe("up", "--port", str(held.getsockname()[1]))
    assert ended.status == 69
    assert "error [PORT_TAKEN]" in ended.err
    assert f"(process {os.getpid()})" in ended.err
    assert "--port" in ended.err


def test_config_names_every_setting_with_its_source(loupe: Loupe, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "loupe.toml").write_text("run_photos = 7\n")
    settings = loupe("config", "--json").json
    assert settings["run_photos"]["value"] == 7
    assert settings["run_photos"]["source"] == "loupe.toml"
    assert settings["decode_workers"]["source"] == "environment"
    assert settings["port"]["source"] == "default"
    assert all(row["description"] for row in settings.values())
    (tmp_path / "home" / "loupe.toml").write_text("run_photos = [")
    assert loupe("config").status == 78


def test_doctor_checks_this_machine(loupe: Loupe) -> None:
    ended = loupe("doctor", "--json")
    assert ended.status == 0
    assert {check["name"] for check in ended.json["checks"]} >= {"python", "packages", "home", "disk", "device"}


def test_folders_are_added_listed_and_removed_without_touching_files(
    loupe: Loupe, tmp_path: Path, draw_photos: Draw
) -> None:
    photos = draw_photos(tmp_path / "photos", 2)
    before = [(path.stat().st_mtime_ns, path.read_bytes()) for path in photos]
    assert loupe("folders", "add", str(tmp_path / "photos")).status == 0
    loupe("ingest", str(tmp_path / "photos"), "--model", "demo-postcards")
    (row,) = loupe("folders", "list", "--json").json["folders"]
    assert (row["path"], row["photos"], row["state"]) == (str(tmp_path / "photos"), 2, "online")
    assert loupe("folders", "remove", str(tmp_path / "photos")).status == 0
    assert loupe("folders", "list", "--json").json == {"folders": []}
    assert loupe("search", "a house", "--json").json["results"] == []
    assert [(path.stat().st_mtime_ns, path.read_bytes()) for path in photos] == before


def test_models_list_shows_presets_with_sizes_and_what_is_here(loupe: Loupe) -> None:
    rows = {(row["name"], row["kind"]): row for row in loupe("models", "list", "--json").json["models"]}
    assert rows["siglip2-b32", "clip"]["fetched"] is False
    assert rows["siglip2-b32", "clip"]["download_bytes"] > 100_000_000
    assert rows["demo-postcards", "clip"]["fetched"] is True
    assert not any(row["in_use"] for row in rows.values())


def test_collections_are_created_once(loupe: Loupe) -> None:
    assert loupe("collections", "create", "Best of 2024").status == 0
    assert loupe("collections", "create", "Best of 2024").status == 73
    assert [row["name"] for row in loupe("collections", "list", "--json").json["collections"]] == ["Best of 2024"]


def test_challenge_scores_what_was_described_against_chance(
    loupe: Loupe, tmp_path: Path, draw_photos: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_photos(tmp_path / "photos", 24)
    loupe("ingest", str(tmp_path / "photos"), "--model", "demo-postcards")
    answers = iter(["a red car in a town", "a red xylophone", ""])
    monkeypatch.setattr("rich.console.Console.input", lambda *_: next(answers))
    found = loupe("challenge", "--seconds", "0")
    assert found.status == 0, found.err
    assert "ranks" in found.out
    assert "2 rounds, 24 photos: median rank" in found.out
    assert "chance 12.5" in found.out


def test_search_is_narrowed_by_people_places_labels_and_stacks(loupe: Loupe, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    draw_related(tmp_path / "photos")
    assert loupe("ingest", str(tmp_path / "photos")).status == 0

    def found(*arguments: str) -> list[str]:
        ended = loupe("search", "--json", *arguments)
        assert ended.status == 0, ended.err
        return sorted(hit["file_name"] for hit in ended.json["results"])

    for arguments in (
        ("--person", PEOPLE[0]),
        ("--person", "Nobody", "--person", PEOPLE[1]),
        ("--country", "pt"),
        ("--region", "Lisboa"),
        ("--city", "Lisboa", "--label", "Red"),
        ("harbour", "--mode", "words", "--in-stack"),
    ):
        assert found(*arguments) == ["harbour-edit.jpg"], arguments
    assert found("--in-stack", "--stacks", "all") == ["harbour-edit.jpg", "harbour.jpg"]
    assert found("--motion") == ["live.jpg"]
    assert found("--city", "Nowhere") == []
    assert len(found("--alone")) == 5
    shown = loupe("search", "letter", "--mode", "words").out
    assert "letter.tif  (page 2 of 3)" in shown
    assert "harbour-edit.jpg  (+1)" in loupe("search", "--in-stack").out
    assert loupe("search", "--motion", "--stacks", "some").status == 64


def test_search_takes_the_query_language_and_points_at_mistakes(
    loupe: Loupe, tmp_path: Path, draw_photos: Draw
) -> None:
    drawn = draw_photos(tmp_path / "photos", 3)
    loupe("ingest", str(tmp_path / "photos"))
    every = loupe("search", "format:jpg -file:nothing*", "--all", "--paths").out.splitlines()
    assert sorted(every) == sorted(map(str, drawn))
    one = loupe("search", f"file:{drawn[1].stem}", "--json").json["results"]
    assert [hit["path"] for hit in one] == [str(drawn[1])]
    oldest = loupe("search", "is:landscape OR is:portrait", "--sort", "oldest", "--json").json["results"]
    newest = loupe("search", "is:landscape OR is:portrait", "--sort", "newest", "--json").json["results"]
    assert len(oldest) == 3
    assert {hit["path"] for hit in oldest} == {hit["path"] for hit in newest}
    refused = loupe("search", "beach camra:x")
    assert refused.status == 64
    lines = refused.err.splitlines()
    marked = next(number for number, line in enumerate(lines) if "beach camra:x" in line)
    assert lines[marked + 1].index("^") == lines[marked].index("camra:")
    assert "camera:" in refused.err
