"""Handing photos out: as a ZIP, as a folder of links, as a data set to train with.

Originals are read, never written; what is made is streamed or stands in a folder that the caller names. Not here: which
photos are meant (`resources/search/chosen.py`), exports of the whole library (`resources/exchange`).
"""

from resources.handoff.datasets import Sample, coco_captions, csv_table, dataset_sample, webdataset
from resources.handoff.link_folder import Linked, link_folder, link_pictures
from resources.handoff.originals import Original, original, reachable, watched_folders
from resources.handoff.safe_names import SafeNames
from resources.handoff.splits import Splits, parse_shares
from resources.handoff.zip_stream import zip_stream

__all__ = [
    "Linked",
    "Original",
    "SafeNames",
    "Sample",
    "Splits",
    "coco_captions",
    "csv_table",
    "dataset_sample",
    "link_folder",
    "link_pictures",
    "original",
    "parse_shares",
    "reachable",
    "watched_folders",
    "webdataset",
    "zip_stream",
]
