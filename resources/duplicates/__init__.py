"""Photos that show the same: found by their bytes, pixels, pictures and by what the model says of them.

Belongs here: comparing, grouping, which one to keep. Not here: rows (`manifest/duplicates.py`), stacks (`stacks.py`),
what a page shows of them.
"""

from resources.duplicates.finding import ContentModel, DuplicateCounts, find_duplicates, regroup
from resources.duplicates.grouping import SHOWN_IN, TIERS, Group, Tier
from resources.duplicates.keeping import Keeping, Kept, keep
from resources.duplicates.same_picture import MADE_BY as AREAS

__all__ = [
    "AREAS",
    "SHOWN_IN",
    "TIERS",
    "ContentModel",
    "DuplicateCounts",
    "Group",
    "Keeping",
    "Kept",
    "Tier",
    "find_duplicates",
    "keep",
    "regroup",
]
