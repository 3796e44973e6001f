"""Fetching, against a small server that speaks the hub's protocol on this machine."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from small_models import random_images, write_tiny_blip, write_tiny_clip

from resources.errors import LoupeError
from resources.models import (
    FetchProgress,
    GpuResource,
    available,
    clip_preset,
    clip_spec,
    fetch,
    load_captioner,
    load_clip,
)
from resources.settings import Settings


def commit_of(repo: str) -> str:
    return hashlib.sha1(repo.encode()).hexdigest()


COMMIT = commit_of("timm/ViT-B-32-SigLIP2-256")


class Hub:
    """Repositories as folders, served by the hub's listing and resolve routes."""

    def __init__(self) -> None:
        self.repos: dict[str, Path] = {}
        self.declared_sizes: dict[str, int] = {}
        self.cut: set[str] = set()
        self.asked: list[str] = []
        self.sent: list[str] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                hub.answer(self, body=True)

            def do_HEAD(self) -> None:
                hub.answer(self, body=False)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler, body: bool) -> None:
        path = request.path.split("?")[0]
        self.asked.append(path)
        for repo, folder in self.repos.items():
            if path.startswith(f"/api/models/{repo}/revision/"):
                files = [self.entry(folder, file, "rfilename") for file in sorted(folder.iterdir())]
                return self.send_json(request, {"id": repo, "sha": commit_of(repo), "siblings": files})
            if path.startswith(f"/api/models/{repo}/tree/"):
                return self.send_json(
                    request, [{"type": "file"} | self.entry(folder, file, "path") for file in sorted(folder.iterdir())]
                )
            if path.startswith(f"/{repo}/resolve/{commit_of(repo)}/"):
                return self.send_file(request, repo, folder / path.rsplit("/", 1)[1], body)
        request.send_response(404)
        request.send_header("X-Error-Code", "RepoNotFound")
        request.send_header("Content-Length", "0")
        request.end_headers()
        return None

    def entry(self, folder: Path, file: Path, key: str) -> dict[str, Any]:
        content = file.read_bytes()
        size = self.declared_sizes.get(file.name, len(content))
        entry: dict[str, Any] = {key: file.name, "size": size, "oid": hashlib.sha1(content).hexdigest()}
        entry["blobId"] = entry["oid"]
        if file.suffix in (".safetensors", ".bin"):
            sha256 = hashlib.sha256(content).hexdigest()
            entry["lfs"] = {"size": size, "sha256": sha256, "oid": sha256, "pointerSize": 134}
        return entry

    def send_json(self, request: BaseHTTPRequestHandler, content: Any) -> None:
        text = json.dumps(content).encode()
        request.send_response(200)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(text)))
        request.end_headers()
        request.wfile.write(text)

    def send_file(self, request: BaseHTTPRequestHandler, repo: str, file: Path, body: bool) -> None:
        content = file.read_bytes()
        etag = hashlib.sha256(content).hexdigest()
        if file.name in self.cut:
            content = content[:-10] + b"0123456789"
        request.send_response(200)
        request.send_header("ETag", f'"{etag}"')
        request.send_header("X-Repo-Commit", commit_of(repo))
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        if body:
            self.sent.append(file.name)
            request.wfile.write(content)


@pytest.fixture
def hub() -> Iterator[Hub]:
    started = Hub()
    yield started
    started.server.shutdown()
    started.server.server_close()


@pytest.fixture
def settings(tmp_path: Path, hub: Hub, no_network: list[Any]) -> Settings:
    return Settings(home=tmp_path / "home", device="cpu", dtype="fp32", hub_url=hub.url)


@pytest.fixture
def clip_repo(tmp_path: Path, hub: Hub) -> Path:
    """A repository as the default preset's: weights twice, tokenizer, configuration, and things not wanted."""
    import torch

    folder = tmp_path / "hub" / "clip"
    model = write_tiny_clip(folder)
    torch.save(model.state_dict(), folder / "open_clip_pytorch_model.bin")
    (folder / "README.md").write_text("a model card")
    (folder / "training.log").write_text("not wanted")
    preset = clip_preset()
    assert preset.repo is not None
    hub.repos[preset.repo] = folder
    return folder


