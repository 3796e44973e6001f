"""The one `Settings` object: environment (`LOUPE_*`), then `loupe.toml` in the home, then defaults.

Nothing else reads the environment. `loupe config` prints every field with its description and source.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from resources.errors import LoupeError

__all__ = ["Settings"]


def _default_home() -> Path:
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "loupe"


class Settings(BaseSettings):
    """Everything a person can set. Sizes carry their unit in the name; paths are absolute after loading."""

    model_config = SettingsConfigDict(env_prefix="LOUPE_", extra="forbid", frozen=True)

    home: Path = Field(default_factory=_default_home, description="Folder for everything Loupe keeps.")

    model: str | None = Field(
        None,
        description="Preset of the image-text model; unset: the one in use in the manifest, if its files are here.",
    )
    captioner: str | None = Field(None, description="Preset or transformers image-to-text model for captions.")
    captions: Literal["now", "later", "off"] | None = Field(
        None, description="When to caption; unset: now on a GPU, later on a CPU."
    )
    device: str = Field("auto", description="auto, cuda, cuda:N, mps or cpu.")
    dtype: Literal["auto", "fp32", "bf16", "fp16", "int8"] = Field(
        "auto",
        description="auto: fp16 on CUDA, bf16 on CPUs that have it, else int8 for models that bear it, else fp32.",
    )
    hub_url: str | None = Field(None, description="Mirror of the model hub; unset: the public hub.")
    compile: bool = Field(False, description="Compile models with torch.compile (slower start, faster long runs).")
    batch_size: int | None = Field(None, ge=1, description="Images per device batch; unset: probed from free memory.")
    inference_queue: int = Field(512, ge=1, description="Pictures and texts that may wait for the model in the API.")
    inference_timeout_s: float = Field(120.0, gt=0, description="Seconds one request may wait for the model.")
    cpu_threads: int | None = Field(None, ge=1, description="Threads for model arithmetic; unset: one per core.")

    preview_px: int = Field(1024, ge=256, le=4096, description="Long edge of stored previews, pixels.")
    thumbnail_px: int = Field(256, ge=64, le=1024, description="Long edge of stored thumbnails, pixels.")
    decode_workers: int | None = Field(None, ge=1, description="Decode processes; unset: one per core.")
    decode_timeout_s: float = Field(120.0, gt=0, description="Seconds one file may take to decode.")
    max_pixels: int = Field(500_000_000, ge=1, description="Largest picture that is decoded, pixels.")
    max_pages: int = Field(1000, ge=1, description="Pages of one file that are taken in.")
    max_file_bytes: int = Field(4 << 30, ge=1, description="Largest file that is read, bytes.")

    upload_folder: Path | None = Field(
        None, description="Folder for photos that are sent; unset: uploads/ in the home. It becomes a watched folder."
    )
    upload_max_bytes: int = Field(64 << 30, ge=1, description="Bytes that one upload of photos may have.")
    upload_keep_free_bytes: int = Field(1 << 30, ge=0, description="Bytes that an upload leaves free on its disk.")
    browse_roots: Annotated[tuple[Path, ...], NoDecode] = Field(
        (),
        description="Folders whose folders the API lists, and below which alone it watches; with commas. Unset: lists "
        "the home directory and mounted media, watches any.",
    )

    purge_missing_days: int = Field(
        30, ge=0, description="Days after which photos whose files are missing are forgotten; 0: never."
    )
    run_photos: int = Field(2000, ge=1, description="Photos one pipeline run takes at most.")
    run_minutes: float = Field(10.0, gt=0, description="Minutes one pipeline run takes at most.")
    sensor_interval_s: int = Field(10, ge=1, description="Seconds between looks for new photos.")
    max_partitions: int = Field(5000, ge=1, description="Folder partitions before deep trees are rolled up.")

    backup_folder: Path | None = Field(None, description="Folder for backups; unset: backups/ in the home.")
    backup_keep: int = Field(14, ge=1, description="Backups that are kept; older ones are deleted.")
    backup_previews: bool = Field(False, description="Back up previews and thumbnails too.")
    cache_max_bytes: int | None = Field(
        None, ge=0, description="Bytes that previews and thumbnails may take; unset: no limit."
    )

    host: str = Field("127.0.0.1", description="Address the search API listens on.")
    hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Further names the API answers to, such as a proxy's; with commas between them."
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Other sites whose pages may use the API, such as https://photos.example; with commas."
    )
    require_keys: bool = Field(
        False, description="Ask for a key on this machine too: behind a proxy, or when others log in here."
    )
    requests_per_s: float = Field(100.0, gt=0, description="Requests a second that each other client may send.")
    requests_at_once: int = Field(1000, ge=1, description="Requests it may send at once before that counts.")
    port: int = Field(8000, ge=0, le=65535, description="Port of the search API and the page.")
    dagster_port: int = Field(3000, ge=0, le=65535, description="Port of the Dagster UI.")

    compact_photos: int = Field(
        100_000,
        ge=1,
        description="Photos that came or changed since the embedded index was last compacted, before it is again.",
    )

    qdrant_url: str | None = Field(
        None,
        validation_alias=AliasChoices("LOUPE_QDRANT_URL", "QDRANT_URL", "qdrant_url"),
        description="Qdrant server; unset: the embedded engine. QDRANT_URL works too.",
    )
    qdrant_api_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("LOUPE_QDRANT_API_KEY", "QDRANT_API_KEY", "qdrant_api_key"),
        description="API key of the Qdrant server. QDRANT_API_KEY works too.",
    )
    qdrant_collection: str = Field(
        "loupe",
        pattern=r"^[A-Za-z0-9_-]+$",
        description="Alias on the Qdrant server; one for each library that shares it.",
    )

    map_layout: Literal["auto", "umap-learn"] = Field(
        "auto",
        description="What lays the similarity map out; auto: cuML on a GPU where it is installed, else Loupe's own; "
        "umap-learn: that package, which takes several times as long.",
    )
    map_tiles: str | None = Field(
        None,
        description="Address of picture tiles below the place map, such as https://tiles.example/{z}/{x}/{y}.png; "
        "browsers ask that server. Unset: outlines that come with Loupe, and no other server is asked.",
    )
    map_tiles_attribution: str = Field("", description="What that server wants to be said on the map.")

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level logged.")

    @field_validator("hosts", "cors_origins", "browse_roots", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("map_tiles", mode="after")
    @classmethod
    def _tiles(cls, value: str | None) -> str | None:
        # The page's content security policy is written with its host: one host, and nothing that ends a policy's part.
        if value is None:
            return None
        written = re.fullmatch(r"https?://[A-Za-z0-9.:\[\]-]+/[^\s;,'\"]*", value)
        if written and all(part in value for part in ("{z}", "{x}", "{y}")):
            return value
        raise ValueError(f"'{value}' is not of the form https://host/{{z}}/{{x}}/{{y}}.png")

    @field_validator("hosts", mode="after")
    @classmethod
    def _lower(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(host.lower() for host in value)

    @field_validator("cors_origins", mode="after")
    @classmethod
    def _origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if not re.fullmatch(r"https?://[^/*?#\s]+", origin):
                raise ValueError(f"'{origin}' is not of the form https://host or https://host:port")
        return tuple(origin.lower() for origin in value)

    @field_validator("browse_roots", mode="after")
    @classmethod
    def _absolute_all(cls, value: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(Path(os.path.abspath(path.expanduser())) for path in value)

    @field_validator("home", "backup_folder", "upload_folder", mode="after")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else Path(os.path.abspath(value.expanduser()))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        given: dict[str, Any] = {**env_settings(), **init_settings()}
        home = Path(os.path.abspath(Path(given.get("home") or _default_home()).expanduser()))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, home / "loupe.toml")

    @classmethod
    def load(cls, **overrides: Any) -> Settings:
        """Settings with `overrides` (None means "not given") on top. Raises `CONFIG_INVALID`."""
        try:
            return cls(**{key: value for key, value in overrides.items() if value is not None})
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"]) or "settings"
            raise LoupeError(
                "CONFIG_INVALID",
                f"Setting '{field}' cannot be used: {first['msg']}. Check LOUPE_{field.upper()} and loupe.toml.",
                field=field,
            ) from error
        except ValueError as error:  # loupe.toml that is not TOML
            raise LoupeError("CONFIG_INVALID", f"loupe.toml cannot be read: {error}") from error

    @classmethod
    def without_file(cls, **overrides: Any) -> Settings:
        """As `load`, from the environment alone: for a home whose `loupe.toml` may be damaged."""
        return _WithoutFile.load(**overrides)


class _WithoutFile(Settings):
    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings
