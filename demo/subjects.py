"""The main subjects: boats, lighthouses, houses, cars, trees, animals, balloons, tents.

Belongs here: one function for each kind that paints a single subject. Not here: where it stands and what lies
around it.

A subject is drawn in its own units: u to the right, v upwards, feet (or keel) at v = 0, height about 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from demo.canvas import Canvas, Colour, Gradient, Paint, Point, ellipse_points, mix, scale, smooth
from demo.light import Light

__all__ = ["COLOURS", "SUBJECTS", "Subject"]

COLOURS: dict[str, Colour] = {
    "red": (212, 44, 44),
    "orange": (240, 132, 36),
    "yellow": (246, 206, 50),
    "green": (44, 150, 78),
    "blue": (40, 92, 206),
    "purple": (134, 70, 176),
    "pink": (244, 150, 184),
    "brown": (132, 80, 46),
    "white": (248, 248, 246),
    "black": (40, 40, 46),
}


@dataclass(frozen=True)
class Brush:
    """Places a subject's own units on the canvas: feet at (x, y), one unit = `size`, `side` -1 mirrors it."""

    canvas: Canvas
    light: Light
    x: float
    y: float
    size: float
    side: int

    def at(self, points: Sequence[Point]) -> list[Point]:
        return [(self.x + self.side * u * self.size, self.y - v * self.size) for u, v in points]

    def fill(self, points: Sequence[Point], paint: Paint, alpha: float = 1.0) -> None:
        self.canvas.polygon(self.at(points), paint, alpha)

    def curve(self, points: Sequence[Point], paint: Paint, alpha: float = 1.0) -> None:
        self.canvas.polygon(self.at(smooth(points)), paint, alpha)

    def oval(
        self, u: float, v: float, ru: float, rv: float, paint: Paint, alpha: float = 1.0, angle: float = 0
    ) -> None:
        self.canvas.polygon(self.at(ellipse_points(u, v, ru, rv, -angle)), paint, alpha)

    def stroke(self, lines: Sequence[Sequence[Point]], width: float, paint: Paint, alpha: float = 1.0) -> None:
        self.canvas.lines([self.at(line) for line in lines], width * self.size, paint, alpha)

    def shadow(self, half: float, lift: float = 0.0) -> None:
        """The soft shade that a subject throws on the ground below it."""
        for grow, alpha in ((1.15, 0.14), (0.95, 0.18), (0.7, 0.2)):
            self.oval(0.03, lift, half * grow, 0.05 * grow, (16, 20, 34), alpha)

    def rim(self, shapes: Sequence[Sequence[Point]]) -> None:
        """A thin edge of light around dark shapes, so that they stand out at night and at dusk."""
        light = self.light
        if light.night:
            glow: Colour = (188, 204, 240)
            alpha = 0.85
        else:
            glow = mix(light.horizon, (255, 255, 255), 0.45)
            alpha = 0.65
        spread = 0.012
        for du, dv in ((-spread, spread), (spread, spread), (0.0, spread * 1.6)):
            self.canvas.shapes([self.at([(u + du, v + dv) for u, v in s]) for s in shapes], glow, alpha)

    def tone(self, colour: Colour) -> Colour:
        return self.light.on_subject(colour)

    def shade(self, colour: Colour, strength: float = 0.24) -> Gradient:
        """From a lit upper side to a darker lower side."""
        own = self.tone(colour)
        return Gradient(mix(own, (255, 255, 255), 0.10 if not self.light.night else 0.05), scale(own, 1 - strength))


