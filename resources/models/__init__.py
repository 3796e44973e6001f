"""Models: presets, the device, preprocessing, the image-text encoder, the captioner, fetching and checking.

Belongs here: everything that touches model files or arithmetic. Not here: decoding, storage, Dagster, HTTP.
"""

from resources.imaging.model_input import ModelInputSpec, model_input
from resources.models.captioner import Captioner, load_captioner
from resources.models.check import CheckReport, check
from resources.models.clip import ClipEncoder, load_clip
from resources.models.fetch import FetchProgress, fetch, preset_by_name
from resources.models.gpu import GpuResource
from resources.models.identity import ModelIdentity, captioner_spec, clip_spec
from resources.models.presets import (
    CAPTIONERS,
    DEFAULT_CAPTIONER,
    DEFAULT_CLIP,
    DEMO_MODEL,
    PRESETS,
    ModelStatus,
    Preset,
    available,
    captioner_preset,
    clip_preset,
    model_folder,
)

__all__ = [
    "CAPTIONERS",
    "DEFAULT_CAPTIONER",
    "DEFAULT_CLIP",
    "DEMO_MODEL",
    "PRESETS",
    "Captioner",
    "CheckReport",
    "ClipEncoder",
    "FetchProgress",
    "GpuResource",
    "ModelIdentity",
    "ModelInputSpec",
    "ModelStatus",
    "Preset",
    "available",
    "captioner_preset",
    "captioner_spec",
    "check",
    "clip_preset",
    "clip_spec",
    "fetch",
    "load_captioner",
    "load_clip",
    "model_folder",
    "model_input",
    "preset_by_name",
]
