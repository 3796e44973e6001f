"""Looking again at a large library in which nothing or one file changed: what the sensor and a full rescan cost.

    python benchmarks/rescan.py --files 1000000 [--keep DIR]

Makes a tree of empty (sparse) files, takes its inventory into a fresh home, marks every file as taken in, and times, in
processor seconds of this process and by the clock: `scandir` and `stat` of every file and nothing else (the floor), the
sensor's tick, a rescan of all folders, and what one new file costs until it is known which one is to be read.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from resources.home import Home
from resources.imaging import DECODER_VERSION
from resources.inventory import add_root, take_inventory
from resources.manifest import Manifest, files
from resources.watching import WatchMemory, look

_FILES_A_FOLDER = 500

# What a whole ingest would have left behind, without the hours that it takes.
_TAKEN_IN = (
    "UPDATE files SET sha256 = md5(root_id || rel_path), photo_id = md5(rel_path), stack_key = hash(rel_path)",
    """INSERT INTO photos (photo_id, document_id, sha256, created_at, format, width, height, stack_due)
    SELECT photo_id, photo_id, sha256, now(), 'JPEG', 4000, 3000, false FROM files""",
    """INSERT INTO previews (sha256, pixel_hash, width, height, decoder_version, rung, decoded_at, metadata)
    SELECT sha256, sha256, 1024, 768, '1', 'draft', now(), '{}' FROM files""",
)


def make_tree(root: Path, files: int) -> None:
    """`files` sparse files of 4 MB in folders of 500."""
    for number in range(-(-files // _FILES_A_FOLDER)):
        folder = root / str(2000 + number // 100) / f"trip {number:05}"
        folder.mkdir(parents=True, exist_ok=True)
        for place in range(min(_FILES_A_FOLDER, files - number * _FILES_A_FOLDER)):
            descriptor = os.open(folder / f"IMG_{place:04}.JPG", os.O_CREAT | os.O_WRONLY)
            os.ftruncate(descriptor, 4_000_000 + place)
            os.close(descriptor)


def plain_scan(root: Path) -> int:
    """`scandir` and `stat` of everything: no look at a tree costs less."""
    count, stack = 0, [os.fspath(root)]
    while stack:
        with os.scandir(stack.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    stack.append(entry.path)
                else:
                    entry.stat()
                    count += 1
    return count


def timed(name: str, work: Callable[[], Any]) -> float:
    """Run and print; returns processor seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    used = time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{name:<34} {used:8.2f} s cpu {time.perf_counter() - wall:8.2f} s wall   peak {peak:,} MB", flush=True)
    return used


def one_new_file(root: Path, manifest: Manifest, memory: WatchMemory) -> None:
    """A file comes to one folder: noticed, settled, inventoried, found to be the one that waits."""
    new = next(path for path in sorted(root.glob("*/*")) if path.is_dir()) / "NEW.JPG"
    new.write_bytes(b"new")
    try:
        timed("one new file: the tick that sees it", lambda: look(manifest, memory=memory))
        due: list[str] = []
        timed("one new file: the tick that asks", lambda: due.extend(look(manifest, memory=memory).due))
        timed(f"one new file: inventory of {len(due)} folder", lambda: take_inventory(manifest, due))
        waiting: list[Any] = []

        def ask() -> None:
            with manifest.read() as tx:
                waiting.extend(files.pending(tx, DECODER_VERSION, 2000, due))

        timed("one new file: what waits", ask)
        print([each.rel_path for each in waiting])
        timed("one new file: the tick after it", lambda: look(manifest, memory=memory))
    finally:
        new.unlink()


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="make the tree here, and use it again")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        root = options.keep or Path(scratch, "photos")
        if not root.is_dir():
            make_tree(root, options.files)
        home = Home(Path(scratch, "home"))
        home.prepare()
        manifest = Manifest(home).prepare()
        timed("added", lambda: add_root(manifest, home, str(root), 5000))
        keys = look(manifest, settle=False).due
        timed("first inventory", lambda: take_inventory(manifest, keys))
        with manifest.write() as tx:
            for statement in _TAKEN_IN:
                tx.execute(statement)
        memory = WatchMemory()
        timed("first tick of a process", lambda: look(manifest, memory=memory))
        timed("a tick when nothing changed", lambda: look(manifest, memory=memory))
        timed("plain scandir and stat, cold", lambda: plain_scan(root))
        floor = timed("plain scandir and stat", lambda: plain_scan(root))
        used = timed("rescan, nothing changed", lambda: take_inventory(manifest, keys))
        print(f"rescan / plain: {used / floor:.2f}")
        one_new_file(root, manifest, memory)


if __name__ == "__main__":
    main()