def sailboat(b: Brush, colour: Colour, rng: np.random.Generator) -> None:
    hull = [(-0.50, 0.16), (0.56, 0.18), (0.46, 0.06), (0.36, 0.0), (-0.36, 0.0), (-0.46, 0.07)]
    main = [(0.02, 1.0), (0.02, 0.24), (-0.44, 0.22), (-0.30, 0.40), (-0.12, 0.70)]
    jib = [(0.06, 0.90), (0.06, 0.25), (0.50, 0.23), (0.30, 0.46)]
    own = b.tone(colour)
    pale = b.tone((250, 248, 242)) if colour != COLOURS["white"] else b.tone((214, 222, 232))
    # Reflection first: the same shapes upside down, wavering and fading.
    for shape, paint, alpha in ((hull, own, 0.42), (main, own, 0.26), (jib, pale, 0.24)):
        b.fill([(u + 0.03 * np.sin(v * 17), -v * 0.34) for u, v in shape], paint, alpha)
    b.fill([(0.005, 0.1), (0.005, 1.05), (0.03, 1.05), (0.03, 0.1)], b.tone((92, 70, 54)))
    b.fill(main, Gradient(mix(own, (255, 255, 255), 0.14), scale(own, 0.86)))
    b.stroke([[(0.02, v), (-0.46 * (1.04 - v), v - 0.01)] for v in (0.42, 0.60, 0.78)], 0.008, scale(own, 0.78), 0.6)
    b.fill(jib, Gradient(pale, scale(pale, 0.86)))
    b.fill(hull, Gradient(own, scale(own, 0.66)))
    b.fill([(-0.50, 0.16), (0.56, 0.18), (0.545, 0.155), (-0.49, 0.135)], pale)
    b.oval(0.02, -0.004, 0.62, 0.018, mix(b.light.horizon, (255, 255, 255), 0.35), 0.5)


def lighthouse(b: Brush, colour: Colour, rng: np.random.Generator) -> None:
    rock = b.light.on((104, 96, 92), 0.05)
    b.curve(
        [(-0.42, -0.04), (-0.32, 0.05), (-0.16, 0.11), (0.14, 0.12), (0.34, 0.04), (0.44, -0.04), (0.1, -0.07)],
        Gradient(mix(rock, (255, 255, 255), 0.12), scale(rock, 0.7)),
    )
    own, pale = b.tone(colour), b.tone((247, 245, 238))
    if colour == COLOURS["white"]:
        pale = b.tone((240, 240, 238))
    edges = [(0.125, 0.08), (0.085, 0.78)]

    def half(v: float) -> float:
        return float(np.interp(v, [edges[0][1], edges[1][1]], [edges[0][0], edges[1][0]]))

    bands = [0.08, 0.22, 0.36, 0.50, 0.64, 0.78]
    for k in range(5):
        low, high = bands[k], bands[k + 1]
        paint = own if k % 2 == 0 else pale
        b.fill(
            [(-half(low), low), (-half(high), high), (half(high), high), (half(low), low)],
            Gradient(mix(paint, (255, 255, 255), 0.08), scale(paint, 0.66), across=True),
        )
    dark = b.tone((58, 62, 72))
    b.fill([(-0.125, 0.78), (-0.125, 0.805), (0.125, 0.805), (0.125, 0.78)], dark)
    glass = (255, 236, 160) if b.light.night or not b.light.sun_visible else b.tone((206, 224, 232))
    b.fill([(-0.06, 0.805), (-0.06, 0.89), (0.06, 0.89), (0.06, 0.805)], glass)
    b.stroke([[(u, 0.805), (u, 0.89)] for u in (-0.06, -0.02, 0.02, 0.06)], 0.008, dark)
    b.curve([(-0.085, 0.885), (-0.05, 0.945), (0.0, 0.985), (0.05, 0.945), (0.085, 0.885)], own)
    for v in (0.30, 0.58):
        b.fill([(-0.016, v - 0.03), (-0.016, v + 0.03), (0.016, v + 0.03), (0.016, v - 0.03)], dark)
    if b.light.night:
        x, y = b.at([(0.0, 0.85)])[0]
        beam = (255, 240, 180)
        for reach in (0.3, 0.55, 0.8, 1.1):  # brightest near the lamp
            for side, low, high in ((-1, -0.12, 0.02), (1, -0.02, 0.12)):
                end = x + side * reach
                b.canvas.polygon(
                    [(x, y - 0.008), (end, y + low * reach), (end, y + high * reach), (x, y + 0.008)], beam, 0.07
                )
        b.canvas.glow(x, y, 0.13, beam, 0.85)


