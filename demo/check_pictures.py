"""Draws the pictures that `loupe models check demo-postcards` shows: `python -m demo.check_pictures`.

Well-known photographs tell a real model that was loaded wrongly; the demo's model knows only postcards. These are of
the split that training never sees, taken as they come.
"""

from __future__ import annotations

import json
from pathlib import Path

from demo.postcards import draw_postcards

__all__ = ["draw_check_pictures"]

FOLDER = Path(__file__).parent / "models" / "demo-postcards" / "check"
_PICTURES = 14  # as many as there are photographs for real models
_SEED = 1


def draw_check_pictures(folder: Path) -> None:
    """Write the pictures and `captions.json` (file name -> caption)."""
    folder.mkdir(parents=True, exist_ok=True)
    captions: dict[str, str] = {}
    for card in draw_postcards(_SEED, "evaluation"):
        if card.caption in captions.values():
            continue
        name = f"postcard-{len(captions) + 1:02}.jpg"
        card.draw(320, 240).save(folder / name, "JPEG", quality=80)
        captions[name] = card.caption
        if len(captions) == _PICTURES:
            break
    (folder / "captions.json").write_text(json.dumps(captions, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    draw_check_pictures(FOLDER)
