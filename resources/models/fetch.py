"""Bringing a model's files: one portable folder that loads with the network off.

Belongs here: what to bring, how much that is, where it goes, whether it arrived whole. Not here: loading it
(`clip`, `captioner`) or trying it on photographs (`check`).

The folder is in the hub's own layout plus `loupe-model.json`, which records repository, commit and the SHA-256 of
every file. Copy it to `models/` in the home of a machine without a network and it works there.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from resources.errors import LoupeError
from resources.models.identity import RECORD_FILE, WEIGHT_FILES, fetched_folder
from resources.models.presets import (
    CAPTIONERS,
    PRESETS,
    Preset,
    captioner_preset,
    clip_preset,
    model_folder,
)
from resources.settings import Settings

__all__ = ["FetchProgress", "fetch", "preset_by_name"]

_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "*.model",
)
_CONFIG_FILES = {
    "clip": ("open_clip_config.json", "LICENSE*", "README.md"),
    "captioner": (
        "config.json",
        "generation_config.json",
        "preprocessor_config.json",
        "processor_config.json",
        "LICENSE*",
        "README.md",
    ),
}

# Room left on the disk after a fetch, bytes: the manifest and the index must not be the next to fail.
_SPARE_BYTES = 500_000_000

_PROGRESS_INTERVAL_S = 0.5


@dataclass(frozen=True)
class FetchProgress:
    """Where a fetch stands. The first report is `stage` "size", before anything is downloaded."""

    preset: str
    stage: Literal["size", "download", "verify", "done"]
    bytes_done: int
    bytes_total: int
    folder: Path


@dataclass(frozen=True)
class _RemoteFile:
    """One file of a repository at a commit; `sha256` is None for small files, which the hub keeps in git."""

    repo: str
    commit: str
    name: str
    size: int
    sha256: str | None


def preset_by_name(name: str) -> Preset:
    """The image-text preset or captioner of this name or `owner/name`. Raises `MODEL_UNKNOWN`."""
    if name in PRESETS:
        return clip_preset(name)
    if name in CAPTIONERS or "/" in name:
        return captioner_preset(name)
    known = ", ".join(dict.fromkeys([*PRESETS, *CAPTIONERS]))
    raise LoupeError(
        "MODEL_UNKNOWN",
        f"No model is called '{name}'. Choose one of: {known}, or a captioner's hub repository as owner/name.",
        name=name,
    )


def fetch(
    settings: Settings,
    name: str,
    to: Path | None = None,
    progress: Callable[[FetchProgress], None] | None = None,
) -> Path:
    """Brings a model's weights, configuration and tokenizer; answers its folder.

    The folder is `models/<preset>` in the home, or in `to`. It appears complete or not at all; what arrived before
    an interruption is kept and not brought again. A model that is complete already is not asked for again.
    `progress` first hears the size. Raises `MODEL_UNKNOWN`, `DISK_FULL`, `HUB_UNREACHABLE`,
    `MODEL_FILES_INVALID` (what arrived is not what the hub lists).
    """
    from filelock import FileLock

    preset = preset_by_name(name)
    if preset.repo is None:
        return fetched_folder(settings, preset)
    target = model_folder(settings, preset) if to is None else to / model_folder(settings, preset).name
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    with FileLock(target.with_name(f".{target.name}.lock")):
        if _is_complete(target, preset):
            _report(progress, preset, "done", _record_bytes(target), _record_bytes(target), target)
            return target
        files = _files_to_bring(settings, preset, partial)
        total = sum(file.size for file in files)
        _report(progress, preset, "size", 0, total, target)
        _check_disk(preset, target.parent, total - _bytes_in(partial))
        partial.mkdir(exist_ok=True)
        _download(settings, preset, files, partial, total, target, progress)
        _report(progress, preset, "verify", total, total, target)
        record = _verify(preset, files, partial)
        (partial / RECORD_FILE).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        shutil.rmtree(partial / ".cache", ignore_errors=True)
        _replace(partial, target)
    _report(progress, preset, "done", total, total, target)
    return target


def _files_to_bring(settings: Settings, preset: Preset, partial: Path) -> list[_RemoteFile]:
    """The listing at the pinned commit, cut down to configuration, tokenizer and one set of weights."""
    assert preset.repo is not None
    listing = _listing(settings, preset, preset.repo, preset.revision)
    wanted = [
        file
        for file in listing
        if _matches(file.name, _CONFIG_FILES[preset.kind] + _TOKENIZER_FILES)
        or file.name in _weights(preset, {file.name for file in listing})
    ]
    if not any(_matches(file.name, _TOKENIZER_FILES) for file in wanted) and preset.kind == "clip":
        wanted += _tokenizer_elsewhere(settings, preset, wanted, partial)
    return wanted


def _weights(preset: Preset, names: set[str]) -> set[str]:
    """The file or shards of the preferred kind of weights. Raises `MODEL_FILES_INVALID`."""
    for candidate in WEIGHT_FILES[preset.kind]:
        if candidate in names:
            if not candidate.endswith(".index.json"):
                return {candidate}
            stem = re.escape(candidate.removesuffix(".safetensors.index.json"))
            return {name for name in names if re.fullmatch(rf"{stem}-\d+-of-\d+\.safetensors", name)} | {candidate}
    raise LoupeError(
        "MODEL_FILES_INVALID",
        f"The repository {preset.repo} holds no weights that Loupe can load "
        f"({' or '.join(WEIGHT_FILES[preset.kind])}).",
        name=preset.name,
    )


def _tokenizer_elsewhere(
    settings: Settings, preset: Preset, brought: list[_RemoteFile], partial: Path
) -> list[_RemoteFile]:
    """Tokenizer files of the repository that the model's configuration names, when it brings none itself."""
    config = next((file for file in brought if file.name == "open_clip_config.json"), None)
    if config is None:
        return []
    from huggingface_hub import hf_hub_download

    with _hub_errors(preset):
        path = hf_hub_download(
            config.repo,
            config.name,
            revision=config.commit,
            local_dir=partial,
            endpoint=settings.hub_url,
            library_name="loupe",
        )
    text = json.loads(Path(path).read_text(encoding="utf-8")).get("model_cfg", {}).get("text_cfg", {})
    repo = text.get("hf_tokenizer_name")
    if not repo or repo == preset.repo:
        return []
    return [file for file in _listing(settings, preset, repo, "main") if _matches(file.name, _TOKENIZER_FILES)]


