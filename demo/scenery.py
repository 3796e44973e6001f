"""Scenery: sky, weather and the six landscapes, each a function that paints a canvas.

Belongs here: everything behind and in front of the main subject. Not here: the subjects themselves, captions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from demo.canvas import Canvas, Colour, Gradient, Point, mix, noise_field, scale, smooth
from demo.light import Light

__all__ = ["SCENES", "Stage", "paint_fog", "paint_sky", "paint_weather"]


@dataclass(frozen=True)
class Stage:
    """Where subjects may stand: heights (y) of their feet on land and on water, and of the horizon."""

    land_y: float
    horizon_y: float
    water_y: float | None = None


# Sky and weather


def paint_sky(canvas: Canvas, light: Light, rng: np.random.Generator, horizon: float) -> float:
    """Sky, stars, sun or moon, clouds, down to `horizon`. Returns the x of sun or moon."""
    canvas.sky([(0.0, light.top), (horizon * 0.55, light.middle), (horizon, light.horizon), (1.0, light.horizon)])
    stars = [(rng.random() * canvas.aspect, rng.random() * horizon, rng.random()) for _ in range(150)]
    sun_x = canvas.aspect * (0.16 + 0.68 * rng.random())
    if light.stars:
        canvas.glow(canvas.aspect * 0.5, horizon, 0.8, mix(light.horizon, (120, 130, 190), 0.4), 0.35)
        canvas.dots([(x, y, 0.0008 + 0.0018 * b**3) for x, y, b in stars], (235, 240, 255), 0.85)
        canvas.dots([(x, y, 0.0036) for x, y, b in stars if b > 0.93], (235, 240, 255), 0.9)
    if light.sun_visible:
        _paint_sun(canvas, light, sun_x, min(light.sun_height, horizon - 0.09))
    _paint_clouds(canvas, light, rng, horizon)
    return sun_x


def _paint_sun(canvas: Canvas, light: Light, x: float, y: float) -> None:
    if light.night:
        canvas.glow(x, y, 0.34, (150, 170, 225), 0.55)
        canvas.ellipse(x, y, 0.046, 0.046, light.sun)
        for dx, dy, r in ((-0.014, -0.008, 0.011), (0.012, 0.012, 0.008), (0.01, -0.018, 0.006)):
            canvas.ellipse(x + dx, y + dy, r, r, (214, 214, 204), 0.7)
        return
    canvas.glow(x, y, 0.75, light.sun, 0.5)
    canvas.glow(x, y, 0.26, light.sun, 0.75)
    canvas.ellipse(x, y, 0.05, 0.05, mix(light.sun, (255, 255, 255), 0.35))


def _paint_clouds(canvas: Canvas, light: Light, rng: np.random.Generator, horizon: float) -> None:
    cover = light.cloud_cover
    width, height = 240, 110
    field = noise_field(rng, (width, height), cells=(5, 5), octaves=5)
    detail = noise_field(rng, (width, height), cells=(9, 7), octaves=4)
    if cover <= 0:
        return
    threshold = 0.74 - 0.5 * cover
    body = np.clip((field * 0.8 + detail * 0.2 - threshold) / 0.22, 0, 1)
    rows = np.linspace(0, 1, height)[:, None]
    fade = np.clip(1.25 - rows * (0.9 if cover > 0.6 else 1.3), 0, 1) * np.clip(rows / 0.1 + cover, 0, 1)
    # Light comes from above: where the field thickens downwards, the cloud's top is lit.
    above = np.concatenate([np.repeat(field[:1], 5, axis=0), field[:-5]])
    lift = np.clip(0.5 + 3.2 * (field - above), 0, 1)
    box = (0.0, 0.0, canvas.aspect, horizon)
    canvas.blend(light.cloud_dark, body * fade * 0.92, box)
    canvas.blend(light.cloud_bright, body * fade * lift * 0.9, box)


def paint_weather(canvas: Canvas, weather: str, light: Light, rng: np.random.Generator) -> None:
    """What falls or hangs between the picture and its viewer."""
    aspect = canvas.aspect
    if weather == "rain":
        canvas.veil(scale(light.haze, 0.9), 0.12)
        slant = 0.16 + 0.12 * rng.random()
        for count, length, width, alpha in (
            (170, 0.06, 0.0022, 0.26),
            (110, 0.10, 0.0034, 0.36),
            (46, 0.15, 0.0052, 0.42),
        ):
            lines: list[list[Point]] = []
            for _ in range(count):
                x, y = rng.random() * (aspect + 0.3) - 0.15, rng.random() * 1.2 - 0.1
                run = length * (0.7 + 0.6 * rng.random())
                lines.append([(x, y), (x - slant * run, y + run)])
            canvas.lines(lines, width, mix((214, 226, 240), light.haze, 0.15), alpha)
    elif weather == "snow":
        canvas.veil(mix(light.haze, (240, 244, 250), 0.3), 0.10)
        for count, size, alpha in ((260, 0.0035, 0.75), (130, 0.0065, 0.85), (40, 0.011, 0.9)):
            flakes = [(rng.random() * aspect, rng.random(), size * (0.7 + 0.6 * rng.random())) for _ in range(count)]
            canvas.dots(flakes, mix((250, 252, 255), light.haze, 0.25 if light.night else 0.0), alpha)
    elif weather == "fog":
        paint_fog(canvas, light, rng, 0.4)


def paint_fog(canvas: Canvas, light: Light, rng: np.random.Generator, strength: float) -> None:
    """A bank of mist across the middle; most of it belongs behind the subject, a little in front."""
    field = noise_field(rng, (160, 120), cells=(3, 5), octaves=4)
    rows = np.linspace(0, 1, 120)[:, None]
    bank = np.clip(1 - np.abs(rows - 0.56) / 0.5, 0, 1)
    pale = mix(light.haze, (255, 255, 255), 0.08 if light.night else 0.25)
    canvas.blend(pale, bank * (0.30 + 0.55 * field) * strength, (0.0, 0.0, canvas.aspect, 1.0))


# Pieces of landscape


def _ridge(
    rng: np.random.Generator, aspect: float, base: float, height: float, *, bumps: int, rough: float
) -> list[Point]:
    """A skyline from left to right: soft waves plus finer ones of weight `rough`."""
    count = 160
    xs = np.linspace(-0.02, aspect + 0.02, count)
    total = np.zeros(count)
    weight, norm = 1.0, 0.0
    for octave in range(6):
        knots = bumps * 2**octave + 1
        values = rng.random(knots + 1)
        phase = np.linspace(0, knots, count, endpoint=False)
        index = phase.astype(int)
        t = phase - index
        t = t * t * (3 - 2 * t)
        total += weight * (values[index] * (1 - t) + values[np.minimum(index + 1, knots)] * t)
        norm += weight
        weight *= rough
    ys = base - height * total / norm
    return list(zip(xs.tolist(), ys.tolist(), strict=True))


def _below(line: list[Point], bottom: float = 1.02) -> list[Point]:
    return [*line, (line[-1][0], bottom), (line[0][0], bottom)]


def _mountains(
    canvas: Canvas,
    light: Light,
    rng: np.random.Generator,
    *,
    base: float,
    height: float,
    peaks: int,
    rock: Colour,
    distance: float,
    snow: float,
) -> None:
    """A range with lit and shaded flanks; `snow` 0..1 is how far down the snow reaches."""
    aspect = canvas.aspect
    xs = np.linspace(-0.05, aspect + 0.05, 220)
    centres = [
        (-0.05 + (i + 0.15 + 0.7 * rng.random()) * (aspect + 0.1) / peaks, height * (0.55 + 0.45 * rng.random()))
        for i in range(peaks)
    ]
    jag = np.interp(xs, np.linspace(-0.05, aspect + 0.05, 60), rng.normal(0, 0.010, 60))
    profile = np.full(xs.shape, base - height * 0.16)
    slopes = [(0.9 + 0.5 * rng.random(), 0.9 + 0.5 * rng.random()) for _ in centres]
    for (x, h), (left, right) in zip(centres, slopes, strict=True):
        gap = np.abs(xs - x)
        steep = np.where(xs < x, left, right)
        profile = np.minimum(profile, base - h + gap * steep * (0.65 + 0.6 * np.clip(0.25 - gap, 0, 0.25)))
    near_peak = np.minimum.reduce([np.abs(xs - x) for x, _ in centres])
    profile = profile + jag * np.clip(near_peak / 0.05, 0.1, 1)
    line = list(zip(xs.tolist(), profile.tolist(), strict=True))
    lit, shaded = light.on(scale(rock, 1.12), distance), light.on(scale(rock, 0.72), distance)
    canvas.polygon(_below(line), Gradient(lit, light.on(scale(rock, 0.9), min(1.0, distance + 0.45))))
    white = light.on((246, 249, 255), distance * 0.6)
    for x, h in centres:
        peak_y = float(np.interp(x, xs, profile))
        if snow > 0:
            _snow_cap(canvas, rng, xs, profile, x, peak_y, h * (0.18 + 0.5 * snow), white)
        drift = 0.35 * (rng.random() - 0.35)
        ridge = [(x, peak_y)]
        steps = 9
        for k in range(1, steps + 1):
            y = peak_y + (base + 0.02 - peak_y) * k / steps
            ridge.append((x + drift * (y - peak_y) + rng.normal(0, 0.012) * min(1.0, k / 2), y))
        flank = [(float(px), float(py)) for px, py in zip(xs, profile, strict=True) if x <= px <= x + h * 1.1]
        tail = [(flank[-1][0], base + 0.02)] if flank else []
        canvas.polygon(ridge + tail + flank[::-1], shaded, 0.30 + 0.32 * light.contrast)


def _snow_cap(
    canvas: Canvas,
    rng: np.random.Generator,
    xs: np.ndarray,
    profile: np.ndarray,
    x: float,
    top: float,
    depth: float,
    white: Colour,
) -> None:
    edge = top + depth
    inside = [
        (float(px), float(py)) for px, py in zip(xs, profile, strict=True) if py < edge and abs(px - x) < depth * 1.3
    ]
    if len(inside) < 3:
        return
    left, right = inside[0][0], inside[-1][0]
    teeth = 9
    lower = []
    for k in range(teeth + 1):
        px = right + (left - right) * k / teeth
        limit = float(np.interp(px, xs, profile))
        lower.append((px, max(limit, edge + (-0.30 if k % 2 else 0.12) * depth * (0.5 + rng.random()))))
    canvas.polygon(inside + lower[1:-1], white)


def conifer(x: float, y: float, height: float, spread: float = 0.36) -> list[Point]:
    """The outline of a fir standing at (x, y)."""
    right: list[Point] = [(x, y - height)]
    tiers = 6
    for k in range(1, tiers + 1):
        level = y - height + height * 0.93 * k / tiers
        half = height * spread * 0.5 * (k / tiers) ** 0.85
        right.append((x + half, level))
        if k < tiers:
            right.append((x + half * 0.52, level - height * 0.012))
    right += [(x + height * 0.022, y - height * 0.07), (x + height * 0.022, y)]
    return right + [(2 * x - px, py) for px, py in right[::-1]]


def _tufts(
    canvas: Canvas, rng: np.random.Generator, top: float, colour: Colour, *, count: int, size: float, alpha: float
) -> None:
    """Blades of grass, larger towards the viewer."""
    blades: list[list[Point]] = []
    for _ in range(count):
        depth = rng.random()
        x, y = rng.random() * canvas.aspect, top + (1.03 - top) * depth
        reach = size * (0.35 + 0.9 * depth)
        lean = rng.normal(0, 0.35) * reach
        width = reach * 0.10
        blades.append([(x - width, y), (x + lean, y - reach), (x + width, y)])
    canvas.shapes(blades, colour, alpha)


def _ground_noise(
    canvas: Canvas, rng: np.random.Generator, top: float, dark: Colour, bright: Colour, strength: float
) -> None:
    field = noise_field(rng, (220, 120), cells=(7, 16), octaves=4)
    rows = np.clip(np.linspace(0, 6, 120), 0, 1)[:, None]
    box = (0.0, top, canvas.aspect, 1.0)
    canvas.blend(dark, np.clip(0.5 - field, 0, 1) * 2 * strength * rows, box)
    canvas.blend(bright, np.clip(field - 0.5, 0, 1) * 2 * strength * rows, box)


def _sun_road(canvas: Canvas, light: Light, rng: np.random.Generator, horizon: float, x: float) -> None:
    """The sun's or moon's glitter on water."""
    dashes = []
    for _ in range(130):
        depth = rng.random() ** 1.4
        y = horizon + 0.006 + depth * (0.97 - horizon)
        reach = 0.02 + 0.10 * depth
        half = (0.006 + 0.026 * depth) * (0.4 + rng.random())
        cx = x + rng.normal(0, reach * 0.55)
        thick = 0.0010 + 0.0030 * depth
        dashes.append([(cx - half, y), (cx, y - thick), (cx + half, y), (cx, y + thick)])
    if light.sun_visible:
        canvas.shapes(dashes, light.sun, 0.42 if light.night else 0.62)


def _wavelets(
    canvas: Canvas, rng: np.random.Generator, top: float, bottom: float, colour: Colour, count: int, alpha: float
) -> None:
    waves = []
    for _ in range(count):
        depth = rng.random() ** 1.2
        y = top + 0.004 + depth * (bottom - top)
        half = (0.012 + 0.07 * depth) * (0.4 + rng.random())
        x = rng.random() * canvas.aspect
        thick = 0.0007 + 0.0032 * depth
        waves.append([(x - half, y + thick), (x - half * 0.3, y - thick), (x + half, y), (x, y + thick)])
    canvas.shapes(waves, colour, alpha)


# Landscapes


def sea(canvas: Canvas, light: Light, rng: np.random.Generator, water_rng: np.random.Generator) -> Stage:
    """Open water, distant islands, a strip of beach in front."""
    horizon = 0.44 + 0.05 * rng.random()
    sun_x = paint_sky(canvas, light, rng, horizon)
    aspect = canvas.aspect
    if rng.random() < 0.75:
        at = rng.random() * aspect
        span = 0.28 + 0.35 * rng.random()
        line = _ridge(rng, aspect, horizon + 0.004, 0.11, bumps=4, rough=0.5)
        island = [(x, horizon - (horizon - y) * max(0.0, 1 - ((x - at) / span) ** 2)) for x, y in line]
        inside = [p for p in island if abs(p[0] - at) <= span]
        if len(inside) > 3:
            canvas.polygon(
                [*inside, (inside[-1][0], horizon + 0.003), (inside[0][0], horizon + 0.003)],
                Gradient(light.on((92, 108, 118), 0.75), light.on((110, 128, 132), 0.95)),
            )
    far = mix(light.on((92, 160, 190)), light.horizon, 0.42)
    near = mix(light.on((18, 84, 128)), light.top, 0.22)
    canvas.polygon([(0, horizon), (aspect, horizon), (aspect, 1), (0, 1)], Gradient(far, near))
    _wavelets(canvas, water_rng, horizon, 0.86, mix(far, (255, 255, 255), 0.35), 130, 0.35)
    _wavelets(canvas, water_rng, horizon, 0.88, scale(near, 0.75), 90, 0.30)
    _sun_road(canvas, light, water_rng, horizon, sun_x)
    shore = 0.80 + 0.04 * rng.random()
    tilt = 0.05 * (rng.random() - 0.5)
    edge = smooth(
        [
            (
                aspect * k / 6 - 0.02 * (k == 0) + 0.02 * (k == 6),
                shore + tilt * (k / 3 - 1) + 0.014 * math.sin(k * 2.1 + shore * 40),
            )
            for k in range(7)
        ],
        closed=False,
    )
    sand = (232, 238, 246) if light.snow_ground else (226, 200, 154)
    if light.wet_ground:
        sand = (176, 152, 118)
    foam = [(x, y - 0.016 + 0.004 * math.sin(x * 23)) for x, y in edge]
    canvas.polygon(_below(foam), light.on((244, 250, 252)), 0.75)
    canvas.polygon(_below(edge), Gradient(light.on(scale(sand, 0.86)), light.on(scale(sand, 1.06))))
    _ground_noise(canvas, rng, shore + 0.04, light.on(scale(sand, 0.8)), light.on(scale(sand, 1.1)), 0.35)
    pebbles = [
        (rng.random() * aspect, shore + 0.07 + 0.14 * rng.random(), 0.002 + 0.004 * rng.random()) for _ in range(26)
    ]
    canvas.dots(pebbles, light.on(scale(sand, 0.62)), 0.6, squash=0.6)
    return Stage(land_y=shore + 0.09, horizon_y=horizon, water_y=0.66)


def lake(canvas: Canvas, light: Light, rng: np.random.Generator, water_rng: np.random.Generator) -> Stage:
    """Mountains mirrored in still water, a grassy bank in front."""
    horizon = 0.50 + 0.03 * rng.random()
    paint_sky(canvas, light, rng, horizon)
    _mountains(
        canvas,
        light,
        rng,
        base=horizon,
        height=0.36,
        peaks=4,
        rock=(112, 126, 150),
        distance=0.62,
        snow=1.0 if light.snow_ground else 0.55,
    )
    wooded = (198, 208, 214) if light.snow_ground else (58, 104, 78)
    line = _ridge(rng, canvas.aspect, horizon + 0.006, 0.10, bumps=5, rough=0.55)
    canvas.polygon(_below(line, horizon + 0.006), Gradient(light.on(wooded, 0.35), light.on(scale(wooded, 0.7), 0.2)))
    pines = [conifer(x, horizon + 0.004, 0.025 + 0.03 * rng.random(), 0.5) for x in np.arange(0, canvas.aspect, 0.028)]
    canvas.shapes(pines, light.on(scale((42, 82, 66), 1.0), 0.28), 0.9)
    ripple = np.zeros(120)
    for k in range(3):
        ripple += 0.004 * np.sin(np.linspace(0, 34 + 22 * k, 120) + 6 * water_rng.random())
    ripple *= np.linspace(0.25, 1.4, 120)
    canvas.mirror(horizon + 0.004, light.on((44, 96, 128)), 0.34, ripple)
    _wavelets(canvas, water_rng, horizon, 0.9, mix(light.horizon, (255, 255, 255), 0.3), 60, 0.25)
    bank = 0.82 + 0.03 * rng.random()
    edge = _ridge(rng, canvas.aspect, bank + 0.02, 0.05, bumps=3, rough=0.35)
    grass = (236, 241, 248) if light.snow_ground else (104, 146, 66)
    canvas.polygon(_below(edge), Gradient(light.on(grass), light.on(scale(grass, 0.62))))
    if not light.snow_ground:
        _tufts(canvas, rng, bank - 0.015, light.on((70, 116, 50)), count=260, size=0.045, alpha=0.8)
        _tufts(canvas, rng, bank + 0.02, light.on((150, 182, 84)), count=130, size=0.035, alpha=0.7)
    else:
        _tufts(canvas, rng, bank, light.on((164, 150, 120)), count=40, size=0.05, alpha=0.7)
    return Stage(land_y=bank + 0.075, horizon_y=horizon, water_y=0.68)


def mountains(canvas: Canvas, light: Light, rng: np.random.Generator, water_rng: np.random.Generator) -> Stage:
    """Ranges behind ranges over an alpine pasture with stones."""
    horizon = 0.66
    paint_sky(canvas, light, rng, horizon)
    snow = 1.0 if light.snow_ground else 0.45
    _mountains(canvas, light, rng, base=horizon, height=0.50, peaks=3, rock=(122, 132, 158), distance=0.78, snow=snow)
    _mountains(
        canvas,
        light,
        rng,
        base=horizon + 0.05,
        height=0.40,
        peaks=4,
        rock=(98, 104, 122),
        distance=0.42,
        snow=snow * 0.8,
    )
    hill = (206, 214, 222) if light.snow_ground else (88, 112, 84)
    line = _ridge(rng, canvas.aspect, horizon + 0.09, 0.10, bumps=3, rough=0.5)
    canvas.polygon(_below(line), Gradient(light.on(hill, 0.3), light.on(scale(hill, 0.8), 0.15)))
    pines = []
    for _ in range(34):
        x = rng.random() * canvas.aspect
        y = horizon + 0.05 + 0.06 * rng.random()
        pines.append(conifer(x, y, 0.05 + 0.03 * rng.random()))
    canvas.shapes(pines, light.on((46, 76, 64), 0.22), 0.95)
    front = _ridge(rng, canvas.aspect, 0.80, 0.05, bumps=2, rough=0.4)
    grass = (238, 243, 250) if light.snow_ground else (134, 152, 88)
    canvas.polygon(_below(front), Gradient(light.on(grass), light.on(scale(grass, 0.72))))
    _ground_noise(canvas, rng, 0.78, light.on(scale(grass, 0.78)), light.on(scale(grass, 1.1)), 0.35)
    stones = []
    for _ in range(15):
        x, y, r = rng.random() * canvas.aspect, 0.80 + 0.2 * rng.random(), 0.006 + 0.016 * rng.random()
        stones.append(
            [
                (x + r * 1.5 * math.cos(a) * (0.8 + 0.4 * rng.random()), y + r * 0.8 * math.sin(a))
                for a in np.arange(0, 6.2, 0.8)
            ]
        )
    canvas.shapes([[(x + 0.004, y + 0.005) for x, y in s] for s in stones], light.on((66, 70, 70)), 0.7)
    canvas.shapes(stones, light.on((150, 150, 148)), 0.95)
    if not light.snow_ground:
        _tufts(canvas, rng, 0.80, light.on((104, 128, 66)), count=110, size=0.03, alpha=0.7)
    return Stage(land_y=0.90, horizon_y=0.40)


def town(canvas: Canvas, light: Light, rng: np.random.Generator, water_rng: np.random.Generator) -> Stage:
    """A row of gabled fronts, a church tower, a square in front."""
    horizon = 0.62
    paint_sky(canvas, light, rng, horizon)
    aspect = canvas.aspect
    line = _ridge(rng, aspect, 0.60, 0.16, bumps=3, rough=0.4)
    canvas.polygon(_below(line), light.on((150, 160, 168), 0.75))
    far = []
    x = -0.02
    while x < aspect:
        w, h = 0.05 + 0.05 * rng.random(), 0.08 + 0.12 * rng.random()
        top = 0.66 - h
        far.append([(x, 0.7), (x, top), (x + w / 2, top - 0.035), (x + w, top), (x + w, 0.7)])
        x += w * 0.96
    canvas.shapes(far, light.on((168, 150, 142), 0.6))
    tower_x = aspect * (0.2 + 0.6 * rng.random())
    stone = light.on((186, 172, 156), 0.35)
    canvas.polygon(
        [(tower_x - 0.035, 0.7), (tower_x - 0.035, 0.29), (tower_x + 0.035, 0.29), (tower_x + 0.035, 0.7)],
        Gradient(stone, scale(stone, 0.85), across=True),
    )
    canvas.polygon(
        [(tower_x - 0.045, 0.29), (tower_x, 0.13), (tower_x + 0.045, 0.29)],
        Gradient(light.on((112, 124, 126), 0.3), light.on((84, 98, 104), 0.3), across=True),
    )
    canvas.ellipse(tower_x, 0.36, 0.016, 0.016, light.on((240, 236, 220), 0.2))
    walls: tuple[Colour, ...] = (
        (232, 218, 192),
        (222, 196, 170),
        (206, 200, 190),
        (216, 206, 178),
        (198, 184, 176),
        (228, 208, 196),
    )
    x = -0.06 * rng.random()
    ground = 0.78
    while x < aspect:
        w, h = 0.15 + 0.09 * rng.random(), 0.26 + 0.12 * rng.random()
        _front(canvas, light, rng, x, ground, w, h, walls[int(rng.integers(len(walls)))])
        x += w
    paving = (228, 233, 240) if light.snow_ground else (164, 152, 142)
    if light.wet_ground:
        paving = (112, 112, 120)
    canvas.polygon(
        [(0, ground), (aspect, ground), (aspect, 1), (0, 1)],
        Gradient(light.on(scale(paving, 0.82)), light.on(scale(paving, 1.04))),
    )
    canvas.polygon(
        [(0, ground), (aspect, ground), (aspect, ground + 0.022), (0, ground + 0.022)], light.on(scale(paving, 0.66))
    )
    if not light.snow_ground:
        joints: list[list[Point]] = []
        for k in range(7):
            y = ground + 0.03 + 0.19 * (k / 7) ** 1.4
            joints.append([(0, y), (aspect, y)])
        joints += [[(aspect / 2 + k * 0.13, ground + 0.022), (aspect / 2 + k * 0.24, 1.0)] for k in range(-7, 8)]
        canvas.lines(joints, 0.0022, light.on(scale(paving, 0.74)), 0.7)
    return Stage(land_y=0.91, horizon_y=0.34)


def _front(
    canvas: Canvas, light: Light, rng: np.random.Generator, x: float, ground: float, w: float, h: float, wall: Colour
) -> None:
    top = ground - h
    face = light.on(wall, 0.08)
    canvas.polygon(
        [(x, ground), (x, top), (x + w, top), (x + w, ground)], Gradient(scale(face, 1.03), scale(face, 0.86))
    )
    tile = light.on((238, 243, 250) if light.snow_ground else (150, 88, 70), 0.08)
    peak = 0.06 + 0.05 * rng.random()
    if rng.random() < 0.6:
        roof = [(x - 0.008, top), (x + w / 2, top - peak * 1.3), (x + w + 0.008, top)]
    else:
        roof = [
            (x - 0.006, top),
            (x + w * 0.14, top - peak * 0.8),
            (x + w * 0.86, top - peak * 0.8),
            (x + w + 0.006, top),
        ]
    canvas.polygon(roof, Gradient(tile, scale(tile, 0.8)))
    columns = 2 if w < 0.19 else 3
    rows = max(2, int(h / 0.12))
    panes_dark: list[list[Point]] = []
    panes_lit: list[list[Point]] = []
    for r in range(rows):
        for c in range(columns):
            cx = x + w * (c + 0.5) / columns
            cy = top + h * (r + 0.42) / (rows + 0.35)
            pane = [
                (cx - 0.016, cy - 0.027),
                (cx + 0.016, cy - 0.027),
                (cx + 0.016, cy + 0.027),
                (cx - 0.016, cy + 0.027),
            ]
            (panes_lit if light.night and rng.random() < 0.6 else panes_dark).append(pane)
    canvas.shapes(
        [[(px + (px - p[0][0] - 0.016) * 0.22, py) for px, py in p] for p in panes_dark + panes_lit],
        light.on((250, 246, 238)),
        0.75,
    )
    canvas.shapes(panes_dark, light.on((84, 104, 124)))
    if panes_lit:
        canvas.shapes(panes_lit, (255, 214, 130))
        for p in panes_lit:
            canvas.glow(p[0][0] + 0.016, p[0][1] + 0.027, 0.07, (255, 200, 110), 0.35)
    door = x + w * 0.5
    canvas.polygon(
        [(door - 0.017, ground), (door - 0.017, ground - 0.07), (door + 0.017, ground - 0.07), (door + 0.017, ground)],
        light.on((104, 78, 62)),
    )


def forest(canvas: Canvas, light: Light, rng: np.random.Generator, water_rng: np.random.Generator) -> Stage:
    """Firs in ranks, paler with distance, around a clearing."""
    horizon = 0.58
    paint_sky(canvas, light, rng, horizon)
    aspect = canvas.aspect
    green = (48, 92, 62)
    ranks = ((0.60, 0.20, 0.030, 0.85), (0.66, 0.32, 0.055, 0.55), (0.74, 0.46, 0.10, 0.26))
    for base, height, gap, distance in ranks:
        dark = light.on(scale(green, 1.0 - 0.25 * (1 - distance)), distance)
        trees, snow = [], []
        x = -0.03
        while x < aspect + 0.03:
            tall = height * (0.72 + 0.42 * rng.random())
            trees.append(conifer(x, base + 0.02, tall, 0.40))
            snow.append(conifer(x - tall * 0.012, base - tall * 0.10, tall * 0.88, 0.24))
            x += gap * (0.7 + 0.6 * rng.random())
        canvas.shapes(trees, dark)
        if light.snow_ground:
            canvas.shapes(snow, light.on((236, 242, 250), distance), 0.62)
        canvas.polygon(
            [(0, base), (aspect, base), (aspect, base + 0.2), (0, base + 0.2)], light.on(scale(green, 0.82), distance)
        )
        haze = np.clip(1 - np.abs(np.linspace(-1, 1, 40)), 0, 1)[:, None] * np.ones((1, 8)) * 0.34 * distance
        canvas.blend(light.haze, haze, (0.0, base - 0.14, aspect, base + 0.08))
    floor = (238, 243, 249) if light.snow_ground else (110, 104, 60)
    edge = _ridge(rng, aspect, 0.78, 0.03, bumps=4, rough=0.5)
    canvas.polygon(
        _below(edge),
        Gradient(light.on(scale(floor, 0.86)), light.on(scale(floor, 0.70 if not light.snow_ground else 0.95))),
    )
    _ground_noise(canvas, rng, 0.76, light.on(scale(floor, 0.62)), light.on(mix(floor, (160, 170, 90), 0.25)), 0.45)
    if not light.snow_ground:
        _tufts(canvas, rng, 0.78, light.on((60, 92, 48)), count=170, size=0.038, alpha=0.75)
        caps = [(rng.random() * aspect, 0.82 + 0.16 * rng.random(), 0.004) for _ in range(16)]
        canvas.dots(caps, light.on((222, 210, 170)), 0.8, squash=0.6)
    for side in (-1, 1):
        x = aspect / 2 + side * aspect * (0.50 + 0.03 * rng.random())
        tall = 0.78 + 0.16 * rng.random()
        canvas.polygon(
            conifer(x, 0.95, tall, 0.42), Gradient(light.on(scale(green, 0.80)), light.on(scale(green, 0.48)))
        )
        if light.snow_ground:
            canvas.polygon(conifer(x - 0.01, 0.86, tall * 0.88, 0.26), light.on((232, 239, 248)), 0.6)
    if light.contrast > 0.75 and not light.night:
        for _ in range(4):  # shafts of light through the crowns
            x = aspect * (0.25 + 0.6 * rng.random())
            lean = 0.16
            canvas.polygon([(x, 0.18), (x + 0.03, 0.18), (x - lean + 0.08, 0.8), (x - lean, 0.8)], light.sun, 0.10)
    return Stage(land_y=0.90, horizon_y=0.36)


def desert(canvas: Canvas, light: Light, rng: np.random.Generator, water_rng: np.random.Generator) -> Stage:
    """Table mountains and dunes with a lit and a shaded side."""
    horizon = 0.56
    paint_sky(canvas, light, rng, horizon)
    aspect = canvas.aspect
    plain = light.on((214, 160, 112), 0.8)
    canvas.polygon([(0, horizon), (aspect, horizon), (aspect, 1), (0, 1)], plain)
    for _ in range(2 + int(rng.integers(2))):
        x, w, h = rng.random() * aspect, 0.10 + 0.18 * rng.random(), 0.08 + 0.10 * rng.random()
        mesa = [
            (x - w * 0.62, horizon + 0.02),
            (x - w * 0.5, horizon - h * 0.5),
            (x - w * 0.42, horizon - h),
            (x + w * 0.40, horizon - h * 0.98),
            (x + w * 0.47, horizon - h * 0.45),
            (x + w * 0.64, horizon + 0.02),
        ]
        canvas.polygon(mesa, Gradient(light.on((178, 102, 78), 0.5), light.on((190, 124, 96), 0.85)))
        bands = [[(x - w * 0.46, horizon - h * f), (x + w * 0.44, horizon - h * f)] for f in (0.86, 0.7)]
        canvas.lines(bands, 0.006, light.on((146, 80, 66), 0.55), 0.5)
    sand: Colour = (232, 178, 110)
    if light.wet_ground:
        sand = (190, 140, 90)
    for k, (base, height) in enumerate(((0.66, 0.14), (0.78, 0.20), (0.93, 0.19))):
        distance = (0.5, 0.25, 0.0)[k]
        crest_x = aspect * (0.15 + 0.7 * rng.random())
        knots = [
            (-0.05, base - height * (0.05 + 0.3 * rng.random())),
            (crest_x * 0.5, base - height * (0.3 + 0.25 * rng.random())),
            (crest_x, base - height),
            ((crest_x + aspect) / 2, base - height * (0.2 + 0.3 * rng.random())),
            (aspect + 0.05, base - height * (0.02 + 0.35 * rng.random())),
        ]
        line = smooth(knots, closed=False, steps=14)
        lit = light.on(scale(sand, (1.08, 1.05, 1.0)), distance)
        canvas.polygon(_below(line), Gradient(lit, light.on(scale(sand, 0.84), distance * 0.6)))
        crest = smooth(
            [
                (crest_x, base - height),
                (crest_x - 0.05, base - height * 0.55),
                (crest_x + 0.07, base - height * 0.12),
                (crest_x - 0.02, base + 0.12),
            ],
            closed=False,
        )
        right = [p for p in line if p[0] >= crest_x]
        canvas.polygon(
            [*crest, (aspect + 0.05, base + 0.12), *right[::-1]],
            light.on((168, 104, 76), distance),
            0.28 + 0.3 * light.contrast,
        )
    _ground_noise(canvas, rng, 0.80, light.on(scale(sand, 0.72)), light.on(scale(sand, 1.12)), 0.28)
    ripples = []
    for k in range(15):
        y = 0.84 + 0.165 * k / 15
        start = rng.random() * aspect * 0.6 - 0.1
        ripples.append(
            [(start + t * 0.06, y + 0.005 * math.sin(t * 1.3 + k)) for t in range(int(8 + 10 * rng.random()))]
        )
    canvas.lines(ripples, 0.003, light.on(scale(sand, 0.72)), 0.4)
    for _ in range(int(rng.integers(1, 4))):
        _cactus(
            canvas, light, aspect * (0.05 + 0.9 * rng.random()), 0.76 + 0.05 * rng.random(), 0.07 + 0.05 * rng.random()
        )
    return Stage(land_y=0.90, horizon_y=0.44)


def _cactus(canvas: Canvas, light: Light, x: float, y: float, h: float) -> None:
    w = h * 0.16
    green = Gradient(light.on((108, 146, 92), 0.1), light.on((62, 98, 66), 0.1), across=True)
    arms = [
        [(x, y), (x, y - h)],
        [(x, y - h * 0.45), (x + h * 0.26, y - h * 0.47), (x + h * 0.26, y - h * 0.8)],
        [(x, y - h * 0.32), (x - h * 0.25, y - h * 0.34), (x - h * 0.25, y - h * 0.62)],
    ]
    canvas.lines(arms, w, green)
    canvas.dots([(line[-1][0], line[-1][1], w / 2) for line in arms], light.on((108, 146, 92), 0.1))


def meadow(canvas: Canvas, light: Light, rng: np.random.Generator, water_rng: np.random.Generator) -> Stage:
    """Rolling green hills with hedges, a path and flowers."""
    horizon = 0.54
    paint_sky(canvas, light, rng, horizon)
    aspect = canvas.aspect
    snow = light.snow_ground
    for k, (base, height) in enumerate(((0.58, 0.12), (0.66, 0.14), (0.76, 0.15))):
        distance = (0.75, 0.48, 0.22)[k]
        green = (232, 238, 245) if snow else ((112, 158, 92), (124, 172, 84), (104, 158, 66))[k]
        line = _ridge(rng, aspect, base, height, bumps=2, rough=0.25)
        canvas.polygon(
            _below(line), Gradient(light.on(scale(green, 1.06), distance), light.on(scale(green, 0.82), distance * 0.7))
        )
        hedge = []
        for _ in range(9):
            x, y = line[int(rng.integers(4, len(line) - 4))]
            r = (0.010 + 0.014 * rng.random()) * (0.7 + 0.4 * k)
            hedge += [(x + r * 0.9 * j, y + 0.004 - r * (0.2 if j else 0.6), r) for j in (-1, 0, 1)]
        canvas.dots(hedge, light.on((150, 156, 160) if snow else (62, 110, 62), distance), 0.9)
    front = _ridge(rng, aspect, 0.84, 0.07, bumps=2, rough=0.25)
    grass = (238, 243, 250) if snow else (120, 172, 62)
    canvas.polygon(
        _below(front), Gradient(light.on(scale(grass, 1.05)), light.on(scale(grass, 0.66 if not snow else 0.9)))
    )
    path_x = aspect * (0.2 + 0.6 * rng.random())
    bend = 0.2 * (rng.random() - 0.5)
    left = smooth([(path_x - 0.012, 0.79), (path_x + bend - 0.03, 0.86), (path_x - bend - 0.10, 1.03)], closed=False)
    right = smooth([(path_x + 0.012, 0.79), (path_x + bend + 0.05, 0.86), (path_x - bend + 0.10, 1.03)], closed=False)
    canvas.polygon(left + right[::-1], light.on((222, 226, 232) if snow else (206, 184, 132)), 0.85)
    if snow:
        _tufts(canvas, rng, 0.82, light.on((170, 160, 130)), count=36, size=0.04, alpha=0.6)
        return Stage(land_y=0.91, horizon_y=0.42)
    _tufts(canvas, rng, 0.80, light.on((88, 140, 48)), count=320, size=0.04, alpha=0.7)
    _tufts(canvas, rng, 0.84, light.on((160, 200, 90)), count=120, size=0.035, alpha=0.6)
    for colour in ((250, 246, 236), (246, 214, 96), (232, 150, 178)):
        flowers = []
        for _ in range(34):
            depth = rng.random()
            flowers.append((rng.random() * aspect, 0.82 + 0.17 * depth, 0.0025 + 0.0042 * depth))
        canvas.dots(flowers, light.on(colour), 0.9, squash=0.8)
    return Stage(land_y=0.91, horizon_y=0.42)


Landscape = Callable[[Canvas, Light, np.random.Generator, np.random.Generator], Stage]

SCENES: dict[str, Landscape] = {
    "sea": sea,
    "lake": lake,
    "mountains": mountains,
    "town": town,
    "forest": forest,
    "desert": desert,
    "meadow": meadow,
}
