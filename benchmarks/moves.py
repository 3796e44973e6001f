"""What moving photos costs: renamed folders, files in other folders, a whole root that stands elsewhere.

    python benchmarks/moves.py --photos 10000

Takes small drawn pictures in with the demo model by a real ingest, moves all of them in three ways, and lets Loupe find
out each time. Prints Markdown: seconds, files read, decoded, pictures that a model saw, and photos with another id.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from soak import draw

from orchestration.ingest import IngestCounts, ingest
from resources.library import Library
from resources.models.presets import DEMO_MODEL
from resources.moving import move_folder
from resources.settings import Settings
from resources.vector_index import publish


def _rename_folders(root: Path) -> None:
    for folder in [path for path in root.iterdir() if path.is_dir()]:
        folder.rename(folder.with_name(f"renamed {folder.name}"))


def _move_into_others(root: Path) -> None:
    for number, path in enumerate(sorted(path for path in root.rglob("*.jpg"))):
        folder = root / f"by day {number % 37:02}"
        folder.mkdir(exist_ok=True)
        path.rename(folder / path.name)


def _ids(library: Library) -> dict[str, str]:
    """Photo id by content, of photos with a file that is there."""
    with library.manifest.read() as tx:
        rows = tx.execute("SELECT sha256, photo_id FROM files WHERE missing_since IS NULL AND photo_id IS NOT NULL")
        return dict(rows.fetchall())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=10_000)
    given = parser.parse_args()
    rows: list[str] = []
    with tempfile.TemporaryDirectory() as place:
        root = Path(place, "photos")
        draw(root, given.photos)
        settings = Settings.load(home=Path(place, "home"), model=DEMO_MODEL, captions="off")
        library = Library(settings).open()
        ids: dict[str, str] = {}

        def found_out(name: str, started: float, counts: IngestCounts | None) -> None:
            publish(library.manifest, settings, library.clip(), 600)
            seconds, now = time.monotonic() - started, _ids(library)
            changed = sum(ids.get(sha256) not in (None, photo_id) for sha256, photo_id in now.items())
            did = (
                (counts.files_read, counts.decoded, counts.embedding_model_images, counts.runs)
                if counts
                else (0, 0, 0, 0)
            )
            rows.append(
                f"| {name} | {seconds:,.1f} | {' | '.join(f'{each:,}' for each in did)} | {len(now):,} | {changed} |"
            )
            print(rows[-1], flush=True)
            ids.update(now)

        started = time.monotonic()
        found_out("taken in", started, ingest(library, [str(root)])[0])
        _rename_folders(root)
        started = time.monotonic()
        found_out("all folders renamed", started, ingest(library, [str(root)])[0])
        _move_into_others(root)
        started = time.monotonic()
        found_out("all files in other folders", started, ingest(library, [str(root)])[0])
        elsewhere = Path(place, "elsewhere")
        root.rename(elsewhere)
        started = time.monotonic()
        move_folder(library.manifest, str(root), str(elsewhere))
        found_out("root stands elsewhere, `folders move`", started, None)
        started = time.monotonic()
        found_out("the next ingest after it", started, ingest(library, [str(elsewhere)])[0])
    heads = ("", "s", "read", "decoded", "seen by the model", "runs", "photos", "other ids")
    print(f"\nload {os.getloadavg()[0]:.0f}\n\n| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
