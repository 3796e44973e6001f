"""Photos that show the same: found by their bytes, pixels, pictures and by what the model says of them.

Belongs here: comparing, grouping, which one to keep. Not here: rows (`manifest/duplicates.py`), stacks (`stacks.py`),
what a page shows of them.
"""

from resources.duplicates.finding import DuplicateCounts, find_duplicates
from resources.duplicates.grouping import TIERS, Group, Tier

__all__ = ["TIERS", "DuplicateCounts", "Group", "Tier", "find_duplicates"]
