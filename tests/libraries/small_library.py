"""A library of a dozen drawn photos, taken in by the real stream, with a real but untrained image-text model."""

from __future__ import annotations

import json
import os
import shutil
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from assets.embeddings import embedding, going
from assets.photo_stream import PhotoStream, StreamCounts, StreamLimits
from resources.clock import utc_now
from resources.engine import Engine, LocalEngine
from resources.inventory import AddedRoot, add_root, take_inventory
from resources.library import Library
from resources.manifest import outbox, results
from resources.manifest.results import ResultKey
from resources.models import GpuResource
from resources.settings import Settings
from resources.watching import look

__all__ = ["CAPTIONS", "PRESET", "WORDS", "SmallLibrary", "build", "draw_photo", "write_tiny_clip"]

PRESET = "clip-b32-laion2b"  # the name under which the untrained model poses as fetched
CAPTIONS = {
    "red.jpg": "a red circle on a blue wall",
    "green.jpg": "a green circle under a yellow sky",
    "blue.png": "a blue square beside the sea",
}
WORDS = ["a", "red", "green", "blue", "circle", "square", "beside", "the", "wall", "sky", "sea", "yellow", "of"]
_BLUE_WRITTEN = datetime(2026, 5, 1, 12)
_CAPTIONER = ResultKey("captions-by-hand", "1", "1")


@dataclass(frozen=True)
class SmallLibrary:
    """The settings of a home and the folder that it watches."""

    settings: Settings
    photos: Path

    @property
    def library(self) -> Library:
        return Library(self.settings)

    def copied(self, home: Path) -> SmallLibrary:
        """The same library in a home of its own; its photos are those of this one."""
        shutil.copytree(self.settings.home, home, ignore=shutil.ignore_patterns("run", "*.lock"))
        return SmallLibrary(self.settings.model_copy(update={"home": home}), self.photos)

    def photo_id(self, file_name: str) -> str:
        """The id of the photo whose file has this name."""
        with self.library.manifest.read() as tx:
            found = tx.value(
                "SELECT photo_id FROM files WHERE rel_path = ? OR rel_path LIKE '%/' || ?", [file_name] * 2
            )
        assert isinstance(found, str), f"{file_name} is not a photo of the library"
        return found

    def take_in(self, photos: int = 1000, engine: Engine | None = None) -> StreamCounts:
        """Read what is new in the watched folders, as a run of at most so many photos does."""
        library = self.library
        report = look(library.manifest, settle=False)
        take_inventory(library.manifest, report.known)
        clip, _ = library.use_models()
        gpu = GpuResource(self.settings)
        stream = PhotoStream(
            library.manifest,
            library.home,
            engine or LocalEngine(self.settings),
            StreamLimits(photos, 120),
            embedding=embedding(library, gpu, clip),
            captioning=None,
            going=going(library, gpu, clip),
        )
        return stream.run({"decoded_images", "embeddings"}, None, threading.Event())

    def add_folder(self, folder: Path) -> AddedRoot:
        return add_root(self.library.manifest, self.library.home, str(folder), self.settings.max_partitions)

    def caption(self, file_name: str, text: str) -> None:
        """Give a photo a caption, as the captions stage writes it."""
        with self.library.manifest.write() as tx:
            row = tx.one(
                "SELECT DISTINCT p.photo_id, v.pixel_hash, v.sha256 FROM photos p JOIN previews v USING (sha256) "
                "JOIN files f USING (photo_id) WHERE f.rel_path LIKE '%/' || ?",
                [file_name],
            )
            assert row is not None
            results.put(
                tx,
                "captions",
                _CAPTIONER,
                [{"pixel_hash": row["pixel_hash"], "sha256": row["sha256"], "created_at": utc_now(), "text": text}],
            )
            outbox.push(tx, [row["photo_id"]], "caption")


def build(folder: Path, *, with_model: bool = True) -> SmallLibrary:
    """A home and a photo folder under `folder`; everything taken in, nothing running."""
    photos, home = folder / "Photos", folder / "home"
    _draw_all(photos)
    if with_model:
        write_tiny_clip(home / "models" / PRESET)
    settings = Settings(
        home=home, model=PRESET if with_model else None, captions="off", device="cpu", decode_workers=1, cpu_threads=1
    )
    small = SmallLibrary(settings, photos)
    small.library.open()
    small.add_folder(photos)
    small.take_in()
    for name, text in CAPTIONS.items():
        small.caption(name, text)
    return small