def _listing(settings: Settings, preset: Preset, repo: str, revision: str) -> list[_RemoteFile]:
    from huggingface_hub import HfApi

    with _hub_errors(preset):
        info = HfApi(endpoint=settings.hub_url, library_name="loupe").model_info(
            repo, revision=revision, files_metadata=True, timeout=30
        )
    return [
        _RemoteFile(
            repo=repo,
            commit=info.sha or revision,
            name=file.rfilename,
            size=file.size or 0,
            sha256=file.lfs.sha256 if file.lfs else None,
        )
        for file in info.siblings or []
    ]


def _check_disk(preset: Preset, folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + _SPARE_BYTES:
        raise LoupeError(
            "DISK_FULL",
            f"'{preset.name}' needs {_size(needed)} in {folder} and {_size(_SPARE_BYTES)} to spare, but only "
            f"{_size(free)} are free. Make room, or fetch to another disk with --to.",
            needed_bytes=needed,
            free_bytes=free,
        )


def _download(
    settings: Settings,
    preset: Preset,
    files: list[_RemoteFile],
    partial: Path,
    total: int,
    target: Path,
    progress: Callable[[FetchProgress], None] | None,
) -> None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.utils.tqdm import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )

    finished = threading.Event()

    def watch() -> None:
        while not finished.wait(_PROGRESS_INTERVAL_S):
            _report(progress, preset, "download", min(_bytes_in(partial), total), total, target)

    watcher = threading.Thread(target=watch, name="fetch-progress", daemon=True)
    bars_were_off = are_progress_bars_disabled()
    disable_progress_bars()
    watcher.start()
    try:
        for repo, commit in dict.fromkeys((file.repo, file.commit) for file in files):
            with _hub_errors(preset):
                snapshot_download(
                    repo,
                    revision=commit,
                    local_dir=partial,
                    allow_patterns=[file.name for file in files if file.repo == repo],
                    endpoint=settings.hub_url,
                    library_name="loupe",
                )
    finally:
        finished.set()
        watcher.join()
        if not bars_were_off:
            enable_progress_bars()


