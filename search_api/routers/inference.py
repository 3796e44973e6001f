"""The models for other programs: vectors of texts and pictures, captions, and what this machine can do.

What is sent is decoded in the upload worker, computed through the one queue before the device, and not kept.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Annotated

import numpy as np
import numpy.typing as npt
from fastapi import APIRouter, File, Form, UploadFile
from pydantic import StringConstraints

from resources.errors import LoupeError
from resources.inference import Places
from resources.models import Captioner, ModelIdentity, ModelInputSpec
from search_api.dependencies import Held, Live
from search_api.error_replies import responses
from search_api.live_index import WarmEncoder
from search_api.schemas.inference import (
    AskedVectors,
    Capabilities,
    Captioned,
    CaptionedPicture,
    Embedded,
    EmbeddedAndCaptioned,
    EmbeddedAndCaptionedPicture,
    EmbeddedPicture,
    EmbeddedText,
    ModelHere,
    PhotoVectors,
    PictureFault,
)
from search_api.services import Services
from search_api.uploads import MAX_UPLOAD_BYTES

__all__ = ["BODY_BYTES", "PATHS", "router"]

router = APIRouter(tags=["inference"])

PATHS = ("/api/v1/embed", "/api/v1/caption", "/api/v1/batch_embed_and_caption")

BODY_BYTES = MAX_UPLOAD_BYTES + (1 << 20)  # a picture as large as they come, and room for the rest of the form
_MOST_IMAGES = 64
_MOST_TEXTS = 256
_QUEUE = ("QUEUE_FULL", "INFERENCE_TIMEOUT", "UPLOADS_BUSY", "OUT_OF_MEMORY", "EMBED_FAILED")
_ENCODER = ("SEARCH_BY_CONTENT_OFF", "MODEL_LOADING", "INDEX_LOADING", "MODEL_FILES_INVALID")
_CAPTIONER = ("MODEL_NOT_FETCHED", "MODEL_FILES_INVALID", "CAPTION_FAILED", "MANIFEST_BUSY")

Pictures = Annotated[
    list[UploadFile],
    File(
        description="Pictures of any kind that Loupe reads; they are not kept.", min_length=1, max_length=_MOST_IMAGES
    ),
]
MaybePictures = Annotated[
    list[UploadFile] | None,
    File(description="Pictures of any kind that Loupe reads; they are not kept.", max_length=_MOST_IMAGES),
]
Texts = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=500)]] | None, Form(max_length=_MOST_TEXTS)
]
Pixels = npt.NDArray[np.uint8]


@router.post("/embed", responses=responses("EMPTY_QUERY", *_QUEUE, *_ENCODER))
async def embed(services: Held, texts: Texts = None, image: MaybePictures = None) -> Embedded:
    """Vectors of texts, of pictures, or of both, by the model that search uses.

    A picture that cannot be read has an `error` in its place.
    """
    if not texts and not image:
        raise LoupeError("EMPTY_QUERY", "Send a form with at least one of `texts` and `image`.")
    return await services.inferring.run(_embed, services, texts or [], image or [])


@router.post("/caption", responses=responses(*_QUEUE, *_CAPTIONER))
async def caption(services: Held, image: Pictures) -> Captioned:
    """One sentence for each picture, by the captioner in use; it is loaded when it is not."""
    return await services.inferring.run(_caption, services, image)


@router.post("/batch_embed_and_caption", responses=responses(*_QUEUE, *_ENCODER, *_CAPTIONER))
async def batch_embed_and_caption(services: Held, image: Pictures) -> EmbeddedAndCaptioned:
    """Vector and sentence of each picture, which is sent and decoded once."""
    return await services.inferring.run(_both, services, image)


@router.post("/vectors", responses=responses("SEARCH_BY_CONTENT_OFF", "INDEX_LOADING", "INDEX_UNREACHABLE"))
def vectors_of_photos(asked: AskedVectors, live: Live) -> PhotoVectors:
    """The vectors of photos of the library; photos without one are left out."""
    index = live.index
    if index.model is None:
        raise live.why_no_encoder()
    ids = list(dict.fromkeys(str(photo_id) for photo_id in asked.photo_ids))
    found = index.get(ids, vectors=True)
    rows = {key: photo.vector for key, photo in found.items() if photo.vector is not None}
    known = [photo_id for photo_id in ids if photo_id in rows]
    table = np.stack([rows[photo_id] for photo_id in known]) if known else np.empty((0, index.model.dim))
    return PhotoVectors(
        model=index.model.name,
        dim=index.model.dim,
        photo_ids=known,
        vectors_base64=base64.b64encode(table.astype("<f4").tobytes()).decode(),
    )


@router.get("/capabilities", responses=responses("DEVICE_UNAVAILABLE", "MANIFEST_BUSY"))
def capabilities(services: Held) -> Capabilities:
    """Models, device, number format, and how much can be sent at once."""
    models = services.models
    device = models.gpu.capabilities()
    live = services.live
    encoder = live.search.encoder if live.index_state == "ready" else None
    identity = _captioner_identity(services)
    return Capabilities(
        encoder=_here(encoder, encoder.dim, True, models.gpu.batch_size("embed_images"))
        if isinstance(encoder, WarmEncoder)
        else None,
        captioner=_here(identity, None, models.captioner_in_memory == identity.name, models.gpu.batch_size("caption"))
        if identity
        else None,
        device=device["device"],
        device_name=device["device_name"],
        dtype=device["dtype"],
        waiting=models.waiting,
        most_waiting=services.settings.inference_queue,
        most_images=_MOST_IMAGES,
        most_texts=_MOST_TEXTS,
        most_bytes=BODY_BYTES,
    )


def _here(model: WarmEncoder | ModelIdentity, dim: int | None, loaded: bool, batch: int) -> ModelHere:
    return ModelHere(
        name=model.name,
        revision=model.revision,
        dim=dim,
        input_px=model.input_spec.size,
        loaded=loaded,
        safe_batch=batch,
    )


def _captioner_identity(services: Services) -> ModelIdentity | None:
    try:
        return services.library.captioner()
    except LoupeError:  # one that is named but not here
        return None


def _embed(services: Services, texts: list[str], pictures: Sequence[UploadFile]) -> Embedded:
    encoder = services.live.encoder_of(services.live.search)
    rows = services.models.embed_texts(encoder, texts) if texts else np.empty((0, encoder.dim))
    with services.models.places(len(pictures)) as places:
        decoded = _decoded(services, pictures, (encoder.input_spec,), places)
        vectors = _embedded(services, encoder, decoded, places)
    return Embedded(
        model=encoder.name,
        revision=encoder.revision,
        dim=encoder.dim,
        texts=[
            EmbeddedText(text=text, vector=row.tolist(), unknown_words=encoder.unknown_words(text))
            for text, row in zip(texts, rows, strict=True)
        ],
        images=[
            EmbeddedPicture(name=picture.filename or "", vector=vector, error=_fault(one))
            for picture, one, vector in zip(pictures, decoded, vectors, strict=True)
        ],
    )


def _caption(services: Services, pictures: Sequence[UploadFile]) -> Captioned:
    captioner = services.models.captioner()
    with services.models.places(len(pictures)) as places:
        decoded = _decoded(services, pictures, (captioner.input_spec,), places)
        captions = _captioned(services, captioner, decoded, places)
    return Captioned(
        captioner=captioner.name,
        revision=captioner.revision,
        images=[
            CaptionedPicture(name=picture.filename or "", caption=caption, error=_fault(one))
            for picture, one, caption in zip(pictures, decoded, captions, strict=True)
        ],
    )


def _both(services: Services, pictures: Sequence[UploadFile]) -> EmbeddedAndCaptioned:
    encoder = services.live.encoder_of(services.live.search)
    captioner = services.models.captioner()
    with services.models.places(len(pictures)) as places:
        decoded = _decoded(services, pictures, (encoder.input_spec, captioner.input_spec), places)
        vectors = _embedded(services, encoder, decoded, places)
        captions = _captioned(services, captioner, decoded, places)
    return EmbeddedAndCaptioned(
        model=encoder.name,
        revision=encoder.revision,
        dim=encoder.dim,
        captioner=captioner.name,
        captioner_revision=captioner.revision,
        images=[
            EmbeddedAndCaptionedPicture(name=picture.filename or "", vector=vector, caption=caption, error=_fault(one))
            for picture, one, vector, caption in zip(pictures, decoded, vectors, captions, strict=True)
        ],
    )


Decoded = tuple[Pixels, ...] | LoupeError


def _decoded(
    services: Services, pictures: Sequence[UploadFile], specs: tuple[ModelInputSpec, ...], places: Places
) -> list[Decoded]:
    """The model inputs of each picture, or why it has none.

    Raises `UPLOADS_BUSY` and `INFERENCE_TIMEOUT`, which concern them all.
    """
    found: list[Decoded] = []
    for picture in pictures:
        places.left_s()
        try:
            found.append(services.uploads.model_inputs(picture.file.read(), specs))
        except LoupeError as error:
            if error.code == "UPLOADS_BUSY":
                raise
            found.append(error)
    return found


def _embedded(
    services: Services, encoder: WarmEncoder, decoded: list[Decoded], places: Places
) -> list[list[float] | None]:
    inputs = [one[0] for one in decoded if not isinstance(one, LoupeError)]
    rows = iter(services.models.embed_images(encoder, inputs, places) if inputs else ())
    return [None if isinstance(one, LoupeError) else next(rows).tolist() for one in decoded]


def _captioned(services: Services, captioner: Captioner, decoded: list[Decoded], places: Places) -> list[str | None]:
    inputs = [one[-1] for one in decoded if not isinstance(one, LoupeError)]
    texts = iter(services.models.captions(captioner, inputs, places) if inputs else ())
    return [None if isinstance(one, LoupeError) else next(texts) for one in decoded]


def _fault(one: Decoded) -> PictureFault | None:
    return PictureFault(code=one.code, message=one.message) if isinstance(one, LoupeError) else None
