"""An antialiased RGB canvas in picture units, the ground that the drawings stand on.

Belongs here: filling shapes with colours and gradients, glows, soft noise, at any size. Not here: what is
drawn (`scenery`, `subjects`).

Units: y runs from 0 (top) to 1 (bottom); x from 0 to `aspect` (width / height), so that shapes keep their
form at every size. Colours are (red, green, blue), 0..255. Random numbers never depend on the size: the same
picture comes out at 96 and at 1600 pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageDraw

__all__ = ["Canvas", "Colour", "Gradient", "Paint", "Point", "mix", "noise_field", "scale", "smooth"]

Colour = tuple[float, float, float]
Point = tuple[float, float]


@dataclass(frozen=True)
class Gradient:
    """A linear blend across a shape's bounding box, from top to bottom or from left to right."""

    start: Colour
    end: Colour
    across: bool = False


Paint = Colour | Gradient


def mix(a: Colour, b: Colour, t: float) -> Colour:
    """`a` at t = 0, `b` at t = 1."""
    return (a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t)


def scale(colour: Colour, by: Colour | float) -> Colour:
    """Channel by channel product with a light colour (1 = unchanged)."""
    r, g, b = (by, by, by) if isinstance(by, float | int) else by
    return (colour[0] * r, colour[1] * g, colour[2] * b)


def _rgb(colour: Colour) -> tuple[int, int, int]:
    r, g, b = (max(0, min(255, round(c))) for c in colour)
    return (r, g, b)


def smooth(points: Sequence[Point], *, closed: bool = True, steps: int = 8) -> list[Point]:
    """A Catmull-Rom curve through `points`."""
    count = len(points)
    out: list[Point] = []
    for i in range(count if closed else count - 1):
        if closed:
            p0, p1, p2, p3 = (points[(i + k) % count] for k in (-1, 0, 1, 2))
        else:
            p0, p1, p2, p3 = (points[max(0, min(count - 1, i + k))] for k in (-1, 0, 1, 2))
        for step in range(steps):
            t = step / steps
            out.append(
                (
                    _catmull(p0[0], p1[0], p2[0], p3[0], t),
                    _catmull(p0[1], p1[1], p2[1], p3[1], t),
                )
            )
    if not closed:
        out.append(points[-1])
    return out


def _catmull(a: float, b: float, c: float, d: float, t: float) -> float:
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t * t + (3 * b - a - 3 * c + d) * t * t * t)


def noise_field(
    rng: np.random.Generator, size: tuple[int, int], *, cells: tuple[int, int], octaves: int = 5
) -> np.ndarray:
    """Soft fractal noise, float32 [height, width] in 0..1; `cells` is the coarsest grid (across, down).

    The random numbers drawn do not depend on `size`.
    """
    width, height = size
    total = np.zeros((height, width), np.float32)
    weight_sum = 0.0
    for octave in range(octaves):
        grid = rng.random((cells[1] * 2**octave + 1, cells[0] * 2**octave + 1), dtype=np.float32)
        weight = 0.55**octave
        weight_sum += weight
        if 2**octave * cells[0] > 2 * width:  # finer than the pixels: its mean is all that would be left
            total += 0.5 * weight
            continue
        image = Image.fromarray(grid).resize(size, Image.Resampling.BICUBIC)
        total += weight * np.asarray(image)
    return np.clip((total / weight_sum - 0.5) * 1.7 + 0.5, 0.0, 1.0)


