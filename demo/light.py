"""Light: what a time of day and a weather do to colours.

Belongs here: the palettes of sky and air. Not here: shapes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from demo.canvas import Colour, mix, scale

__all__ = ["Light", "light_of"]


@dataclass(frozen=True)
class Light:
    """Colours are 0..255; `ambient` is a product per channel, 1 = daylight."""

    top: Colour
    middle: Colour
    horizon: Colour
    haze: Colour
    ambient: Colour
    sun: Colour
    sun_height: float  # y of sun or moon, 0 = top of the picture
    sun_visible: bool
    stars: float  # 0..1
    cloud_cover: float  # 0..1
    cloud_bright: Colour
    cloud_dark: Colour
    haze_strength: float  # how fast distance fades, 0..1
    contrast: float  # of lit and shaded sides, 0..1
    snow_ground: bool = False
    wet_ground: bool = False
    night: bool = False

    def on(self, colour: Colour, distance: float = 0.0) -> Colour:
        """A colour under this light, `distance` 0 (here) to 1 (horizon)."""
        return mix(scale(colour, self.ambient), self.haze, min(1.0, distance * self.haze_strength))

    def on_subject(self, colour: Colour) -> Colour:
        """The main subject keeps more of its own colour than its surroundings do, as if lit from here."""
        own = mix(self.ambient, (1.0, 1.0, 1.0), 0.45 if self.night else 0.35)
        return mix(scale(colour, own), self.haze, 0.06 + 0.14 * max(0.0, self.haze_strength - 0.6))


_TIMES = {
    "day": Light(
        top=(58, 124, 200),
        middle=(120, 178, 230),
        horizon=(206, 230, 244),
        haze=(196, 218, 236),
        ambient=(1.0, 1.0, 1.0),
        sun=(255, 250, 225),
        sun_height=0.14,
        sun_visible=True,
        stars=0.0,
        cloud_cover=0.25,
        cloud_bright=(255, 255, 255),
        cloud_dark=(196, 208, 222),
        haze_strength=0.55,
        contrast=1.0,
    ),
    "dawn": Light(
        top=(122, 132, 190),
        middle=(228, 172, 196),
        horizon=(255, 222, 196),
        haze=(238, 200, 204),
        ambient=(0.94, 0.82, 0.90),
        sun=(255, 238, 214),
        sun_height=0.34,
        sun_visible=True,
        stars=0.0,
        cloud_cover=0.3,
        cloud_bright=(255, 214, 214),
        cloud_dark=(176, 150, 190),
        haze_strength=0.7,
        contrast=0.8,
    ),
    "sunset": Light(
        top=(70, 62, 122),
        middle=(222, 104, 78),
        horizon=(255, 190, 92),
        haze=(240, 150, 96),
        ambient=(0.92, 0.68, 0.54),
        sun=(255, 232, 150),
        sun_height=0.36,
        sun_visible=True,
        stars=0.0,
        cloud_cover=0.35,
        cloud_bright=(255, 160, 100),
        cloud_dark=(128, 66, 104),
        haze_strength=0.62,
        contrast=0.9,
    ),
    "night": Light(
        top=(8, 13, 38),
        middle=(18, 30, 70),
        horizon=(48, 70, 118),
        haze=(34, 52, 94),
        ambient=(0.34, 0.40, 0.60),
        sun=(246, 244, 226),
        sun_height=0.16,
        sun_visible=True,
        stars=1.0,
        cloud_cover=0.15,
        cloud_bright=(64, 78, 116),
        cloud_dark=(28, 36, 68),
        haze_strength=0.6,
        contrast=0.6,
        night=True,
    ),
}


def light_of(time: str, weather: str) -> Light:
    """The light at a time of day ("day", "dawn", "sunset", "night") in a weather ("clear", "cloudy", "rain",
    "snow", "fog")."""
    light = _TIMES[time]
    if weather == "clear":
        return light
    grey = sum(light.middle) / 3
    dull: Colour = (grey * 0.96, grey * 1.0, grey * 1.05)
    if weather == "cloudy":
        return replace(
            light,
            top=mix(light.top, dull, 0.55),
            middle=mix(light.middle, dull, 0.45),
            ambient=scale(light.ambient, 0.92),
            sun_visible=False,
            stars=0.0,
            cloud_cover=0.95,
            contrast=light.contrast * 0.6,
            haze_strength=light.haze_strength + 0.05,
        )
    if weather == "rain":
        storm = scale(mix(dull, (70, 84, 104), 0.4), 0.72)
        return replace(
            light,
            top=mix(light.top, storm, 0.8),
            middle=mix(light.middle, storm, 0.72),
            horizon=mix(light.horizon, storm, 0.55),
            haze=mix(light.haze, storm, 0.6),
            ambient=scale(light.ambient, (0.70, 0.74, 0.80)),
            sun_visible=False,
            stars=0.0,
            cloud_cover=1.0,
            cloud_bright=mix(light.cloud_bright, storm, 0.7),
            cloud_dark=scale(mix(light.cloud_dark, storm, 0.6), 0.8),
            haze_strength=light.haze_strength + 0.15,
            contrast=light.contrast * 0.4,
            wet_ground=True,
        )
    if weather == "snow":
        pale = mix(dull, (226, 232, 242), 0.0 if light.night else 0.45)
        return replace(
            light,
            top=mix(light.top, pale, 0.6),
            middle=mix(light.middle, pale, 0.55),
            horizon=mix(light.horizon, pale, 0.4),
            haze=mix(light.haze, pale, 0.5),
            ambient=mix(light.ambient, (1.0, 1.0, 1.06), 0.12 if light.night else 0.42),
            sun_visible=False,
            stars=0.0,
            cloud_cover=0.7,
            cloud_bright=mix(light.cloud_bright, pale, 0.5),
            cloud_dark=mix(light.cloud_dark, pale, 0.5),
            haze_strength=light.haze_strength + 0.15,
            contrast=light.contrast * 0.6,
            snow_ground=True,
        )
    if weather == "fog":
        mist = mix(light.horizon, (215, 220, 226), 0.35) if not light.night else (58, 70, 98)
        return replace(
            light,
            top=mix(light.top, mist, 0.62),
            middle=mix(light.middle, mist, 0.8),
            horizon=mist,
            haze=mist,
            sun_visible=False,
            stars=0.0,
            cloud_cover=0.0,
            haze_strength=1.25,
            contrast=light.contrast * 0.5,
        )
    raise ValueError(f"no such weather: {weather}")
