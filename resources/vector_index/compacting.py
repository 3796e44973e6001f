"""The process that compacts a copy of a shard: `python -P compacting.py FOLDER`.

It begins when a line arrives on its standard input, and not at all when its owner ended before. It works at the lowest
priority: whoever searches or reads photos in comes first. It imports nothing of Loupe, so that it is at
work at once and holds no more memory than it needs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import psutil
import qdrant_edge as edge

__all__ = ["compact"]

# docs/decisions/compaction.md: recall and latency of these.
GRAPH_EDGES, GRAPH_EFFORT = 16, 128
# Where so many kB of vectors pass a filter, or fewer, each is looked at: that is exact, and as fast.
FULL_SCAN_KB = 100_000


def compact(shard: Path) -> None:
    """Merge the segments of the shard in this folder into one, with a graph of its vectors."""
    # No links by payload: a graph for each camera, folder and tag costs many times as much, and filters are answered
    # without a graph.
    graph = edge.HnswIndexConfig(
        m=GRAPH_EDGES, ef_construct=GRAPH_EFFORT, full_scan_threshold=FULL_SCAN_KB, payload_m=0
    )
    optimizers = edge.EdgeOptimizersConfig(
        indexing_threshold=1, default_segment_number=1, max_segment_size=1 << 40, deleted_threshold=0.01
    )
    said: dict[str, Any] = json.loads((shard / "edge_config.json").read_bytes())
    vectors = {
        name: edge.EdgeVectorParams(stored["size"], getattr(edge.Distance, stored["distance"]))
        for name, stored in said["vectors"].items()
    }
    words = {name: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf) for name in said["sparse_vectors"]}
    config = edge.EdgeConfig(vectors=vectors, sparse_vectors=words, hnsw_config=graph, optimizers=optimizers)
    opened = edge.EdgeShard.load(str(shard), config)
    opened.optimize()
    opened.flush()
    opened.close()


def _step_back() -> None:
    process = psutil.Process()
    process.nice(psutil.IDLE_PRIORITY_CLASS if sys.platform == "win32" else 19)  # type: ignore[attr-defined]


def main() -> None:
    if sys.stdin.readline():
        _step_back()
        compact(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
