"""Models for callers that come one by one: one bounded queue before the device, batches made of many requests.

Belongs here: who is next, what goes together, when to refuse, when to load and let go. Not here: model arithmetic
(`resources.models`), decoding (`resources.engine`), HTTP.
"""

from resources.inference.device_queue import DeviceQueue, Lane, Places
from resources.inference.served_models import Encoder, ServedModels

__all__ = ["DeviceQueue", "Encoder", "Lane", "Places", "ServedModels"]