def house(b: Brush, colour: Colour, rng: np.random.Generator) -> None:
    b.shadow(0.72, 0.0)
    own = b.tone(colour)
    roof = b.tone((92, 76, 78)) if not b.light.snow_ground else b.tone((240, 244, 250))
    trim = b.tone((250, 248, 242))
    b.fill([(-0.10, 0.0), (-0.10, 0.50), (0.64, 0.50), (0.64, 0.0)], Gradient(scale(own, 0.80), scale(own, 0.66)))
    b.fill(
        [(-0.62, 0.0), (-0.62, 0.50), (-0.36, 0.90), (-0.10, 0.50), (-0.10, 0.0)],
        Gradient(mix(own, (255, 255, 255), 0.08), scale(own, 0.9)),
    )
    b.fill([(0.36, 0.70), (0.36, 1.0), (0.48, 1.0), (0.48, 0.70)], b.tone((140, 92, 80)))
    b.fill([(-0.36, 0.94), (-0.06, 0.47), (0.70, 0.47), (0.44, 0.94)], Gradient(roof, scale(roof, 0.78)))
    b.fill(
        [(-0.36, 0.96), (-0.70, 0.45), (-0.63, 0.43), (-0.36, 0.85), (-0.09, 0.43), (-0.03, 0.45)], scale(roof, 0.88)
    )
    lit = b.light.night or (not b.light.sun_visible and b.light.contrast < 0.5)
    pane = (255, 214, 124) if lit else b.tone((108, 138, 164))
    for u, v, w, h in (
        (-0.36, 0.52, 0.075, 0.09),
        (-0.50, 0.20, 0.06, 0.09),
        (0.14, 0.26, 0.07, 0.09),
        (0.44, 0.26, 0.07, 0.09),
    ):
        b.fill(
            [
                (u - w - 0.015, v - h - 0.015),
                (u - w - 0.015, v + h + 0.015),
                (u + w + 0.015, v + h + 0.015),
                (u + w + 0.015, v - h - 0.015),
            ],
            trim,
        )
        b.fill([(u - w, v - h), (u - w, v + h), (u + w, v + h), (u + w, v - h)], pane)
        b.stroke([[(u, v - h), (u, v + h)], [(u - w, v), (u + w, v)]], 0.014, trim)
        if b.light.night:
            x, y = b.at([(u, v)])[0]
            b.canvas.glow(x, y, 0.28 * b.size, (255, 200, 110), 0.4)
    b.fill([(-0.32, 0.0), (-0.32, 0.30), (-0.17, 0.30), (-0.17, 0.0)], b.tone((96, 66, 52)))


