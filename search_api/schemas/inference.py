"""What the models say of texts and pictures that are sent along."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "AskedVectors",
    "Capabilities",
    "Captioned",
    "CaptionedPicture",
    "Embedded",
    "EmbeddedAndCaptioned",
    "EmbeddedAndCaptionedPicture",
    "EmbeddedPicture",
    "EmbeddedText",
    "ModelHere",
    "PhotoVectors",
    "PictureFault",
]

Vector = Annotated[list[float], Field(description="Of length one, `dim` numbers.", examples=[[0.021, -0.113]])]


class PictureFault(BaseModel):
    """Why one picture could not be used; the others are answered all the same."""

    code: str = Field(examples=["NOT_AN_IMAGE"])
    message: str


class EmbeddedText(BaseModel):
    text: str
    vector: Vector
    unknown_words: list[str] = Field([], description="Words that the model does not know.")


class EmbeddedPicture(BaseModel):
    name: str = Field(description="The file name that was sent.")
    vector: Vector | None = None
    error: PictureFault | None = None


class Embedded(BaseModel):
    """In the order in which they were sent. Vectors of one model can be compared by their dot product."""

    model: str = Field(examples=["siglip2-b32"])
    revision: str
    dim: int = Field(examples=[768])
    texts: list[EmbeddedText] = []
    images: list[EmbeddedPicture] = []


class CaptionedPicture(BaseModel):
    name: str
    caption: str | None = Field(None, examples=["a red car parked beside a lake"])
    error: PictureFault | None = None


class Captioned(BaseModel):
    captioner: str = Field(examples=["blip-base"])
    revision: str
    images: list[CaptionedPicture]


class EmbeddedAndCaptionedPicture(BaseModel):
    name: str
    vector: Vector | None = None
    caption: str | None = None
    error: PictureFault | None = None


class EmbeddedAndCaptioned(BaseModel):
    model: str
    revision: str
    dim: int
    captioner: str
    captioner_revision: str
    images: list[EmbeddedAndCaptionedPicture]


class AskedVectors(BaseModel):
    model_config = ConfigDict(extra="forbid")
    photo_ids: list[UUID] = Field(min_length=1, max_length=1000)


class PhotoVectors(BaseModel):
    """Vectors of photos as search compares them, as the index keeps them."""

    model: str
    dim: int
    photo_ids: list[str] = Field(description="Those that have a vector, in the order asked for.")
    vectors_base64: str = Field(description="float32, little-endian, row by row: `len(photo_ids)` x `dim`.")


class ModelHere(BaseModel):
    name: str
    revision: str
    dim: int | None = Field(None, description="Length of its vectors; none for a captioner.")
    input_px: int = Field(description="Edge of the square picture that it sees.")
    loaded: bool
    safe_batch: int = Field(description="Pictures that the device takes at once, as far as it has been tried.")


class Capabilities(BaseModel):
    """What can be asked of this machine's models."""

    encoder: ModelHere | None = Field(description="Null while search by content is off or starting.")
    captioner: ModelHere | None
    device: str = Field(examples=["cuda:0"])
    device_name: str
    dtype: str = Field(examples=["float16"])
    waiting: int = Field(description="Pictures and texts that wait for the device.")
    most_waiting: int = Field(description="More are refused with `QUEUE_FULL`.")
    most_images: int = Field(description="Pictures that one request may bring.")
    most_texts: int
    most_bytes: int = Field(description="The body of one request, everything in it; a larger one is `TOO_LARGE`.")
