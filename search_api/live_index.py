"""The index that the API owns while it runs, and the text encoder that fits it.

Belongs here: opening, pairing, switching, and what state they are in. Not here: what a search means
(`resources/search`), how the index follows the manifest (`resources/vector_index`).
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import structlog

from resources.errors import LoupeError
from resources.library import Library
from resources.manifest import outbox
from resources.models import GpuResource
from resources.models.identity import ModelIdentity
from resources.models.presets import DEFAULT_CLIP
from resources.search import KeptRankings, PhotoSearch
from resources.vector_index import CompactionStatus, IndexFollower, IndexModel, VectorIndex, Verification, wake
from resources.vector_index.points import Vector

if TYPE_CHECKING:
    from resources.models import ClipEncoder

__all__ = ["IndexCounts", "IndexState", "LiveIndex", "WarmEncoder"]

log = structlog.get_logger(__name__)

_RETRY_S = 1.0
_TEXTS_KEPT = 1024
_LOOK_FOR_MODEL_S = 5.0
_LOAD_AGAIN_S = 60.0
_SHOWN_WITHIN_S = 1.0

IndexState = Literal["ready", "loading", "failed"]
ModelState = Literal["ready", "loading", "off", "failed"]


@dataclass(frozen=True)
class IndexCounts:
    """How the index is; zeros and `error` when it cannot be asked. `embedded` counts the photos with a vector."""

    state: IndexState
    points: int = 0
    embedded: int = 0
    applied_seq: int | None = None
    model: str | None = None
    error: LoupeError | None = None
    compaction: CompactionStatus = field(default_factory=CompactionStatus)


class WarmEncoder:
    """An encoder in memory. Texts asked for again (the next page, the next keystroke) are not encoded again."""

    def __init__(self, encoder: ClipEncoder) -> None:
        self._encoder = encoder
        self.model = IndexModel(encoder.name, encoder.revision, encoder.preprocess_version, encoder.dim)
        self.input_spec = encoder.input_spec
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, Vector] = OrderedDict()

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def revision(self) -> str:
        return self.model.revision

    @property
    def preprocess_version(self) -> str:
        return self.model.preprocess_version

    @property
    def dim(self) -> int:
        return self.model.dim

    def embed_texts(self, texts: list[str], /) -> Vector:
        """float32 `[n, dim]`, unit norm."""
        with self._lock:
            known = {text: self._kept[text] for text in texts if text in self._kept}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        if missing:
            known.update(zip(missing, self._encoder.embed_texts(missing), strict=True))
        with self._lock:
            for text in known:
                self._kept[text] = known[text]
                self._kept.move_to_end(text)
            while len(self._kept) > _TEXTS_KEPT:
                self._kept.popitem(last=False)
        return np.stack([known[text] for text in texts])

    def embed_image(self, pixels: npt.NDArray[np.uint8]) -> Vector:
        """float32 `[dim]`, unit norm, from uint8 `[size, size, 3]` of `input_spec`."""
        vector: Vector = self.embed_images(pixels[None])[0]
        return vector

    def embed_images(self, pixels: npt.NDArray[np.uint8], /) -> Vector:
        """float32 `[n, dim]`, unit norm, from uint8 `[n, size, size, 3]` of `input_spec`."""
        return self._encoder.embed_images(pixels)

    def unknown_words(self, text: str, /) -> list[str]:
        """Words that a closed vocabulary does not have."""
        return self._encoder.unknown_words(text)


class LiveIndex:
    """Opens in the background: `search` and `index` raise `INDEX_LOADING` until then, and nothing else waits.

    Words and browsing work as soon as the index is open, search by content once the encoder is warm. While a model is
    changed both its encoder and that of the model before are kept, for as long as their indexes may be asked: a search
    takes an index and then the encoder of that index, so it never compares a text of one model with pictures of
    another, and never finds no encoder.
    """

    def __init__(self, library: Library, gpu: GpuResource, on_loaded: Callable[[], None] = lambda: None) -> None:
        self._library = library
        self._on_loaded = on_loaded
        self._settings = library.settings
        self._gpu = gpu
        self._follower: IndexFollower | None = None
        self._encoders: dict[IndexModel, WarmEncoder] = {}
        self._kept = KeptRankings()
        self._index_error: LoupeError | None = None
        self._chosen: ModelIdentity | None = None
        self._choice_error: LoupeError | None = None
        self._load_error: LoupeError | None = None
        self._loading = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="live-index", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Close the index so that another process may open it."""
        self._stop.set()
        self._thread.join(30.0)
        if self._follower:
            self._follower.stop()

    @property
    def index(self) -> VectorIndex:
        """The index that answers queries. Raises `INDEX_LOADING`, or why it cannot be opened."""
        if self._follower is None:
            raise self._index_error or LoupeError(
                "INDEX_LOADING", "The library is being opened. Try again in a moment."
            )
        return self._follower.index

    @property
    def search(self) -> PhotoSearch:
        """Searches the index, with the encoder when it is warm and of the same model.

        A request takes it once: the next one may be of another index.
        """
        index = self.index
        return PhotoSearch(index, self._encoders.get(index.model) if index.model else None, self._kept)

    def encoder_of(self, search: PhotoSearch) -> WarmEncoder:
        """The encoder of this search. Raises `SEARCH_BY_CONTENT_OFF`, `MODEL_LOADING`, or why it is not there."""
        if isinstance(search.encoder, WarmEncoder):
            return search.encoder
        raise self.why_no_encoder()

    def why_no_encoder(self) -> LoupeError:
        """What to tell a person who searches by content when that is not possible."""
        state = self.model_state
        if state == "failed" and (why := self._choice_error or self._load_error):
            return why
        if state == "off":
            return LoupeError(
                "SEARCH_BY_CONTENT_OFF", f"Search by content is off: run `loupe models fetch {DEFAULT_CLIP}`."
            )
        return LoupeError("MODEL_LOADING", "Search by content is starting. Words and browsing work meanwhile.")

    @property
    def index_state(self) -> IndexState:
        if self._follower is not None:
            return "ready"
        failed = self._index_error is not None and self._index_error.code not in ("INDEX_BUSY", "INDEX_LOADING")
        return "failed" if failed else "loading"

    @property
    def model_state(self) -> ModelState:
        if self._follower is None:
            return "loading"
        serving = self._follower.serving_model
        if serving is not None and serving in self._encoders:
            return "ready"
        if self._choice_error or self._load_error:
            return "failed"
        return "off" if serving is None and self._chosen is None else "loading"

    @property
    def model(self) -> IndexModel | None:
        """The model whose vectors the index holds."""
        return self._follower.serving_model if self._follower else None

    def counts(self) -> IndexCounts:
        """How the index is now; asks a server, so not in the event loop. Raises nothing."""
        if self._follower is None:
            state = self.index_state
            return IndexCounts(state, error=self._index_error if state == "failed" else None)
        try:
            index = self._follower.index
            points, embedded, applied_seq = index.point_count(), index.embedded_count(), index.applied_seq
            compaction = self._follower.compaction
        except LoupeError as error:
            state = "loading" if error.code == "INDEX_LOADING" else "failed"
            return IndexCounts(state, error=error)
        model = index.model.name if index.model else None
        return IndexCounts("ready", points, embedded, applied_seq, model, compaction=compaction)

    def show_changes(self) -> None:
        """Let the index show what was just changed, so that who asks next finds it.

        Waits no longer than a second: behind an ingest it takes its turn. What keeps it from showing is its own to say.
        """
        wake(self._library.home)
        follower = self._follower
        if follower is None:
            return
        try:
            with self._library.manifest.read() as tx:
                newest = outbox.newest_seq(tx)
            follower.look()
            follower.wait_for(newest, _SHOWN_WITHIN_S)
        except LoupeError as error:  # the change is made, whatever the index or its server does now
            log.info("a change is not waited for", code=error.code)

    def verify(self) -> Verification:
        """How the index and the manifest differ; walks both. Raises `INDEX_LOADING`, `INDEX_BEHIND`."""
        _ = self.index
        assert self._follower is not None
        return self._follower.verify()

    # The thread

    def _run(self) -> None:
        follower = self._open()
        while follower and not self._stop.is_set():
            serving = follower.serving_model
            self._let_go(follower)
            if serving:
                try:
                    self._load(serving)
                except LoupeError as error:
                    log.warning("model_not_loaded", code=error.code, reason=error.message)
                    self._load_error = error
                except Exception:
                    log.exception("model_not_loaded")
                    self._load_error = LoupeError(
                        "MODEL_FILES_INVALID", f"The model '{serving.name}' cannot be loaded; the log says why."
                    )
            self._stop.wait(_LOAD_AGAIN_S if self._load_error else _LOOK_FOR_MODEL_S)

    def _open(self) -> IndexFollower | None:
        """The started follower; tries again while another process has the index."""
        while not self._stop.is_set():
            try:
                follower = IndexFollower(
                    self._settings, self._library.manifest, self._chosen_model, on_switch=self._on_switch
                ).start()
            except LoupeError as error:
                log.info("index_not_opened", code=error.code, reason=error.message)
                self._index_error = error
            except Exception:
                log.exception("index_not_opened")
                self._index_error = LoupeError("INTERNAL", "The index cannot be opened; the log says why.")
            else:
                self._index_error = None
                self._follower = follower
                self._on_loaded()
                threading.Thread(target=self._read_ahead, args=[follower], name="read-ahead", daemon=True).start()
                return follower
            self._stop.wait(_RETRY_S)
        return None

    def _read_ahead(self, follower: IndexFollower) -> None:
        """Beside the answers: the first of them waited for the disk some twenty times otherwise."""
        try:
            follower.index.read_ahead(self._stop.is_set)
        except (LoupeError, OSError) as error:  # a shard that was compacted meanwhile
            log.info("index_not_read_ahead", reason=str(error))

    def _on_switch(self, index: VectorIndex) -> None:
        """In the follower's thread, before `index` takes over."""
        if index.model:
            self._load(index.model)

    def _load(self, model: IndexModel) -> None:
        """Have the encoder of `model` warm; another one that is stays so."""
        with self._loading:
            if model in self._encoders:
                return
            from resources.models import load_clip

            encoder = load_clip(self._settings, model.name, self._gpu)
            encoder.warm()
            warm = WarmEncoder(encoder)
            if warm.model != model:
                raise LoupeError(
                    "MODEL_FILES_INVALID",
                    f"The files of '{model.name}' are of another version than the library was read with. "
                    f"Fetch that version again, or choose this one with `loupe models use {model.name}`.",
                    name=model.name,
                )
            self._encoders, self._load_error = {**self._encoders, model: warm}, None
            log.info("encoder_warm", model=model.name, revision=model.revision)
        self._on_loaded()

    def _let_go(self, follower: IndexFollower) -> None:
        """Free the encoders of indexes that nobody can ask any more."""
        with self._loading:
            in_hand = follower.models_in_hand
            kept = {model: warm for model, warm in self._encoders.items() if model in in_hand}
            gone = len(kept) < len(self._encoders)
            self._encoders = kept
        if gone:
            self._on_loaded()

    def _chosen_model(self) -> ModelIdentity | None:
        """The model to use. One that is named but cannot be used is told to whoever searches by content."""
        try:
            self._chosen = self._library.clip()
            self._choice_error = None
        except LoupeError as error:
            self._chosen, self._choice_error = None, error
        return self._chosen