def test_brings_one_whole_folder_that_loads(settings: Settings, clip_repo: Path, gpu: GpuResource) -> None:
    folder = fetch(settings, "siglip2-b32")
    assert folder == settings.home / "models" / "siglip2-b32"
    assert {path.name for path in folder.iterdir()} == {
        "README.md",
        "loupe-model.json",
        "open_clip_config.json",
        "open_clip_model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    record = json.loads((folder / "loupe-model.json").read_text())
    assert record["revision"] == COMMIT
    assert record["requested_revision"] == clip_preset().revision
    weights = (folder / "open_clip_model.safetensors").read_bytes()
    assert record["files"]["open_clip_model.safetensors"]["sha256"] == hashlib.sha256(weights).hexdigest()
    assert clip_spec(settings).revision == COMMIT
    encoder = load_clip(settings, None, gpu)
    assert encoder.embed_texts(["a red boat"]).shape == (1, 32)
    assert encoder.embed_images(random_images(1, 32)).shape == (1, 32)
    status = next(one for one in available(settings) if one.preset.name == "siglip2-b32")
    assert status.fetched
    assert status.bytes == sum(path.stat().st_size for path in folder.iterdir())


def test_says_the_size_before_it_downloads(settings: Settings, clip_repo: Path, hub: Hub) -> None:
    heard: list[FetchProgress] = []
    asked_at_size: list[str] = []

    def listen(progress: FetchProgress) -> None:
        heard.append(progress)
        if progress.stage == "size":
            asked_at_size.extend(hub.asked)

    folder = fetch(settings, "siglip2-b32", progress=listen)
    assert heard[0].stage == "size"
    assert heard[-1].stage == "done"
    assert not any("resolve" in path for path in asked_at_size)
    brought = [path for path in folder.iterdir() if path.name != "loupe-model.json"]
    assert heard[0].bytes_total == sum(path.stat().st_size for path in brought)


def test_complete_model_is_not_asked_for_again(settings: Settings, clip_repo: Path, hub: Hub) -> None:
    fetch(settings, "siglip2-b32")
    hub.asked.clear()
    fetch(settings, "siglip2-b32")
    assert hub.asked == []


def test_damaged_copy_is_replaced(settings: Settings, clip_repo: Path) -> None:
    folder = fetch(settings, "siglip2-b32")
    weights = folder / "open_clip_model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:100])
    fetch(settings, "siglip2-b32")
    assert weights.read_bytes() == whole
    assert {path.name for path in folder.parent.iterdir()} == {"siglip2-b32", ".siglip2-b32.lock"}


def test_bytes_that_differ_from_the_listing_are_refused(settings: Settings, clip_repo: Path, hub: Hub) -> None:
    hub.cut.add("open_clip_model.safetensors")
    with pytest.raises(LoupeError, match=r"open_clip_model\.safetensors") as caught:
        fetch(settings, "siglip2-b32")
    assert caught.value.code == "MODEL_FILES_INVALID"
    assert not (settings.home / "models" / "siglip2-b32").exists()
    hub.cut.clear()
    hub.sent.clear()
    assert (fetch(settings, "siglip2-b32") / "open_clip_model.safetensors").exists()
    assert hub.sent == ["open_clip_model.safetensors"]  # what had arrived whole is not brought again


def test_full_disk_is_told_before_the_download(settings: Settings, clip_repo: Path, hub: Hub) -> None:
    hub.declared_sizes["open_clip_model.safetensors"] = 10**15
    with pytest.raises(LoupeError, match="--to") as caught:
        fetch(settings, "siglip2-b32")
    assert caught.value.code == "DISK_FULL"
    assert caught.value.details["needed_bytes"] > 10**15
    assert not any("resolve" in path for path in hub.asked)


def test_unreachable_hub_says_what_to_do_without_a_network(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(LoupeError, match="copy DIR/siglip2-b32 into models/") as caught:
        fetch(Settings(home=tmp_path, hub_url=nobody), "siglip2-b32")
    assert caught.value.code == "HUB_UNREACHABLE"
    assert not (tmp_path / "models" / "siglip2-b32").exists()


def test_offline_switch_of_the_hub_client_is_respected(settings: Settings, clip_repo: Path) -> None:
    code = (
        "from resources.errors import LoupeError\nfrom resources.models import fetch\n"
        "from resources.settings import Settings\n"
        f"settings = Settings(home={str(settings.home)!r}, hub_url={settings.hub_url!r})\n"
        "try:\n    fetch(settings, 'siglip2-b32')\nexcept LoupeError as error:\n    print(error.code)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], env={"HF_HUB_OFFLINE": "1"}, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "HUB_UNREACHABLE"


def test_repository_that_does_not_exist(settings: Settings) -> None:
    with pytest.raises(LoupeError, match="no-such/captioner") as caught:
        fetch(settings, "no-such/captioner")
    assert caught.value.code == "MODEL_UNKNOWN"


def test_folder_fetched_elsewhere_works_after_copying(
    settings: Settings, clip_repo: Path, tmp_path: Path, gpu: GpuResource
) -> None:
    portable = fetch(settings, "siglip2-b32", to=tmp_path / "stick")
    assert portable == tmp_path / "stick" / "siglip2-b32"
    offline = Settings(home=tmp_path / "offline", device="cpu", dtype="fp32")
    (offline.home / "models").mkdir(parents=True)
    portable.rename(offline.home / "models" / "siglip2-b32")
    assert clip_spec(offline).revision == COMMIT
    assert load_clip(offline, None, gpu).embed_texts(["a cat"]).shape == (1, 32)


def test_captioner_by_repository_records_the_commit_it_resolved(
    settings: Settings, hub: Hub, tmp_path: Path, gpu: GpuResource
) -> None:
    hub.repos["someone/captions"] = tmp_path / "hub" / "captions"
    write_tiny_blip(hub.repos["someone/captions"])
    folder = fetch(settings, "someone/captions")
    assert folder.name == "someone--captions"
    record = json.loads((folder / "loupe-model.json").read_text())
    assert (record["requested_revision"], record["revision"]) == ("main", commit_of("someone/captions"))
    captioner = load_captioner(settings, "someone/captions", gpu)
    assert captioner.revision == commit_of("someone/captions")
    assert len(captioner.caption(random_images(2, 32))) == 2


def test_tokenizer_kept_in_another_repository_is_brought_too(
    settings: Settings, clip_repo: Path, hub: Hub, tmp_path: Path, gpu: GpuResource
) -> None:
    elsewhere = tmp_path / "hub" / "tokenizer"
    elsewhere.mkdir()
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (clip_repo / name).rename(elsewhere / name)
    config = json.loads((clip_repo / "open_clip_config.json").read_text())
    config["model_cfg"]["text_cfg"]["hf_tokenizer_name"] = "someone/tokenizer"
    (clip_repo / "open_clip_config.json").write_text(json.dumps(config))
    hub.repos["someone/tokenizer"] = elsewhere
    folder = fetch(settings, "siglip2-b32")
    assert (folder / "tokenizer.json").exists()
    assert load_clip(settings, None, gpu).unknown_words("a zeppelin") == ["zeppelin"]


def test_repository_without_weights_is_refused(settings: Settings, clip_repo: Path) -> None:
    for name in ("open_clip_model.safetensors", "open_clip_pytorch_model.bin"):
        (clip_repo / name).unlink()
    with pytest.raises(LoupeError, match="no weights") as caught:
        fetch(settings, "siglip2-b32")
    assert caught.value.code == "MODEL_FILES_INVALID"