def car(b: Brush, colour: Colour, rng: np.random.Generator) -> None:
    b.shadow(0.98, 0.01)
    own = b.tone(colour)
    body = [
        (-0.98, 0.24),
        (-0.99, 0.44),
        (-0.92, 0.54),
        (-0.58, 0.58),
        (-0.36, 0.92),
        (-0.18, 1.0),
        (0.26, 1.0),
        (0.42, 0.93),
        (0.62, 0.60),
        (0.92, 0.52),
        (1.0, 0.40),
        (0.99, 0.22),
        (0.9, 0.16),
        (-0.9, 0.16),
    ]
    b.fill(smooth(body, steps=4), Gradient(mix(own, (255, 255, 255), 0.16), scale(own, 0.72)))
    glass = b.tone((164, 196, 214)) if not b.light.night else (84, 98, 130)
    b.fill(
        [(-0.46, 0.62), (-0.29, 0.89), (-0.02, 0.92), (-0.02, 0.62)], Gradient(mix(glass, (255, 255, 255), 0.3), glass)
    )
    b.fill(
        [(0.05, 0.62), (0.05, 0.92), (0.25, 0.91), (0.36, 0.86), (0.51, 0.62)],
        Gradient(mix(glass, (255, 255, 255), 0.3), glass),
    )
    b.stroke([[(0.015, 0.22), (0.015, 0.9)], [(-0.9, 0.38), (0.94, 0.38)]], 0.012, scale(own, 0.66), 0.7)
    b.stroke([[(0.16, 0.50), (0.26, 0.50)], [(-0.34, 0.50), (-0.24, 0.50)]], 0.025, scale(own, 0.6))
    for u in (-0.56, 0.58):
        b.oval(u, 0.17, 0.215, 0.215, scale(own, 0.45))
        b.oval(u, 0.17, 0.19, 0.19, b.tone((34, 34, 38)))
        b.oval(u, 0.17, 0.10, 0.10, b.tone((190, 194, 200)))
        b.oval(u, 0.17, 0.035, 0.035, b.tone((90, 92, 98)))
    b.oval(0.95, 0.42, 0.035, 0.05, (255, 244, 200))
    b.oval(-0.965, 0.43, 0.025, 0.05, (220, 40, 40))
    if b.light.night or b.light.wet_ground:
        x, y = b.at([(0.98, 0.42)])[0]
        b.canvas.polygon([(x, y), (x + b.side * 0.34, y - 0.03), (x + b.side * 0.34, y + 0.09)], (255, 240, 190), 0.22)
        b.canvas.glow(x, y, 0.09, (255, 240, 190), 0.7)


def tree(b: Brush, colour: Colour, rng: np.random.Generator) -> None:
    b.shadow(0.34)
    bark = b.tone((98, 72, 54))
    b.fill(
        smooth([(-0.075, 0.0), (-0.045, 0.14), (-0.035, 0.42), (0.035, 0.42), (0.045, 0.14), (0.085, 0.0)], steps=5),
        Gradient(bark, scale(bark, 0.7), across=True),
    )
    b.stroke([[(0.0, 0.34), (-0.15, 0.50)], [(0.0, 0.38), (0.16, 0.54)]], 0.032, bark)
    own = b.tone(colour)
    puffs = [
        (-0.25, 0.54, 0.17),
        (0.26, 0.55, 0.17),
        (-0.17, 0.72, 0.18),
        (0.17, 0.73, 0.18),
        (0.0, 0.58, 0.20),
        (0.0, 0.82, 0.17),
    ]
    jitter = [
        (u + rng.normal(0, 0.018), v + rng.normal(0, 0.014), r * (0.94 + 0.12 * rng.random())) for u, v, r in puffs
    ]
    b.canvas.shapes([b.at(ellipse_points(u, v - 0.02, r, r * 0.95)) for u, v, r in jitter], scale(own, 0.66))
    b.canvas.shapes([b.at(ellipse_points(u - 0.015, v + 0.02, r * 0.88, r * 0.82)) for u, v, r in jitter], own)
    bright = mix(own, (255, 255, 255), 0.22)
    b.canvas.shapes([b.at(ellipse_points(u - 0.05, v + 0.06, r * 0.5, r * 0.42)) for u, v, r in jitter], bright, 0.8)
    leaves = []
    for _ in range(46):
        u, v, r = jitter[int(rng.integers(len(jitter)))]
        a, d = rng.random() * 6.28, r * np.sqrt(rng.random())
        leaves.append((*b.at([(float(u + d * np.cos(a)), float(v + d * np.sin(a)))])[0], 0.016 * b.size))
    b.canvas.dots(leaves[::2], bright, 0.6)
    b.canvas.dots(leaves[1::2], scale(own, 0.74), 0.6)
    if b.light.snow_ground:
        snow = b.tone((246, 249, 255))
        b.canvas.shapes([b.at(ellipse_points(u, v + r * 0.62, r * 0.6, r * 0.2)) for u, v, r in jitter[2:]], snow, 0.85)


