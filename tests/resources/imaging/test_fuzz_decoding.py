"""Thousands of damaged photos through the real decode workers: none costs more than itself.

Seeded: a failure names the seed and the number from which `damaged_photo` makes the same bytes again.
LOUPE_TEST_FUZZ_INPUTS and LOUPE_TEST_FUZZ_SEED ask for more, or for others.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from damaged_photos import damaged, drawn_pictures, small_samples
from drawn_photos import draw_photo
from sample_pictures import SAMPLES

from resources.engine import DecodeTask, LocalEngine, Outcome
from resources.errors import CODES, WARNINGS
from resources.home import Home
from resources.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(int(os.environ.get("LOUPE_TEST_FUZZ_TIMEOUT_S", "900")))]

INPUTS = int(os.environ.get("LOUPE_TEST_FUZZ_INPUTS", "5000"))
SEED = int(os.environ.get("LOUPE_TEST_FUZZ_SEED", "1"))
# Every so many inputs a whole photo goes through the same workers.
WHOLE_EVERY = 10
WORKERS = 2
# Of what one file may come to, apart from what belongs to the home or the models.
FILE_CODES = {
    "NOT_AN_IMAGE",
    "UNSUPPORTED_FORMAT",
    "EMPTY_FILE",
    "TRUNCATED",
    "CORRUPT",
    "DECODE_RAW",
    "DECODE_BLANK",
    "DECODE_MEMORY",
    "TOO_LARGE",
}
assert set(CODES) >= FILE_CODES


class Gauge:
    """What the workers hold, looked at every so often: resident bytes, and who they are. `strangers` do not count."""

    def __init__(self, strangers: set[psutil.Process]) -> None:
        self._strangers = strangers
        self.workers: list[int] = []
        self.pids: set[int] = set()

    def look(self) -> None:
        for child in set(psutil.Process().children(recursive=True)) - self._strangers:
            try:
                if "resources.engine.decode_worker" in child.cmdline():
                    self.workers.append(child.memory_info().rss)
                    self.pids.add(child.pid)
            except psutil.Error:  # it ended between listing and asking
                continue


def open_files() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def median_of_quarter(values: list[int], last: bool) -> int:
    quarter = max(1, len(values) // 4)
    return sorted(values[-quarter:] if last else values[:quarter])[quarter // 2]


def test_no_damaged_photo_costs_more_than_itself(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = drawn_pictures() | (small_samples(SAMPLES) if SAMPLES.is_dir() else {})
    whole = [draw_photo(tmp_path / f"whole{number}.{suffix}", number) for number, suffix in enumerate(("jpg", "png"))]
    inputs, temporary = tmp_path / "inputs", tmp_path / "temporary"
    inputs.mkdir()
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    settings = Settings.load(home=home.path, decode_workers=WORKERS, decode_timeout_s=60.0)
    strangers = set(psutil.Process().children(recursive=True))  # what other tests of this process keep
    gauge, files_before = Gauge(strangers), open_files()
    stories: dict[int, str] = {}

    def tasks() -> Iterator[DecodeTask]:
        for each in damaged(pictures, INPUTS, SEED):
            path = inputs / each.file_name
            path.write_bytes(each.data)
            stories[each.number] = each.story
            yield DecodeTask(str(path), "original", each.number, name_promises=each.number % 7 != 0)
            if each.number % WHOLE_EVERY == 0:
                yield DecodeTask(str(whole[each.number // WHOLE_EVERY % 2]), "original", f"whole {each.number}")

    seen: Counter[int | str] = Counter()
    fates: Counter[str] = Counter()
    crashes: list[str] = []
    problems: list[str] = []
    hashes: dict[str, set[str]] = {}
    for outcome in LocalEngine(settings).decode(tasks(), lambda sha256: True, threading.Event()):
        number = outcome.task.reference
        seen[number] += 1
        if isinstance(number, str):  # a whole photo between them
            assert outcome.decoded, f"a whole photo was lost to its neighbours: {outcome.code} {outcome.message}"
            hashes.setdefault(outcome.task.path, set()).add(outcome.decoded.pages[0].pixel_hash)
            continue
        fates[outcome.code or outcome.status] += 1
        for sentence in unfitting(outcome):
            told = f"seed {SEED}, number {number} ({stories[number]}): {sentence}"
            (crashes if outcome.code == "DECODE_CRASH" and died_by_signal(outcome) else problems).append(told)
        os.unlink(outcome.task.path)
        if number % 50 == 0:
            gauge.look()

    with capsys.disabled():
        print(
            f"\n{INPUTS:,} damaged photos from {len(pictures)} pictures, seed {SEED}: "
            f"{', '.join(f'{fate} {count:,}' for fate, count in fates.most_common())}; "
            f"{len(gauge.pids)} workers, at most {max(gauge.workers) / 1e6:,.0f} MB in one"
        )
        print("\n".join([*crashes, *problems][:200]))
        if problems:
            print((home.logs / "decode-workers.log").read_text(errors="replace")[-3000:])
    # One outcome for each, none twice, and the same whole photos all along.
    assert set(seen.values()) == {1}
    assert len(seen) == INPUTS + (INPUTS + WHOLE_EVERY - 1) // WHOLE_EVERY
    assert {len(each) for each in hashes.values()} == {1}
    assert not problems
    # Nothing left: no process, no open file, no file half written, no memory.
    left = set(psutil.Process().children(recursive=True)) - strangers
    assert not [child for child in left if "decode_worker" in str(child.cmdline())]
    assert open_files() <= files_before + 2
    assert not [path for path in home.path.rglob(".*") if path.is_file()]
    assert not [*inputs.iterdir(), *temporary.iterdir()]
    assert median_of_quarter(gauge.workers, last=True) < 2 * median_of_quarter(gauge.workers, last=False) + (64 << 20)
    # Workers live on: they are replaced after a crash or a hang alone.
    assert len(gauge.pids) <= WORKERS + len(crashes)
    # A native decoder may crash on bytes that nobody foresaw; that a share of files does is a fault to be mended.
    assert len(crashes) <= INPUTS // 500, crashes


def died_by_signal(outcome: Outcome) -> bool:
    """Whether a native decoder ended the worker, rather than an error of Loupe's own."""
    return "(SIG" in (outcome.message or "")


def unfitting(outcome: Outcome) -> Iterator[str]:
    """What is wrong with the outcome of a damaged photo."""
    told = f"{outcome.code or outcome.status}, {outcome.message or outcome.decoded}"
    if outcome.status == "failed":
        if outcome.code not in FILE_CODES or not outcome.message:
            yield told  # a crash, a hang, or a code that is none of the file's
    elif outcome.status == "decoded":
        pages = outcome.decoded.pages if outcome.decoded else ()
        if not pages or any(
            min(page.preview_width, page.preview_height, page.width, page.height) < 1
            or max(page.preview_width, page.preview_height) > 1024
            or not set(page.warnings) <= set(WARNINGS)
            for page in pages
        ):
            yield told
    elif outcome.status != "not_a_photo" or outcome.task.name_promises:
        yield told
