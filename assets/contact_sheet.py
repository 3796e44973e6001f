"""Pictures for the Dagster UI: a contact sheet of new photos and a plot of the map, each a data URL under 100 kB."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

__all__ = ["contact_sheet", "map_plot"]

_COLUMNS, _ROWS, _CELL = 8, 4, 112
_MOST_BYTES = 72_000  # base64 makes four bytes of three


def contact_sheet(thumbnails: Sequence[Path]) -> str | None:
    """The first 32 thumbnails that can be opened, as a Markdown image; None when there is none."""
    cells = []
    for path in thumbnails:
        try:
            with Image.open(path) as picture:
                cells.append(ImageOps.fit(picture.convert("RGB"), (_CELL, _CELL)))
        except OSError:
            continue  # culled or being rewritten: the sheet shows the others
        if len(cells) == _COLUMNS * _ROWS:
            break
    if not cells:
        return None
    columns = min(_COLUMNS, len(cells))
    rows = -(-len(cells) // columns)
    sheet = Image.new("RGB", (columns * _CELL, rows * _CELL), "white")
    for number, cell in enumerate(cells):
        sheet.paste(cell, (number % columns * _CELL, number // columns * _CELL))
    return _markdown("New photos", sheet)


def map_plot(places: npt.NDArray[np.float32]) -> str | None:
    """A scatter plot of places `[n, 2]`, as a Markdown image; None when there is none."""
    if len(places) == 0:
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 7), dpi=80)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.scatter(places[:, 0], places[:, 1], s=max(1.0, 4000 / len(places) ** 0.75), alpha=0.5, linewidths=0)
    axes.set_axis_off()
    canvas.draw()
    return _markdown("Similarity map", Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB"))


def _markdown(title: str, picture: Image.Image) -> str:
    for quality, reduction in ((80, 1), (60, 1), (40, 1), (20, 1), (20, 2)):
        stream = io.BytesIO()
        picture.reduce(reduction).save(stream, "JPEG", quality=quality)
        if stream.tell() <= _MOST_BYTES:
            break
    return f"![{title}](data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()})"
