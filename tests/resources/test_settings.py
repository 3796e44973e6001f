"""One `Settings`: environment, then `loupe.toml` in the home, then defaults."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from resources.errors import LoupeError
from resources.settings import Settings


def test_defaults_need_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/ada")
    settings = Settings.load()
    assert settings.home == Path("/home/ada/.local/share/loupe")
    assert (settings.host, settings.captions, settings.model) == ("127.0.0.1", None, None)


def test_home_follows_the_xdg_convention(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "/data/ada")
    assert Settings.load().home == Path("/data/ada/loupe")


def test_given_beats_environment_beats_file_beats_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loupe.toml").write_text("port = 1001\nrun_photos = 11\npreview_px = 512\n")
    monkeypatch.setenv("LOUPE_HOME", str(tmp_path))
    monkeypatch.setenv("LOUPE_PORT", "1002")
    monkeypatch.setenv("LOUPE_RUN_PHOTOS", "12")
    settings = Settings.load(port=1003)
    assert (settings.port, settings.run_photos, settings.preview_px, settings.thumbnail_px) == (1003, 12, 512, 256)


def test_option_that_was_not_given_hides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOUPE_PORT", "1002")
    assert Settings.load(home=tmp_path, port=None).port == 1002


def test_file_is_that_of_the_home_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, port in (("one", 1001), ("two", 1002)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "loupe.toml").write_text(f"port = {port}\n")
    monkeypatch.setenv("LOUPE_HOME", str(tmp_path / "one"))
    assert Settings.load().port == 1001
    assert Settings.load(home=tmp_path / "two").port == 1002


def test_home_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Settings.load(home="here").home == tmp_path / "here"
    assert Settings.load(home="~/there").home == tmp_path / "there"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "99999"),
        ("preview_px", "12"),
        ("captions", "sometimes"),
        ("decode_timeout_s", "0"),
        ("run_photos", "x"),
    ],
)
def test_value_that_cannot_be_used_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"LOUPE_{name.upper()}", value)
    with pytest.raises(LoupeError) as caught:
        Settings.load(home=tmp_path)
    assert caught.value.code == "CONFIG_INVALID"
    assert caught.value.details["field"] == name
    assert f"LOUPE_{name.upper()}" in caught.value.message


@pytest.mark.parametrize("content", ["prot = 8000\n", "port = \n", "port: 8000\n", "\xff"])
def test_file_that_cannot_be_used_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "loupe.toml").write_text(content, encoding="latin-1")
    with pytest.raises(LoupeError) as caught:
        Settings.load(home=tmp_path)
    assert caught.value.code == "CONFIG_INVALID"
    assert "loupe.toml" in caught.value.message


def test_other_programs_variables_are_no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOUPE_SOMETHING_ELSE", "1")
    monkeypatch.setenv("PORT", "1")
    assert Settings.load(home=tmp_path).port == 8000


def test_settings_do_not_change_and_say_no_secret(tmp_path: Path) -> None:
    settings = Settings.load(home=tmp_path, qdrant_api_key="open sesame")
    assert "open sesame" not in repr(settings)
    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc]


def test_every_field_is_described() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name
