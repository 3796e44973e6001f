"""Place names for positions: well-known places inside, near borders and coasts, and where there is none."""

from __future__ import annotations

import pytest

from resources.places import Place, country_code_of, country_name, place_at

# Latitude, longitude, country, region, and the names that are right for the town.
KNOWN = {
    "Eiffel Tower": (48.8584, 2.2945, "FR", "Île-de-France", "Paris"),
    "Battery Park": (40.7033, -74.0170, "US", "New York", "New York City"),
    "Hoboken": (40.7440, -74.0324, "US", "New Jersey", "Hoboken"),
    "Alcatraz": (37.8267, -122.4230, "US", "California", "San Francisco"),
    "Niagara Falls, Canada": (43.0790, -79.0785, "CA", "Ontario", "Niagara Falls"),
    "Niagara Falls, USA": (43.0846, -79.0600, "US", "New York", "Niagara Falls"),
    "El Paso": (31.7587, -106.4869, "US", "Texas", "El Paso"),
    "Ciudad Juárez": (31.7385, -106.4871, "MX", "Chihuahua", "Ciudad Juárez"),
    "Toronto": (43.6426, -79.3871, "CA", "Ontario", "Toronto"),
    "Big Ben": (51.5007, -0.1246, "GB", "England", "London"),
    "Newry": (54.1751, -6.3402, "GB", "Northern Ireland", "Newry"),
    "Dundalk": (54.0033, -6.4158, "IE", "Leinster", "Dundalk"),
    "Cologne": (50.9413, 6.9583, "DE", "North Rhine-Westphalia", "Köln"),
    "Görlitz": (51.1564, 14.9910, "DE", "Saxony", "Görlitz"),
    "Zgorzelec": (51.1500, 15.0080, "PL", "Lower Silesia", "Zgorzelec"),
    "Konstanz": (47.6607, 9.1790, "DE", "Baden-Wurttemberg", "Konstanz"),
    "Kreuzlingen": (47.6458, 9.1783, "CH", "Thurgau", "Kreuzlingen"),
    "Geneva": (46.2074, 6.1559, "CH", "Geneva", "Genève"),
    "Annemasse": (46.1944, 6.2377, "FR", "Auvergne-Rhône-Alpes", "Annemasse"),
    "Gibraltar": (36.1408, -5.3536, "GI", None, "Gibraltar"),
    "Kinshasa": (-4.3050, 15.3030, "CD", "Kinshasa", "Kinshasa"),
    "Table Mountain": (-33.9628, 18.4098, "ZA", "Western Cape", "Cape Town"),
    "Rio": (-22.9519, -43.2105, "BR", "Rio de Janeiro", "Rio de Janeiro"),
    "Shibuya": (35.6595, 139.7005, "JP", "Tokyo", "Tokyo"),
    "Sydney": (-33.8568, 151.2153, "AU", "New South Wales", "Sydney"),
    "Longyearbyen": (78.2232, 15.6267, "SJ", "Svalbard", "Longyearbyen"),
    "North Cape": (71.1710, 25.7840, "NO", "Finnmark", None),
}


@pytest.mark.parametrize("name", KNOWN)
def test_well_known_places(name: str) -> None:
    lat, lon, code, region, city = KNOWN[name]
    found = place_at(lat, lon)
    assert found is not None
    assert (found.country_code, found.city) == (code, city)
    assert region is None or found.region == region


@pytest.mark.parametrize(
    "position",
    [(30.0, -40.0), (-20.0, 80.0), (0.0, 0.0), (56.0, 3.0), (50.2, -1.2), (45.5, -5.0), (24.5, 3.0), (-90.0, 0.0)],
    ids=["Atlantic", "Indian Ocean", "0, 0", "North Sea", "Channel", "Biscay", "Sahara", "South Pole"],
)
def test_nowhere_near_a_town_there_is_no_place(position: tuple[float, float]) -> None:
    assert place_at(*position) is None


def test_out_in_the_country_only_what_is_sure_is_said() -> None:
    assert place_at(65.03, -16.75) == Place("IS", "Iceland", None, None)  # Askja, between three regions
    milford = place_at(-44.6414, 167.8974)
    assert milford is not None
    assert (milford.country_code, milford.city) == ("NZ", None)


def test_across_the_date_line_the_nearest_town_is_found() -> None:
    east, west = place_at(-16.80, 179.98), place_at(-16.80, -179.98)
    assert east is not None
    assert west is not None
    assert east.country_code == west.country_code == "FJ"


@pytest.mark.parametrize("position", [(91.0, 0.0), (0.0, 181.0), (float("nan"), 0.0)])
def test_what_is_no_position_has_no_place(position: tuple[float, float]) -> None:
    assert place_at(*position) is None


@pytest.mark.parametrize("text", ["DE", "de", "DEU", "Germany", " germany "])
def test_a_country_by_any_of_its_names(text: str) -> None:
    assert country_code_of(text) == "DE"
    assert country_name("DE") == "Germany"


def test_what_is_no_country_has_no_code() -> None:
    assert country_code_of("Atlantis") is None
    assert country_code_of("") is None
    assert country_name("") is None