def draw_photo(
    path: Path,
    colour: str,
    background: str,
    seed: int,
    size: tuple[int, int] = (640, 480),
    place: tuple[float, float] | None = None,
) -> None:
    """A JPEG or PNG with grain; JPEGs carry EXIF of a made-up day and camera, and a `place` in degrees if given."""
    image = Image.new("RGB", size, background)
    draw = ImageDraw.Draw(image)
    x, y = 60 + 37 * seed % 300, 50 + 53 * seed % 200
    (draw.ellipse if seed % 2 else draw.rectangle)((x, y, x + 220, y + 220), fill=colour)
    grain = np.random.default_rng(seed).integers(-12, 12, (size[1], size[0], 3), dtype=np.int16)
    pixels = np.clip(np.asarray(image, dtype=np.int16) + grain, 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".png":
        Image.fromarray(pixels).save(path)
        return
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = ("Canon", "Canon EOS R5") if seed % 2 else ("FUJIFILM", "X-T5")
    taken = datetime(2023, 6, 1, 10, 30) + timedelta(days=9 * seed)
    exif.get_ifd(0x8769).update(
        {36867: taken.strftime("%Y:%m:%d %H:%M:%S"), 33434: 1 / 250, 33437: 2.8, 34855: 200, 37386: 35.0}
    )
    if place is not None:
        lat, lon = place
        gps = {
            1: "N" if lat >= 0 else "S",
            2: (abs(lat), 0.0, 0.0),
            3: "E" if lon >= 0 else "W",
            4: (abs(lon), 0.0, 0.0),
        }
        exif.get_ifd(0x8825).update(gps)
    Image.fromarray(pixels).save(path, quality=88, exif=exif)


def _draw_all(photos: Path) -> None:
    drawn = [
        ("Lisbon 2023/red.jpg", "red", "midnightblue"),
        ("Lisbon 2023/green.jpg", "green", "khaki"),
        ("Lisbon 2023/blue.png", "blue", "lightsteelblue"),
        ("Lisbon 2023/Ünïcode/orange größe.jpg", "orange", "darkslategray"),
        ("Garden/violet.jpg", "violet", "darkgreen"),
        ("Garden/white.jpg", "white", "saddlebrown"),
        ("Garden/pink.jpg", "hotpink", "teal"),
        ("Garden/gold.jpg", "gold", "indigo"),
    ]
    for seed, (name, colour, background) in enumerate(drawn, start=1):
        size = (480, 640) if seed % 3 == 0 else (640, 480)
        draw_photo(photos / name, colour, background, seed, size)
    # It says no date: its file's counts.
    os.utime(photos / "Lisbon 2023/blue.png", (_BLUE_WRITTEN.timestamp(),) * 2)
    shutil.copy(photos / "Garden/gold.jpg", photos / "Lisbon 2023/gold again.jpg")
    (photos / "Garden/broken.jpg").write_bytes((photos / "Garden/pink.jpg").read_bytes()[:400])
    (photos / "Garden/notes.txt").write_text("not a photo")


def write_tiny_clip(folder: Path, seed: int = 20260101) -> None:
    """An untrained open_clip model in the layout of a fetched preset, the same each time; it knows `WORDS` alone.

    Another `seed` makes another model, with vectors of the same length.
    """
    import open_clip
    import torch
    from safetensors.torch import save_file
    from tokenizers import Tokenizer, normalizers, pre_tokenizers
    from tokenizers.models import WordLevel
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", *WORDS])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)

    text = {"context_length": 16, "vocab_size": len(vocabulary), "width": 32, "heads": 2, "layers": 1}
    vision = {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8}
    torch.manual_seed(seed)
    # Built as open_clip builds it from the file below: with the tokenizer's own options in the text part.
    text |= {"hf_tokenizer_name": "tiny", "tokenizer_kwargs": {"clean": "whitespace"}, "pad_id": 0, "pool_type": "last"}
    model = open_clip.CLIP(
        embed_dim=32, vision_cfg=open_clip.CLIPVisionCfg(**vision), text_cfg=open_clip.CLIPTextCfg(**text)
    )
    weights = {key: value.contiguous() for key, value in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
    preprocessing = {
        "mean": [0.48, 0.46, 0.41],
        "std": [0.27, 0.26, 0.28],
        "interpolation": "bicubic",
        "resize_mode": "shortest",
    }
    content = {"model_cfg": {"embed_dim": 32, "vision_cfg": vision, "text_cfg": text}, "preprocess_cfg": preprocessing}
    (folder / "open_clip_config.json").write_text(json.dumps(content))