class Canvas:
    """A picture being painted, back to front."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.aspect = width / height
        self.image = Image.new("RGB", (width, height))
        self._oversample = 2 if height > 400 else 3

    # Shapes

    def polygon(self, points: Sequence[Point], paint: Paint, alpha: float = 1.0) -> None:
        """Fill a closed shape."""
        self.shapes([points], paint, alpha)

    def shapes(self, polygons: Iterable[Sequence[Point]], paint: Paint, alpha: float = 1.0) -> None:
        """Fill several shapes with one paint; where they overlap, the alpha counts once."""
        pieces = [p for p in polygons if len(p) >= 3]

        def draw(pen: ImageDraw.ImageDraw, place: Callable[[float, float], Point]) -> None:
            for piece in pieces:
                pen.polygon([place(x, y) for x, y in piece], fill=255)

        self._paint([p for piece in pieces for p in piece], draw, paint, alpha)

    def ellipse(
        self, x: float, y: float, rx: float, ry: float, paint: Paint, alpha: float = 1.0, angle: float = 0.0
    ) -> None:
        """Fill an ellipse with centre (x, y) and half axes rx, ry; `angle` in degrees, counterclockwise."""
        self.polygon(ellipse_points(x, y, rx, ry, angle), paint, alpha)

    def dots(
        self, dots: Sequence[tuple[float, float, float]], paint: Paint, alpha: float = 1.0, squash: float = 1.0
    ) -> None:
        """Fill many discs (x, y, radius) at once; `squash` is the height of one over its width."""

        def draw(pen: ImageDraw.ImageDraw, place: Callable[[float, float], Point]) -> None:
            for x, y, r in dots:
                x0, y0 = place(x - r, y - r * squash)
                x1, y1 = place(x + r, y + r * squash)
                pen.ellipse((x0, y0, max(x0 + 1, x1), max(y0 + 1, y1)), fill=255)

        box = [(x + dx * r, y + dy * r) for x, y, r in dots for dx, dy in ((-1, -1), (1, 1))]
        self._paint(box, draw, paint, alpha)

    def lines(self, lines: Sequence[Sequence[Point]], width: float, paint: Paint, alpha: float = 1.0) -> None:
        """Stroke many polylines of one width at once."""
        pixels = width * self.height * self._oversample
        if pixels < 1.0:  # thinner than a sample: keep its ink
            alpha *= max(0.15, pixels)

        def draw(pen: ImageDraw.ImageDraw, place: Callable[[float, float], Point]) -> None:
            for line in lines:
                pen.line([place(x, y) for x, y in line], fill=255, width=max(1, round(pixels)), joint="curve")

        box = [(x + d, y + d) for line in lines for x, y in line for d in (-width, width)]
        self._paint(box, draw, paint, alpha)

    # Light

    def sky(self, stops: Sequence[tuple[float, Colour]]) -> None:
        """Fill the whole picture with a vertical blend through (y, colour) stops."""
        rows = np.linspace(0.0, 1.0, 256)
        positions = [y for y, _ in stops]
        column = np.stack([np.interp(rows, positions, [c[k] for _, c in stops]) for k in range(3)], axis=1)
        strip = Image.fromarray(np.clip(column, 0, 255).astype(np.uint8)[:, None, :])
        self.image.paste(strip.resize((self.width, self.height), Image.Resampling.BILINEAR))

    def glow(self, x: float, y: float, radius: float, colour: Colour, strength: float = 1.0) -> None:
        """A round light that fades to nothing at `radius`."""
        box = self._box([(x - radius, y - radius), (x + radius, y + radius)])
        if box is None:
            return
        full = 2 * max(1, round(radius * self.height))
        falloff = [int(255 * strength * max(0.0, 1 - i / 181) ** 2.2) for i in range(256)]
        mask = Image.radial_gradient("L").point(falloff).resize((full, full), Image.Resampling.BILINEAR)
        corner = (round(x * self.height) - full // 2, round(y * self.height) - full // 2)
        self.image.paste(_rgb(colour), (corner[0], corner[1], corner[0] + full, corner[1] + full), mask)

    def blend(self, colour: Colour, mask: np.ndarray, box: tuple[float, float, float, float]) -> None:
        """Lay `colour` over the box (x0, y0, x1, y1) with a float mask [h, w] in 0..1, stretched to it."""
        x0, y0 = round(box[0] * self.height), round(box[1] * self.height)
        x1, y1 = round(box[2] * self.height), round(box[3] * self.height)
        if x1 <= x0 or y1 <= y0:
            return
        layer = Image.fromarray((np.clip(mask, 0, 1) * 255).astype(np.uint8))
        layer = layer.resize((x1 - x0, y1 - y0), Image.Resampling.BICUBIC)
        self.image.paste(_rgb(colour), (x0, y0, x1, y1), layer)

    def veil(self, colour: Colour, alpha: float) -> None:
        """Lay one colour over everything."""
        self.image = Image.blend(self.image, Image.new("RGB", self.image.size, _rgb(colour)), alpha)

    def mirror(self, horizon: float, tint: Colour, strength: float, ripple: np.ndarray) -> None:
        """Mirror what stands above `horizon` into the water below, mixed with `tint`.

        `ripple` is a float array of sideways shifts in picture units, one per row from the horizon down.
        """
        top = round(horizon * self.height)
        depth = self.height - top
        pixels = np.asarray(self.image)
        source_rows = np.clip(top - 1 - np.arange(depth), 0, self.height - 1)
        rows = np.interp(np.linspace(0, 1, depth), np.linspace(0, 1, len(ripple)), ripple)
        columns = np.arange(self.width)[None, :] + np.round(rows * self.height).astype(int)[:, None]
        reflected = pixels[source_rows[:, None], np.clip(columns, 0, self.width - 1)]
        water = Image.blend(
            Image.fromarray(np.ascontiguousarray(reflected)),
            Image.new("RGB", (self.width, depth), _rgb(tint)),
            strength,
        )
        self.image.paste(water, (0, top))

    def grain(self, seed: int, amount: float) -> None:
        """Fine noise of `amount` grey levels (standard deviation at full size), less on small pictures."""
        amount *= min(1.0, self.height / 900)
        if amount < 0.2:
            return
        rng = np.random.default_rng(seed)
        tile = np.clip(rng.normal(128, amount, (256, 256)), 0, 255).astype(np.uint8)
        whole = np.tile(tile, (self.height // 256 + 1, self.width // 256 + 1))[: self.height, : self.width]
        noise = Image.fromarray(np.ascontiguousarray(whole))
        self.image = ImageChops.add(self.image, Image.merge("RGB", (noise, noise, noise)), scale=1.0, offset=-128)

    # Inside

    def _box(self, points: Sequence[Point]) -> tuple[int, int, int, int] | None:
        if not points:
            return None
        xs, ys = [p[0] for p in points], [p[1] for p in points]
        x0 = max(0, math.floor(min(xs) * self.height) - 1)
        y0 = max(0, math.floor(min(ys) * self.height) - 1)
        x1 = min(self.width, math.ceil(max(xs) * self.height) + 1)
        y1 = min(self.height, math.ceil(max(ys) * self.height) + 1)
        return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None

    def _paint(
        self,
        outline: Sequence[Point],
        draw: Callable[[ImageDraw.ImageDraw, Callable[[float, float], Point]], None],
        paint: Paint,
        alpha: float,
    ) -> None:
        box = self._box(outline)
        if box is None or alpha <= 0:
            return
        x0, y0, x1, y1 = box
        size = (x1 - x0, y1 - y0)
        over = self._oversample
        factor = self.height * over

        def place(x: float, y: float) -> Point:
            return (x * factor - x0 * over, y * factor - y0 * over)

        mask = Image.new("L", (size[0] * over, size[1] * over))
        draw(ImageDraw.Draw(mask), place)
        mask = mask.reduce(over)
        if alpha < 1.0:
            mask = mask.point([int(i * alpha) for i in range(256)])
        if isinstance(paint, Gradient):
            self.image.paste(self._gradient(paint, outline, box), (x0, y0), mask)
        else:
            self.image.paste(_rgb(paint), box, mask)

    def _gradient(self, paint: Gradient, outline: Sequence[Point], box: tuple[int, int, int, int]) -> Image.Image:
        axis = 0 if paint.across else 1
        values = [p[axis] for p in outline]
        low, high = min(values), max(values)
        length = (box[2] - box[0]) if paint.across else (box[3] - box[1])
        at = (np.arange(length) + box[axis] + 0.5) / self.height
        t = np.clip((at - low) / max(high - low, 1e-6), 0, 1)[:, None]
        ramp = np.asarray(paint.start)[None] * (1 - t) + np.asarray(paint.end)[None] * t
        strip = np.clip(ramp, 0, 255).astype(np.uint8)
        line = strip[None] if paint.across else strip[:, None]
        return Image.fromarray(np.ascontiguousarray(line)).resize((box[2] - box[0], box[3] - box[1]))


def ellipse_points(x: float, y: float, rx: float, ry: float, angle: float = 0.0, count: int = 40) -> list[Point]:
    """The outline of an ellipse; `angle` in degrees, counterclockwise."""
    turn = math.radians(-angle)
    cos, sin = math.cos(turn), math.sin(turn)
    out = []
    for i in range(count):
        a = 2 * math.pi * i / count
        u, v = rx * math.cos(a), ry * math.sin(a)
        out.append((x + u * cos - v * sin, y + u * sin + v * cos))
    return out
