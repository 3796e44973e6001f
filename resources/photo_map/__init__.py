"""The similarity map beyond its places: groups of photos on it, what is said of them, and the points as a file.

Belongs here: what is made when the map is drawn. Not here: places (`resources/projection/`), rows (`manifest/`).
"""

from resources.photo_map.clusters import find_clusters
from resources.photo_map.drawing import draw_map, store_map
from resources.photo_map.labels import Said, label_clusters
from resources.photo_map.point_file import Points, open_points, stream_of, sweep_points, write_points

__all__ = [
    "Points",
    "Said",
    "draw_map",
    "find_clusters",
    "label_clusters",
    "open_points",
    "store_map",
    "stream_of",
    "sweep_points",
    "write_points",
]
