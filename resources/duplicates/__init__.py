"""Photos that show the same: found by their bytes, pixels, pictures and by what the model says of them.

Belongs here: comparing, grouping, which one to keep. Not here: rows (`manifest/duplicates.py`), stacks (`stacks.py`),
what a page shows of them.
"""

from resources.duplicates.finding import ContentModel, DuplicateCounts, find_duplicates, regroup
from resources.duplicates.grouping import TIERS, Group, Tier

__all__ = ["TIERS", "ContentModel", "DuplicateCounts", "Group", "Tier", "find_duplicates", "regroup"]