def _verify(preset: Preset, files: list[_RemoteFile], partial: Path) -> dict[str, Any]:
    """The record of what arrived, after comparing sizes and hashes with the listing."""
    arrived = {}
    for file in files:
        path = partial / file.name
        size = path.stat().st_size if path.is_file() else -1
        digest = _sha256(path) if size == file.size else ""
        if size != file.size or (file.sha256 and digest != file.sha256):
            path.unlink(missing_ok=True)
            raise LoupeError(
                "MODEL_FILES_INVALID",
                f"{file.name} of '{preset.name}' did not arrive as the hub lists it. It was removed; run "
                f"`loupe models fetch {preset.name}` again to bring it anew.",
                file=file.name,
            )
        arrived[file.name] = {"bytes": size, "sha256": digest}
    return {
        "preset": preset.name,
        "kind": preset.kind,
        "repo": preset.repo,
        "requested_revision": preset.revision,
        "revision": files[0].commit,
        "fetched_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "files": arrived,
    }


def _replace(partial: Path, target: Path) -> None:
    """Moves the new folder into place; an older one steps aside first and is then removed."""
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    partial.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _is_complete(folder: Path, preset: Preset) -> bool:
    """Whether an earlier fetch of the same revision lies here whole (by size; `verify` hashed it then)."""
    try:
        record = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))
        same = record["requested_revision"] == preset.revision and record["repo"] == preset.repo
        return same and all((folder / name).stat().st_size == entry["bytes"] for name, entry in record["files"].items())
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _record_bytes(folder: Path) -> int:
    record = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))
    return sum(entry["bytes"] for entry in record["files"].values())


@contextlib.contextmanager
def _hub_errors(preset: Preset) -> Iterator[None]:
    """Turns what the hub client raises into errors a person can act on."""
    try:
        yield
    except LoupeError:
        raise
    except Exception as error:
        raise _explained(preset, error) from error


def _explained(preset: Preset, error: Exception) -> LoupeError:
    from huggingface_hub import errors

    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return LoupeError("DISK_FULL", f"The disk filled up while '{preset.name}' was fetched.")
    if isinstance(error, errors.GatedRepoError):
        return LoupeError(
            "HUB_UNREACHABLE",
            f"{preset.repo} asks for a licence to be accepted on its page and for a token: {reason}",
            name=preset.name,
        )
    if isinstance(error, (errors.RepositoryNotFoundError, errors.RevisionNotFoundError)):
        return LoupeError("MODEL_UNKNOWN", f"The hub has no {preset.repo} at {preset.revision}.", name=preset.name)
    return LoupeError(
        "HUB_UNREACHABLE",
        f"The model hub cannot be reached: {reason}. On a machine without a network, run "
        f"`loupe models fetch {preset.name} --to DIR` on one that has it and copy DIR/"
        f"{preset.name.replace('/', '--')} into models/ in Loupe's home.",
        name=preset.name,
    )


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _bytes_in(folder: Path) -> int:
    """Bytes in a folder that may change meanwhile."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(parent, name)).st_size
            except OSError:
                continue
    return total


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


def _report(
    progress: Callable[[FetchProgress], None] | None,
    preset: Preset,
    stage: Literal["size", "download", "verify", "done"],
    done: int,
    total: int,
    folder: Path,
) -> None:
    if progress is not None:
        progress(FetchProgress(preset.name, stage, done, total, folder))