def dog(b: Brush, colour: Colour, rng: np.random.Generator) -> None:
    b.shadow(0.60)
    body = smooth(
        [
            (-0.55, 0.56),
            (-0.48, 0.67),
            (-0.16, 0.66),
            (0.16, 0.70),
            (0.28, 0.86),
            (0.37, 1.0),
            (0.50, 1.01),
            (0.58, 0.92),
            (0.76, 0.86),
            (0.80, 0.80),
            (0.75, 0.74),
            (0.56, 0.71),
            (0.46, 0.64),
            (0.41, 0.48),
            (0.30, 0.34),
            (0.0, 0.39),
            (-0.26, 0.43),
            (-0.44, 0.36),
            (-0.56, 0.42),
        ]
    )
    tail = smooth(
        [(-0.50, 0.62), (-0.64, 0.72), (-0.72, 0.90), (-0.70, 1.04), (-0.64, 0.94), (-0.56, 0.78), (-0.44, 0.66)]
    )
    far = [
        [(0.16, 0.42), (0.30, 0.42), (0.25, 0.04), (0.31, 0.0), (0.16, 0.0)],
        [(-0.40, 0.46), (-0.20, 0.44), (-0.32, 0.24), (-0.27, 0.04), (-0.21, 0.0), (-0.36, 0.0), (-0.40, 0.24)],
    ]
    near = [
        [(0.26, 0.46), (0.42, 0.48), (0.38, 0.04), (0.45, 0.0), (0.28, 0.0), (0.28, 0.2)],
        [(-0.56, 0.52), (-0.28, 0.48), (-0.42, 0.24), (-0.38, 0.04), (-0.31, 0.0), (-0.48, 0.0), (-0.53, 0.24)],
    ]
    own = b.tone(colour)
    b.rim([body, tail, *far, *near])
    for leg in far:
        b.fill(leg, scale(own, 0.70))
    b.fill(tail, own)
    b.fill(body, b.shade(colour, 0.22))
    for leg in near:
        b.fill(leg, Gradient(scale(own, 0.86), scale(own, 0.92)))
    b.curve(
        [(0.34, 0.98), (0.26, 0.88), (0.26, 0.70), (0.34, 0.66), (0.42, 0.80), (0.44, 0.96)],
        scale(own, 0.66) if colour != COLOURS["black"] else mix(own, (255, 255, 255), 0.14),
    )
    b.oval(0.535, 0.90, 0.024, 0.026, b.tone((24, 20, 20)))
    b.oval(0.54, 0.908, 0.008, 0.009, (255, 255, 255))
    b.oval(0.785, 0.825, 0.036, 0.032, b.tone((26, 22, 24)))
    b.stroke([[(0.76, 0.76), (0.66, 0.76)]], 0.012, scale(own, 0.5))
    b.fill([(0.24, 0.80), (0.30, 0.86), (0.47, 0.69), (0.42, 0.62)], b.tone((200, 60, 56)))


