"""How often a kill test kills, and at which moments.

LOUPE_TEST_KILLS asks for another number than 10 of each kind, LOUPE_TEST_KILL_SEED for other moments.
"""

from __future__ import annotations

import os

KILLS = int(os.environ.get("LOUPE_TEST_KILLS", "10"))
SEED = int(os.environ.get("LOUPE_TEST_KILL_SEED", "20260101"))
