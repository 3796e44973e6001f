"""A photo as a result shows it, and all that is known about one."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from search_api.schemas.edits import CaptionSource

__all__ = [
    "Location",
    "Photo",
    "PhotoCard",
    "PhotoFile",
    "PhotoStack",
    "PhotoWarning",
    "SeparatedPhotos",
    "SimilarPhotos",
    "StackKind",
    "StackOfPhoto",
]

StackKind = Literal["raw_jpeg", "edit", "burst"]


class Location(BaseModel):
    """A place on the earth, degrees WGS84."""

    lat: float = Field(ge=-90, le=90, examples=[48.1374])
    lon: float = Field(ge=-180, le=180, examples=[11.5755])


class PhotoCard(BaseModel):
    """What a grid of results needs of a photo. Sizes are pixels of the upright photo."""

    model_config = ConfigDict(extra="ignore")

    photo_id: str = Field(examples=["0d9e2f2a-6c1f-5a57-9d0b-6f2f9d3c1b7e"])
    score: float | None = Field(
        None,
        description="What photos are ranked by: the cosine by meaning alone, BM25 by words alone, and of both the sum "
        "of 1 / (60 + rank). Those that are `relevant` come before the others, whatever theirs is. Numbers of two "
        "searches cannot be compared. Absent when browsing.",
        examples=[0.0325],
    )
    meaning: float | None = Field(None, description="Cosine of what it shows to the query, -1 to 1.", examples=[0.271])
    words: float | None = Field(None, description="BM25 score of its words.", examples=[4.2])
    file_name: str = Field(examples=["IMG_2041.HEIC"])
    paths: list[str] = Field(
        [], description="Absolute paths of its files.", examples=[["/home/me/Pictures/IMG_2041.HEIC"]]
    )
    title: str | None = None
    caption: str | None = Field(None, examples=["a red car parked beside a lake"])
    caption_source: CaptionSource | None = Field(None, description="`written` by a person, `computed` by a model.")
    caption_model: str | None = Field(
        None, description="The model that made the caption; null when a person wrote it.", examples=["blip-base"]
    )
    caption_at: datetime | None = Field(None, description="When the caption was made or written, UTC.")
    taken_at: datetime | None = Field(
        None, description="Wall clock of the place, without a zone.", examples=["2023-08-14T19:32:05"]
    )
    width: int | None = Field(None, examples=[4032])
    height: int | None = Field(None, examples=[3024])
    format: str | None = Field(None, examples=["HEIC"])
    formats: list[str] = Field([], description="Of a stack's cover: those of all its photos, its own first.")
    page: int = Field(1, description="Of a file with several pages, each of which is a photo; from 1.")
    pages: int = Field(1, description="Of the whole file.")
    motion: bool = Field(False, description="A short video stands behind the picture (Live Photo, motion photo).")
    stack_id: str | None = Field(None, description="Set when it stands in a stack of photos that belong together.")
    stack_kind: StackKind | None = None
    stack_size: int | None = Field(None, description="Photos in the stack, this one included.", examples=[2])
    camera: str | None = Field(None, examples=["Apple iPhone 14 Pro"])
    rating: int | None = Field(None, examples=[4])
    color_label: str | None = Field(None, description="In the editor's words.", examples=["Red"])
    people: list[str] = Field([], description="Names that somebody gave to faces or to the photo.")
    country: str | None = Field(None, examples=["Portugal"])
    region: str | None = None
    city: str | None = Field(None, examples=["Lisbon"])
    tags: list[str] = []
    collections: list[str] = []
    location: Location | None = None
    offline: bool = Field(False, description="No file of it can be reached now; the preview is kept.")
    searchable_by_content: bool = Field(False, description="The model has seen it.")
    thumbnail_url: str = Field(description="Never changes its bytes: another picture gets another address.")
    preview_url: str


class PhotoFile(BaseModel):
    """One place where the photo's file stands."""

    root_id: str
    path: str = Field(description="Absolute.", examples=["/home/me/Pictures/2023/IMG_2041.HEIC"])
    size_bytes: int
    modified_at: datetime = Field(description="UTC.")
    reachable: bool = Field(description="Its folder is online and the file was there at the last look.")


class PhotoWarning(BaseModel):
    """What was odd in the photo's file and did not stop it."""

    code: str = Field(examples=["TRUNCATED"])
    message: str = Field(description="What it means for the photo.")
    advice: str = Field("", description="What a person can do.")


class StackOfPhoto(BaseModel):
    """The stack that a photo stands in."""

    stack_id: str
    kind: StackKind = Field(
        description="`raw_jpeg`: RAW and JPEG of one shot; `edit`: edited copies; `burst`: shots in quick succession."
    )
    size: int
    is_cover: bool = Field(description="Search shows this photo for the whole stack.")


class Photo(PhotoCard):
    """All that is known about a photo. Focal lengths in millimetres, exposure in seconds, altitude in metres."""

    sha256: str
    mime: str | None = None
    size_bytes: int | None = None
    added_at: datetime = Field(description="UTC.")
    hidden_at: datetime | None = Field(None, description="UTC; set when it was removed from the library.")
    taken_at_offset_min: int | None = Field(
        None, description="Minutes east of UTC of `taken_at`, when the camera said."
    )
    taken_at_source: str | None = Field(
        None,
        description="Where the date comes from: `exif`, `exif_digitized`, `xmp`, `iptc`, `gps`, `raw`, `file_name` "
        "(the file's name says it), `file_modified` (when the file was last changed).",
        examples=["exif"],
    )
    camera_make: str | None = None
    camera_model: str | None = None
    lens: str | None = None
    focal_length_mm: float | None = None
    focal_length_35mm: float | None = None
    f_number: float | None = None
    exposure_s: float | None = None
    exposure_bias_ev: float | None = None
    iso: int | None = None
    flash_fired: bool | None = None
    gps_alt_m: float | None = None
    country_code: str | None = Field(None, description="ISO 3166-1 alpha-2.", examples=["PT"])
    place_source: Literal["file", "gps"] | None = Field(
        None, description="`file`: somebody wrote country, region and city; `gps`: they were looked up by the position."
    )
    description: str | None = None
    keywords: list[str] = []
    warnings: list[str] = Field([], description="Codes of what was odd in the file and did not stop it.")
    warning_notes: list[PhotoWarning] = Field([], description="The same in words.")
    stack: StackOfPhoto | None = None
    motion_path: str | None = Field(None, description="Absolute path of the video of a Live Photo, where it is a file.")
    motion_url: str | None = Field(None, description="That video.")
    files: list[PhotoFile]
    original_url: str


class SimilarPhotos(BaseModel):
    hits: list[PhotoCard] = Field(description="Most alike first; the photo itself is left out.")


class PhotoStack(BaseModel):
    """Photos that belong together; search shows the cover for all of them."""

    stack_id: str
    kind: StackKind
    photos: list[PhotoCard] = Field(description="The cover first.")
    motion_path: str | None = Field(None, description="Absolute path of the video that belongs to one of them.")


class SeparatedPhotos(BaseModel):
    photo_ids: list[str] = Field(description="The photos that stood in the stack.")