def horse(b: Brush, colour: Colour, rng: np.random.Generator) -> None:
    b.shadow(0.55)
    body = smooth(
        [
            (-0.47, 0.54),
            (-0.42, 0.66),
            (-0.26, 0.70),
            (-0.02, 0.645),
            (0.16, 0.69),
            (0.27, 0.83),
            (0.38, 0.97),
            (0.46, 0.965),
            (0.55, 0.86),
            (0.645, 0.76),
            (0.64, 0.70),
            (0.575, 0.695),
            (0.50, 0.765),
            (0.43, 0.76),
            (0.375, 0.60),
            (0.335, 0.47),
            (0.20, 0.40),
            (-0.05, 0.375),
            (-0.26, 0.42),
            (-0.42, 0.42),
        ]
    )
    ears = [[(0.36, 0.955), (0.37, 1.06), (0.42, 0.97)], [(0.41, 0.96), (0.435, 1.05), (0.465, 0.955)]]
    far = [
        [(0.14, 0.44), (0.27, 0.44), (0.225, 0.24), (0.235, 0.05), (0.255, 0.0), (0.165, 0.0), (0.175, 0.22)],
        [(-0.36, 0.50), (-0.18, 0.46), (-0.29, 0.28), (-0.25, 0.05), (-0.225, 0.0), (-0.32, 0.0), (-0.345, 0.27)],
    ]
    near = [
        [(0.22, 0.48), (0.36, 0.52), (0.315, 0.25), (0.325, 0.05), (0.35, 0.0), (0.255, 0.0), (0.26, 0.24)],
        [(-0.47, 0.56), (-0.24, 0.50), (-0.38, 0.29), (-0.345, 0.05), (-0.32, 0.0), (-0.42, 0.0), (-0.44, 0.28)],
    ]
    own = b.tone(colour)
    if colour == COLOURS["white"]:
        hair = b.tone((206, 198, 186))
    elif colour == COLOURS["black"]:
        hair = b.tone((66, 64, 74))
    else:
        hair = b.tone((56, 34, 26))
    tail = smooth(
        [(-0.45, 0.64), (-0.55, 0.60), (-0.62, 0.42), (-0.60, 0.20), (-0.53, 0.14), (-0.54, 0.34), (-0.46, 0.52)]
    )
    b.rim([body, tail, *ears, *far, *near])
    for leg in far:
        b.fill(leg, scale(own, 0.66))
    b.fill(tail, hair)
    for ear in ears:
        b.fill(ear, own)
    b.fill(body, b.shade(colour, 0.26))
    hoof = b.tone((48, 42, 40))
    for leg in near:
        b.fill(leg, Gradient(scale(own, 0.84), scale(own, 0.94)))
    for u in (0.255, -0.42, 0.165, -0.32):
        b.fill([(u, 0.0), (u + 0.012, 0.04), (u + 0.075, 0.04), (u + 0.095, 0.0)], hoof)
    b.curve(
        [
            (0.40, 1.0),
            (0.30, 0.93),
            (0.18, 0.76),
            (0.12, 0.68),
            (0.19, 0.66),
            (0.27, 0.74),
            (0.36, 0.88),
            (0.43, 0.93),
            (0.47, 0.90),
            (0.46, 0.99),
        ],
        hair,
    )
    b.oval(0.50, 0.875, 0.016, 0.018, b.tone((22, 18, 18)))
    b.oval(0.625, 0.735, 0.012, 0.010, scale(own, 0.45))


def bird(b: Brush, colour: Colour, rng: np.random.Generator) -> None:
    own = b.tone(colour)
    lift = 0.9 + 0.2 * rng.random()
    far_wing = smooth(
        [
            (0.10, 0.44),
            (0.14, 0.66 * lift),
            (0.34, 0.92 * lift),
            (0.62, 1.02 * lift),
            (0.46, 0.80 * lift),
            (0.36, 0.56),
            (0.26, 0.40),
        ]
    )
    near_wing = smooth(
        [
            (0.12, 0.42),
            (-0.06, 0.70 * lift),
            (-0.34, 0.94 * lift),
            (-0.74, 1.0 * lift),
            (-0.52, 0.80 * lift),
            (-0.30, 0.56),
            (-0.12, 0.36),
        ]
    )
    body = smooth(
        [
            (-0.52, 0.26),
            (-0.30, 0.34),
            (-0.02, 0.44),
            (0.26, 0.46),
            (0.42, 0.50),
            (0.52, 0.44),
            (0.48, 0.36),
            (0.30, 0.26),
            (0.0, 0.22),
            (-0.26, 0.24),
        ]
    )
    tail = [(-0.36, 0.32), (-0.74, 0.30), (-0.64, 0.24), (-0.72, 0.18), (-0.34, 0.26)]
    b.rim([body, near_wing, far_wing, tail])
    b.fill(far_wing, scale(own, 0.78))
    b.fill(tail, scale(own, 0.8))
    b.fill(body, Gradient(mix(own, (255, 255, 255), 0.12), scale(own, 0.84)))
    b.fill(near_wing, Gradient(scale(own, 0.92), mix(own, (255, 255, 255), 0.06)))
    tip = scale(own, 0.55) if colour != COLOURS["black"] else mix(own, (255, 255, 255), 0.2)
    b.stroke([[(-0.05, 0.55), (-0.40, 0.84 * lift)], [(-0.10, 0.48), (-0.36, 0.70 * lift)]], 0.016, tip, 0.6)
    b.fill([(0.50, 0.46), (0.64, 0.41), (0.49, 0.38)], b.tone((240, 164, 40)))
    b.oval(0.43, 0.44, 0.020, 0.020, b.tone((20, 18, 20)))


