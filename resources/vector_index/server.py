"""The server home: a collection per generation on a Qdrant server, an alias that names the one in use.

The client's in-memory mode runs the same code, for tests. The outbox position stands in the collection's metadata,
so whichever process applies next goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from filelock import FileLock, Timeout
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from resources.errors import LoupeError
from resources.home import Home
from resources.settings import Settings
from resources.vector_index.conditions import Condition
from resources.vector_index.points import (
    IndexModel,
    IndexStats,
    PhotoPoint,
    RankedList,
    StoredPhoto,
    Vector,
    generation_name,
)
from resources.vector_index.qdrant_index import (
    ALL_VALUES,
    DENSE,
    WORDS,
    QdrantIndex,
    indexed_keys,
    stored_payload,
    threshold,
)
from resources.vector_index.server_dialect import ServerDialect
from resources.vector_index.words import SparseWords, document

__all__ = ["ServerIndex"]

_POINTS_PER_CALL = 200
_TIMEOUT_S = 30
# Below this many KB of vectors the server searches exactly, which at 512 dimensions is about 10,000 photos.
_INDEXING_THRESHOLD_KB = 20_000

_SCHEMAS: dict[str, models.PayloadSchemaType | models.KeywordIndexParams] = {
    "keyword": models.PayloadSchemaType.KEYWORD,
    "names": models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, prefix=True),
    "float": models.PayloadSchemaType.FLOAT,
    "geo": models.PayloadSchemaType.GEO,
}


class ServerIndex(QdrantIndex):
    """`VectorIndex` over a collection `<alias>-<generation>`. Several processes may query; one applies at a time."""

    _counts_last_s = 2.0  # another process may change the collection
    looks_at_each = False

    def __init__(self, client: QdrantClient, alias: str, model: IndexModel | None, lock_path: Path) -> None:
        """Use the collection, creating it if it is not there. Raises `INDEX_UNREACHABLE`."""
        super().__init__(generation_name(model), model)
        self._client = client
        self._alias = alias
        self._collection = f"{alias}-{self.generation}"
        # One a collection: while another is built, the one that serves is kept up to date.
        own = lock_path.with_name(f"{lock_path.stem}-{self.generation}.lock")
        self._lock = FileLock(own, timeout=0, thread_local=False)
        self._dialect = ServerDialect(DENSE if model else None, self.spelled, self.offline)
        with _reachable():
            if not client.collection_exists(self._collection):
                self._create()

    @classmethod
    def connect(cls, settings: Settings, model: IndexModel | None) -> ServerIndex:
        home = Home(settings.home)
        home.index.mkdir(parents=True, exist_ok=True)
        return cls(cls._client_of(settings), settings.qdrant_collection, model, home.index / "server.lock")

    @classmethod
    def position(cls, settings: Settings, model: IndexModel | None) -> tuple[int, int | None]:
        """Points and `applied_seq` of the collection of `model`; nothing is created when there is none."""
        client, collection = cls._client_of(settings), f"{settings.qdrant_collection}-{generation_name(model)}"
        try:
            with _reachable():
                if not client.collection_exists(collection):
                    return 0, None
                seq = (client.get_collection(collection).config.metadata or {}).get("applied_seq")
                return client.count(collection, exact=True).count, None if seq is None else int(seq)
        finally:
            client.close()

    @classmethod
    def served(cls, settings: Settings) -> IndexModel | None:
        """The model of the collection that the library's alias names; nothing is created when there is none."""
        client = cls._client_of(settings)
        try:
            return _aliased(client, settings.qdrant_collection)[1]
        finally:
            client.close()

    @classmethod
    def drop(cls, settings: Settings, generation: str) -> None:
        """Delete the collection of a generation, unless the library's alias names it."""
        client, collection = cls._client_of(settings), f"{settings.qdrant_collection}-{generation}"
        try:
            with _reachable():
                held = {alias.collection_name for alias in client.get_aliases().aliases}
                if collection not in held and client.collection_exists(collection):
                    client.delete_collection(collection)
        finally:
            client.close()

    @staticmethod
    def _client_of(settings: Settings) -> QdrantClient:
        key = settings.qdrant_api_key.get_secret_value() if settings.qdrant_api_key else None
        with _reachable():
            return QdrantClient(url=settings.qdrant_url, api_key=key, timeout=_TIMEOUT_S, check_compatibility=False)

    def _create(self) -> None:
        dense = models.VectorParams(
            size=self._model.dim if self._model else 1,
            distance=models.Distance.COSINE,
            # Eight-bit copies in memory find candidates, the full vectors on disk give the scores.
            quantization_config=models.ScalarQuantization(
                scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.99, always_ram=True)
            ),
        )
        self._client.create_collection(
            self._collection,
            vectors_config={DENSE: dense} if self._model else {},
            sparse_vectors_config={WORDS: models.SparseVectorParams(modifier=models.Modifier.IDF)},
            optimizers_config=models.OptimizersConfigDiff(indexing_threshold=_INDEXING_THRESHOLD_KB),
            metadata={
                "applied_seq": None,
                "applied_mark": "",
                "model": asdict(self._model) if self._model else None,
            },
        )
        for key, kind in indexed_keys().items():
            self._client.create_payload_index(self._collection, key, field_schema=_SCHEMAS[kind])

    def read_ahead(self, stopped: Callable[[], bool]) -> None:
        """Nothing: the server has its own memory."""

    # Changes

    @contextmanager
    def changing(self) -> Iterator[None]:
        try:
            self._lock.acquire()
        except Timeout as error:
            raise LoupeError("INDEX_BUSY", "Another Loupe process is bringing the index up to date.") from error
        try:
            yield
        finally:
            self._lock.release()

    @property
    def applied_seq(self) -> int | None:
        seq = self._metadata().get("applied_seq")
        return None if seq is None else int(seq)

    @property
    def applied_mark(self) -> str:
        return str(self._metadata().get("applied_mark") or "")

    def _metadata(self) -> dict[str, Any]:
        with _reachable():
            return self._client.get_collection(self._collection).config.metadata or {}

    def set_applied_seq(self, seq: int | None, mark: str = "") -> None:
        # Every change was sent with wait=True, so it stands in the server's log.
        with _reachable():
            self._client.update_collection(self._collection, metadata={"applied_seq": seq, "applied_mark": mark})
        self._changed()

    def upsert(self, points: Iterable[PhotoPoint]) -> int:
        given = list(points)
        for start in range(0, len(given), _POINTS_PER_CALL):
            batch = [_server_point(point) for point in given[start : start + _POINTS_PER_CALL]]
            with _reachable():
                self._client.upsert(self._collection, batch, wait=True)
        self._changed()
        return len(given)

    def delete(self, photo_ids: Sequence[str]) -> None:
        if photo_ids:
            with _reachable():
                self._client.delete(self._collection, models.PointIdsList(points=list(photo_ids)), wait=True)
            self._changed()

    # Queries

    def count(self, condition: Condition | None = None) -> int:
        with _reachable():
            answer = self._client.count(self._collection, count_filter=self._dialect.filter(condition), exact=True)
        return int(answer.count)

    def get(self, photo_ids: Sequence[str], vectors: bool = False) -> dict[str, StoredPhoto]:
        if not photo_ids:
            return {}
        with _reachable():
            records = self._client.retrieve(
                self._collection,
                list(photo_ids),
                with_payload=True,
                with_vectors=[DENSE] if vectors and self._model else False,
            )
        found = {}
        for record in records:
            payload = self._payload(record.payload)
            held: Any = record.vector
            vector = np.asarray(held[DENSE], dtype=np.float32) if held and DENSE in held else None
            found[str(record.id)] = StoredPhoto(str(record.id), payload, vector)
        return found

    def _facet(self, key: str, limit: int, condition: Condition | None) -> list[tuple[str, int]]:
        # "Exact" counts each value by itself. With a filter, and no list cut short, a segment counts exactly as well.
        exact = condition is None or limit < ALL_VALUES
        with _reachable():
            hits = self._client.facet(
                self._collection, key, facet_filter=self._dialect.filter(condition), limit=limit, exact=exact
            ).hits
        return [(str(hit.value), hit.count) for hit in hits]

    def _search(
        self, query: Vector | SparseWords, using: str, limit: int, condition: Condition | None, least: float | None
    ) -> RankedList:
        vector: Any = (
            models.SparseVector(indices=list(query.indices), values=list(query.values))
            if isinstance(query, SparseWords)
            else np.asarray(query, dtype=np.float32).tolist()
        )
        with _reachable():
            answer = self._client.query_points(
                self._collection,
                query=vector,
                using=using,
                query_filter=self._dialect.filter(condition),
                limit=limit,
                with_payload=False,
                search_params=self._search_params(using),
                score_threshold=threshold(least),
            )
        hits = answer.points
        return RankedList([hit.score for hit in hits], lambda at: str(hits[at].id))

    def _search_params(self, using: str) -> models.SearchParams | None:
        if using != DENSE or not hasattr(self._client._client, "http"):
            return None  # the in-memory mode searches exactly and warns of parameters
        rescored = models.QuantizationSearchParams(rescore=True, oversampling=2.0)
        return models.SearchParams(quantization=rescored)

    def _ordered(self, key: str, descending: bool, limit: int, condition: Condition | None) -> RankedList:
        direction = models.Direction.DESC if descending else models.Direction.ASC
        with _reachable():
            records, _ = self._client.scroll(
                self._collection,
                scroll_filter=self._dialect.filter(condition),
                limit=limit,
                order_by=models.OrderBy(key=key, direction=direction),
                with_payload=[key],
            )
        values = [float((record.payload or {})[key]) for record in records]
        return RankedList(values, lambda at: str(records[at].id))

    def _walk(self, after: str | None, limit: int, condition: Condition | None) -> list[str]:
        start = None if after is None else str(UUID(int=UUID(after).int + 1))
        with _reachable():
            records, _ = self._client.scroll(
                self._collection,
                scroll_filter=self._dialect.filter(condition),
                limit=limit,
                offset=start,
                with_payload=False,
            )
        return [str(record.id) for record in records]

    def stats(self) -> IndexStats:
        return IndexStats(
            home="server",
            generation=self.generation,
            model=self.model,
            points=self.point_count(),
            embedded=self.embedded_count(),
            applied_seq=self.applied_seq,
            bytes=0,
        )

    # Opening and closing

    def make_current(self) -> None:
        create = models.CreateAlias(collection_name=self._collection, alias_name=self._alias)
        changes: list[Any] = [models.CreateAliasOperation(create_alias=create)]
        with _reachable():
            held = {alias.alias_name: alias.collection_name for alias in self._client.get_aliases().aliases}
            if held.get(self._alias) == self._collection:
                return
            if self._alias in held:
                drop = models.DeleteAlias(alias_name=self._alias)
                changes.insert(0, models.DeleteAliasOperation(delete_alias=drop))
            self._client.update_collection_aliases(changes)

    def current(self) -> tuple[bool, IndexModel | None]:
        """Whether the library's alias names a collection, and of which model that is."""
        return _aliased(self._client, self._alias)

    def close(self) -> None:
        self._client.close()


