"""Engines that decode photos: worker processes on this machine behind the `Engine` protocol.

Belongs here: how work reaches workers and comes back. Not here: decoding (imaging), rows (manifest), models.
"""

from resources.engine.local import LocalEngine
from resources.engine.tasks import Decoded, DecodeTask, Engine, Outcome

__all__ = ["DecodeTask", "Decoded", "Engine", "LocalEngine", "Outcome"]