def balloon(b: Brush, colour: Colour, rng: np.random.Generator) -> None:
    own, pale = b.tone(colour), b.tone((252, 246, 230))
    if colour == COLOURS["white"]:
        pale = b.tone((216, 222, 230))
    top, middle, neck = 1.0, 0.66, 0.26

    def outline(width: float) -> list[Point]:
        right = [
            (0.0, top),
            (0.18 * width, 0.975),
            (0.31 * width, 0.88),
            (0.355 * width, middle),
            (0.29 * width, 0.47),
            (0.15 * width, 0.32),
            (0.07 * width, neck),
        ]
        return smooth(right + [(-u, v) for u, v in right[:0:-1]], steps=6)

    b.fill(outline(1.0), Gradient(mix(own, (255, 255, 255), 0.16), scale(own, 0.72), across=True))
    b.fill(outline(0.62), Gradient(mix(pale, own, 0.12), scale(pale, 0.84), across=True))
    b.fill(outline(0.34), Gradient(mix(own, (255, 255, 255), 0.10), scale(own, 0.84), across=True))
    b.fill(
        [(-0.352, middle + 0.035), (0.352, middle + 0.035), (0.352, middle - 0.035), (-0.352, middle - 0.035)],
        Gradient(own, scale(own, 0.72), across=True),
    )
    b.stroke([[(-0.06, neck), (-0.05, 0.11)], [(0.06, neck), (0.05, 0.11)]], 0.008, b.tone((70, 56, 46)))
    if b.light.night:
        x, y = b.at([(0.0, 0.24)])[0]
        b.canvas.glow(x, y, 0.26 * b.size, (255, 196, 96), 0.8)
    b.fill(
        [(-0.07, 0.12), (-0.06, 0.0), (0.06, 0.0), (0.07, 0.12)],
        Gradient(b.tone((160, 112, 64)), b.tone((112, 74, 42))),
    )


def tent(b: Brush, colour: Colour, rng: np.random.Generator) -> None:
    b.shadow(0.86)
    own = b.tone(colour)
    glow = (255, 214, 130) if b.light.night else own
    b.fill(
        [(-0.28, 1.0), (0.62, 0.86), (0.98, 0.0), (0.10, 0.0)],
        Gradient(scale(mix(own, glow, 0.12), 0.86), scale(own, 0.66)),
    )
    b.fill([(-0.28, 1.0), (-0.90, 0.0), (0.22, 0.0)], Gradient(mix(own, (255, 255, 255), 0.14), own))
    inside = mix(scale(own, 0.34), glow, 0.75) if b.light.night else scale(own, 0.32)
    b.fill([(-0.28, 0.86), (-0.52, 0.0), (-0.02, 0.0)], inside)
    b.fill([(-0.28, 0.86), (-0.52, 0.0), (-0.66, 0.0)], mix(own, (255, 255, 255), 0.3))
    b.stroke([[(-0.28, 1.0), (-1.06, -0.02)], [(0.62, 0.86), (1.16, -0.02)]], 0.012, b.tone((240, 236, 220)), 0.8)
    if b.light.night:
        x, y = b.at([(-0.28, 0.3)])[0]
        b.canvas.glow(x, y, 0.6 * b.size, (255, 200, 110), 0.5)


