"""A postcard: one frozen description of a drawn picture, its captions, and its pixels at any size.

Belongs here: what a picture shows, how people would word it, which combinations training never sees. Not here:
how shapes are painted (`scenery`, `subjects`), files and folders (`library`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

from demo.canvas import Canvas
from demo.light import Light, light_of
from demo.scenery import SCENES, Stage, paint_fog, paint_weather
from demo.subjects import COLOURS, SUBJECTS, Brush, Subject

__all__ = [
    "HELD_OUT",
    "SPLITS",
    "TIMES",
    "WEATHERS",
    "Phrase",
    "Postcard",
    "claims_of",
    "draw_postcards",
    "is_held_out",
    "vocabulary",
]

TIMES = ("day", "dawn", "sunset", "night")
WEATHERS = ("clear", "cloudy", "rain", "snow", "fog")
COUNTS = {1: ("a", "one", "a single"), 2: ("two", "a pair of"), 3: ("three",)}

# Combinations that training never shows together, each part of which it shows elsewhere.
HELD_OUT: tuple[Mapping[str, str | int], ...] = (
    {"subject": "sailboat", "colour": "red", "time": "night"},
    {"subject": "car", "colour": "blue", "weather": "snow"},
    {"subject": "horse", "colour": "white", "time": "sunset"},
    {"subject": "house", "colour": "yellow", "scene": "mountains"},
    {"subject": "dog", "count": 3, "scene": "sea"},
    {"subject": "balloon", "colour": "purple", "weather": "rain"},
    {"subject": "tree", "colour": "pink", "time": "dawn"},
    {"subject": "bird", "colour": "black", "weather": "fog"},
    {"subject": "tent", "colour": "green", "scene": "desert"},
)

# Picture seeds of each use lie apart, so that no picture of one can be a picture of another.
SPLITS: dict[str, range] = {
    "training": range(2**30),
    "evaluation": range(2**30, 2**30 + 2**29),
    "library": range(2**30 + 2**29, 2**31),
}

_SCENE_WORDS: dict[str, tuple[str, ...]] = {
    "sea": ("by the sea", "at the sea", "by the ocean", "on the beach", "at the seaside", "on the coast"),
    "lake": ("by a lake", "at the lake", "by a mountain lake"),
    "mountains": ("in the mountains", "in front of mountains", "in the alps"),
    "town": ("in a town", "in the city", "in a village", "in the street"),
    "forest": ("in a forest", "in the woods", "in front of fir trees"),
    "desert": ("in the desert", "in sand dunes", "among the dunes"),
    "meadow": ("in a meadow", "in green hills", "in the fields", "in the countryside"),
}
_SCENE_ALONE: dict[str, tuple[str, ...]] = {
    "sea": ("the sea", "sea", "ocean", "beach", "coast"),
    "lake": ("a lake", "lake", "mountain lake"),
    "mountains": ("mountains", "the alps", "mountain landscape"),
    "town": ("a town", "town", "city", "village", "street", "buildings"),
    "forest": ("a forest", "forest", "woods"),
    "desert": ("the desert", "desert", "dunes", "sand dunes"),
    "meadow": ("a meadow", "meadow", "fields", "countryside", "green hills"),
}
_TIME_WORDS: dict[str, tuple[str, ...]] = {
    "day": ("by day", "during the day", "in daylight"),
    "dawn": ("at dawn", "at sunrise", "early in the morning"),
    "sunset": ("at sunset", "at dusk", "in the evening"),
    "night": ("at night", "by night", "in the dark"),
}
_TIME_ALONE: dict[str, tuple[str, ...]] = {
    "day": ("daylight", "day", "daytime"),
    "dawn": ("dawn", "sunrise", "morning"),
    "sunset": ("sunset", "dusk", "evening", "a sunset"),
    "night": ("night", "darkness"),
}
_WEATHER_WORDS: dict[str, tuple[str, ...]] = {
    "clear": ("under a clear sky", "in clear weather", "in fine weather"),
    "cloudy": ("under a cloudy sky", "under clouds", "in cloudy weather", "under an overcast sky"),
    "rain": ("in the rain", "in rainy weather", "while it rains"),
    "snow": ("in the snow", "in falling snow", "while it snows", "in winter"),
    "fog": ("in fog", "in the mist", "in foggy weather"),
}
_WEATHER_ALONE: dict[str, tuple[str, ...]] = {
    "clear": ("clear sky", "fine weather"),
    "cloudy": ("clouds", "cloudy", "overcast sky"),
    "rain": ("rain", "rainy", "rainy weather"),
    "snow": ("snow", "snowy", "winter", "falling snow"),
    "fog": ("fog", "mist", "foggy", "misty"),
}
_OPENERS = ("", "", "", "a photo of ", "a picture of ", "a drawing of ", "a postcard of ")


@dataclass(frozen=True)
class Phrase:
    """Words and what they claim; an attribute left out is not spoken of."""

    text: str
    claims: tuple[tuple[str, str | int], ...]


@dataclass(frozen=True)
class Postcard:
    """Everything that decides the pixels. `moment` counts frames of one burst: the same picture a second on."""

    seed: int
    scene: str
    subject: str
    colour: str
    count: int
    time: str
    weather: str
    moment: int = 0

    def attributes(self) -> dict[str, str | int]:
        return {
            "scene": self.scene,
            "subject": self.subject,
            "colour": self.colour,
            "count": self.count,
            "time": self.time,
            "weather": self.weather,
        }

    @property
    def kind(self) -> Subject:
        return SUBJECTS[self.subject]

    @property
    def caption(self) -> str:
        """The canonical caption: one for each combination of attributes."""
        noun = self.kind.name if self.count == 1 else self.kind.plural
        article = "an" if self.count == 1 and self.colour[0] in "aeiou" else COUNTS[self.count][0]
        return " ".join(
            (
                article,
                self.colour,
                noun,
                _SCENE_WORDS[self.scene][0],
                _TIME_WORDS[self.time][0],
                _WEATHER_WORDS[self.weather][0],
            )
        )

    def matches(self, claims: Mapping[str, str | int] | tuple[tuple[str, str | int], ...]) -> bool:
        """Whether all the claims are true of this picture."""
        own = self.attributes()
        return all(own[key] == value for key, value in dict(claims).items())

    def paraphrase(self, rng: np.random.Generator) -> Phrase:
        """The same claims as the caption in other words and another order."""
        own = self.attributes()
        phrases = [_SCENE_WORDS[self.scene], _TIME_WORDS[self.time], _WEATHER_WORDS[self.weather]]
        parts = [_pick(rng, options) for options in phrases]
        order = rng.permutation(3)
        text = " ".join([self._noun_phrase(rng), *(parts[i] for i in order)])
        return Phrase(_pick(rng, _OPENERS) + text, tuple(own.items()))

    def fragment(self, rng: np.random.Generator) -> Phrase:
        """What a person types in a hurry: some of the claims, few words ("red boat", "dogs in the snow")."""
        own = self.attributes()
        named = rng.random() < 0.78
        keys: list[str] = []
        words: list[str] = []
        if named:
            colour = rng.random() < 0.5
            counted = rng.random() < 0.25
            noun = self._nouns(rng)
            keys += ["subject"] + (["colour"] if colour else []) + (["count"] if counted else [])
            many = self.count > 1
            if counted:
                words.append(_pick(rng, COUNTS[self.count]))
            elif not many and rng.random() < 0.5:
                words.append("a")
            if colour:
                words.append(self.colour)
            words.append(noun[1] if many else noun[0])
            if words[0] == "a" and words[1][0] in "aeiou":
                words[0] = "an"
        options = {
            "scene": _SCENE_WORDS[self.scene],
            "time": _TIME_WORDS[self.time],
            "weather": _WEATHER_WORDS[self.weather],
        }
        alone = {
            "scene": _SCENE_ALONE[self.scene],
            "time": _TIME_ALONE[self.time],
            "weather": _WEATHER_ALONE[self.weather],
        }
        extras = int(rng.choice((0, 1, 2), p=(0.45, 0.4, 0.15))) if named else int(rng.integers(1, 3))
        extra = rng.permutation(list(options)).tolist()[:extras]
        for position, key in enumerate(extra):
            lone = (not named and position == 0) or rng.random() < 0.25
            words.append(_pick(rng, alone[key] if lone else options[key]))
        claims = tuple((k, own[k]) for k in [*keys, *extra])
        return Phrase((_pick(rng, _OPENERS) if rng.random() < 0.3 else "") + " ".join(words), claims)

    def draw(self, width: int = 1600, height: int = 1200) -> Image.Image:
        """Paint the picture, RGB."""
        canvas = Canvas(width, height)
        light = light_of(self.time, self.weather)
        layout = np.random.default_rng([self.seed, 1])
        motion = np.random.default_rng([self.seed, 2, self.moment])
        stage = SCENES[self.scene](canvas, light, layout, motion)
        if self.weather == "fog":
            paint_fog(canvas, light, layout, 0.9)
        _place_subjects(canvas, self, light, stage, np.random.default_rng([self.seed, 3]))
        paint_weather(canvas, self.weather, light, motion)
        canvas.grain(self.seed * 131 + self.moment, 4.5 if self.time == "night" else 3.0)
        return canvas.image

    def _nouns(self, rng: np.random.Generator) -> tuple[str, str]:
        kind = self.kind
        if kind.synonyms and rng.random() < 0.4:
            return kind.synonyms[int(rng.integers(len(kind.synonyms)))]
        return (kind.name, kind.plural)

    def _noun_phrase(self, rng: np.random.Generator) -> str:
        singular, plural = self._nouns(rng)
        counter = _pick(rng, COUNTS[self.count])
        if counter == "a" and self.colour[0] in "aeiou":
            counter = "an"
        return f"{counter} {self.colour} {singular if self.count == 1 else plural}"


def vocabulary() -> list[str]:
    """Every word that captions, paraphrases and fragments can use, sorted."""
    texts = [*_OPENERS, "an", "the", *COLOURS, *(text for options in COUNTS.values() for text in options)]
    for table in (_SCENE_WORDS, _SCENE_ALONE, _TIME_WORDS, _TIME_ALONE, _WEATHER_WORDS, _WEATHER_ALONE):
        texts += [text for options in table.values() for text in options]
    for kind in SUBJECTS.values():
        texts += [kind.name, kind.plural, *(word for pair in kind.synonyms for word in pair)]
    return sorted({word for text in texts for word in text.split()})


def claims_of(caption: str) -> dict[str, str | int]:
    """What a canonical caption claims, read from its words; an attribute it does not name is left out."""
    words = caption.split()
    claims: dict[str, str | int] = {}
    for kind in SUBJECTS.values():
        if kind.name in words or kind.plural in words:
            claims["subject"] = kind.name
    for word in words:
        if word in COLOURS:
            claims["colour"] = word
    for count, names in COUNTS.items():
        if words and words[0] in (names[0], "an" if count == 1 else names[0]):
            claims["count"] = count
    for key, table in (("scene", _SCENE_WORDS), ("time", _TIME_WORDS), ("weather", _WEATHER_WORDS)):
        for value, options in table.items():
            if f" {options[0]} " in f" {caption} ":
                claims[key] = value
    return claims


def is_held_out(postcard: Postcard) -> bool:
    """Whether training must not see this combination."""
    return any(postcard.matches(claims) for claims in HELD_OUT)


def draw_postcards(seed: int, split: str, *, held_out: bool | None = None) -> Iterator[Postcard]:
    """Endless random postcards with picture seeds out of `SPLITS[split]`.

    `held_out` True or False: only combinations that training never sees, or may see.
    """
    rng = np.random.default_rng(seed)
    while True:
        postcard = _random_postcard(rng, SPLITS[split])
        if held_out is None or is_held_out(postcard) == held_out:
            yield postcard


def _random_postcard(rng: np.random.Generator, seeds: range) -> Postcard:
    kind = list(SUBJECTS.values())[int(rng.integers(len(SUBJECTS)))]
    scene = _pick(rng, kind.scenes)
    weathers = tuple(w for w in WEATHERS if not (scene == "desert" and w == "snow"))
    return Postcard(
        seed=int(rng.integers(seeds.start, seeds.stop)),
        scene=scene,
        subject=kind.name,
        colour=_pick(rng, kind.colours),
        count=int(rng.integers(1, 4)),
        time=_pick(rng, TIMES),
        weather=_pick(rng, weathers),
    )


def _pick(rng: np.random.Generator, options: tuple[str, ...]) -> str:
    return options[int(rng.integers(len(options)))]


def _place_subjects(canvas: Canvas, card: Postcard, light: Light, stage: Stage, rng: np.random.Generator) -> None:
    kind, count, aspect = card.kind, card.count, canvas.aspect
    size = kind.height * (1.0, 0.86, 0.76)[count - 1] * (0.9 + 0.22 * rng.random())
    room = aspect * 0.94 / count
    size = min(size, room / (2.06 * kind.half_width))
    side = 1 if rng.random() < 0.5 else -1
    centre = aspect / 2 + (0.16 * aspect * (rng.random() - 0.5) if count > 1 else 0.38 * aspect * (rng.random() - 0.5))
    step = max(2.1 * kind.half_width * size, room * (0.72 + 0.28 * rng.random()))
    placed = []
    for i in range(count):
        x = centre + (i - (count - 1) / 2) * step + rng.normal(0, 0.012)
        half = kind.half_width * size
        x = min(max(x, half + 0.02), aspect - half - 0.02)
        placed.append((x, _feet(kind, stage, size, rng), size * (0.95 + 0.10 * rng.random())))
    drift = 0.010 * card.moment * side  # a burst: the subject moves on a little
    for x, y, s in sorted(placed, key=lambda p: p[1]):
        facing = side if rng.random() < 0.8 else -side
        moved = drift if kind.place in ("sky", "water") or kind.name in ("dog", "horse", "car") else 0.0
        kind.draw(Brush(canvas, light, x + moved, y, s, facing), COLOURS[card.colour], rng)


def _feet(kind: Subject, stage: Stage, size: float, rng: np.random.Generator) -> float:
    jitter = rng.random() - 0.5
    if kind.place == "land":
        return stage.land_y + 0.03 * jitter
    if kind.place == "water" and stage.water_y is not None:
        return stage.water_y + 0.06 * jitter
    if kind.place == "shore":
        return (stage.water_y or stage.land_y) + 0.09 + 0.02 * jitter
    top = 0.06 + 0.12 * rng.random()  # sky
    return min(top + size, stage.horizon_y + 0.12) + 0.04 * jitter