def _aliased(client: QdrantClient, alias: str) -> tuple[bool, IndexModel | None]:
    """Whether the alias names a collection, and of which model that is."""
    with _reachable():
        held = {each.alias_name: each.collection_name for each in client.get_aliases().aliases}
        if alias not in held:
            return False, None
        model = (client.get_collection(held[alias]).config.metadata or {}).get("model")
    return True, IndexModel(**model) if model else None


def _server_point(point: PhotoPoint) -> models.PointStruct:
    words = document(point.words)
    vector: dict[str, Any] = {}
    if words:
        vector[WORDS] = models.SparseVector(indices=list(words.indices), values=list(words.values))
    if point.vector is not None:
        vector[DENSE] = np.asarray(point.vector, dtype=np.float32).tolist()
    return models.PointStruct(id=point.photo_id, vector=vector, payload=stored_payload(point))


@contextmanager
def _reachable() -> Iterator[None]:
    """Say in Loupe's words that the server did not answer, or refused the key."""
    try:
        yield
    except UnexpectedResponse as error:
        if error.status_code in (401, 403):
            raise LoupeError(
                "INDEX_UNREACHABLE", "The Qdrant server refuses the API key. Check LOUPE_QDRANT_API_KEY."
            ) from error
        if error.status_code is not None and error.status_code < 500:
            raise  # a point or a query that the server cannot take: the caller knows which
        raise LoupeError("INDEX_UNREACHABLE", f"The Qdrant server failed ({error.status_code}).") from error
    except (ResponseHandlingException, ApiException, ConnectionError) as error:
        raise LoupeError(
            "INDEX_UNREACHABLE", "The Qdrant server cannot be reached. Check that it runs and LOUPE_QDRANT_URL."
        ) from error