Draw = Callable[[Brush, Colour, np.random.Generator], None]


@dataclass(frozen=True)
class Subject:
    """A kind of subject: its words, where it can be, how big it is (heights and widths as in the picture)."""

    name: str
    plural: str
    draw: Draw
    colours: tuple[str, ...]
    scenes: tuple[str, ...]
    height: float  # of one alone, 1 = the picture's height
    half_width: float  # in its own units
    place: str  # "land", "water", "sky" or "shore"
    synonyms: tuple[tuple[str, str], ...] = ()  # (singular, plural)


SUBJECTS: dict[str, Subject] = {
    s.name: s
    for s in (
        Subject(
            "sailboat",
            "sailboats",
            sailboat,
            ("red", "blue", "yellow", "white", "green", "orange"),
            ("sea", "lake"),
            0.42,
            0.56,
            "water",
            (("boat", "boats"), ("sailing boat", "sailing boats"), ("ship", "ships")),
        ),
        Subject(
            "lighthouse",
            "lighthouses",
            lighthouse,
            ("red", "blue", "white", "black"),
            ("sea", "lake"),
            0.58,
            0.34,
            "shore",
            (("light tower", "light towers"),),
        ),
        Subject(
            "house",
            "houses",
            house,
            ("red", "blue", "yellow", "white", "green", "orange"),
            ("sea", "lake", "mountains", "forest", "desert", "meadow"),
            0.30,
            0.68,
            "land",
            (("home", "homes"), ("cottage", "cottages"), ("cabin", "cabins")),
        ),
        Subject(
            "car",
            "cars",
            car,
            ("red", "blue", "yellow", "white", "green", "orange", "black"),
            ("sea", "mountains", "town", "forest", "desert", "meadow"),
            0.19,
            1.0,
            "land",
            (("automobile", "automobiles"), ("vehicle", "vehicles")),
        ),
        Subject(
            "tree",
            "trees",
            tree,
            ("green", "red", "pink", "yellow"),
            ("sea", "lake", "town", "desert", "meadow"),
            0.46,
            0.42,
            "land",
        ),
        Subject(
            "dog",
            "dogs",
            dog,
            ("brown", "black", "white"),
            ("sea", "lake", "mountains", "town", "forest", "desert", "meadow"),
            0.27,
            0.76,
            "land",
            (("puppy", "puppies"),),
        ),
        Subject(
            "horse",
            "horses",
            horse,
            ("brown", "black", "white"),
            ("sea", "lake", "mountains", "forest", "desert", "meadow"),
            0.40,
            0.62,
            "land",
            (("pony", "ponies"),),
        ),
        Subject(
            "bird",
            "birds",
            bird,
            ("white", "black", "red", "blue", "yellow"),
            ("sea", "lake", "mountains", "town", "forest", "desert", "meadow"),
            0.24,
            0.70,
            "sky",
            (("gull", "gulls"), ("seagull", "seagulls")),
        ),
        Subject(
            "balloon",
            "balloons",
            balloon,
            ("red", "blue", "yellow", "green", "orange", "purple"),
            ("sea", "lake", "mountains", "town", "desert", "meadow"),
            0.38,
            0.38,
            "sky",
            (("hot air balloon", "hot air balloons"),),
        ),
        Subject(
            "tent",
            "tents",
            tent,
            ("red", "blue", "yellow", "green", "orange", "purple"),
            ("lake", "mountains", "forest", "desert", "meadow"),
            0.22,
            1.0,
            "land",
            (("camping tent", "camping tents"),),
        ),
    )
}
