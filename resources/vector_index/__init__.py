"""The search index: photos as points in Qdrant, embedded or on a server, brought up to the manifest.

Belongs here: points, filters, queries, the outbox, who owns the index. Not here: what a search request means
(`resources/search`), model code, HTTP.
"""

from resources.vector_index.compacting_now import compact_index
from resources.vector_index.compaction import CompactionStatus
from resources.vector_index.conditions import (
    And,
    AnyOf,
    Condition,
    Exists,
    Flag,
    HasVector,
    Ids,
    InBox,
    Like,
    Named,
    Near,
    Not,
    Offline,
    Or,
    Range,
    SearchFilters,
)
from resources.vector_index.follower import IndexFollower, model_in_use, served_model
from resources.vector_index.opening import IndexPosition, open_index, read_position
from resources.vector_index.outbox import AppliedCounts, Verification, apply_outbox, verify
from resources.vector_index.points import IndexModel, IndexStats, ModelKey, PhotoPoint, Ranked, RankedList, StoredPhoto
from resources.vector_index.protocol import VectorIndex
from resources.vector_index.publishing import bring_up_to_date, publish, wake
from resources.vector_index.rebuilding import rebuild_index
from resources.vector_index.verifying import verify_through_owner

__all__ = [
    "And",
    "AnyOf",
    "AppliedCounts",
    "CompactionStatus",
    "Condition",
    "Exists",
    "Flag",
    "HasVector",
    "Ids",
    "InBox",
    "IndexFollower",
    "IndexModel",
    "IndexPosition",
    "IndexStats",
    "Like",
    "ModelKey",
    "Named",
    "Near",
    "Not",
    "Offline",
    "Or",
    "PhotoPoint",
    "Range",
    "Ranked",
    "RankedList",
    "SearchFilters",
    "StoredPhoto",
    "VectorIndex",
    "Verification",
    "apply_outbox",
    "bring_up_to_date",
    "compact_index",
    "model_in_use",
    "open_index",
    "publish",
    "read_position",
    "rebuild_index",
    "served_model",
    "verify",
    "verify_through_owner",
    "wake",
]
