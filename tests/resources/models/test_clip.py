"""The image-text encoder over a small custom open_clip model in a folder."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_models import random_images, write_tiny_clip

from resources.errors import LoupeError
from resources.models import ClipEncoder, GpuResource, load_clip
from resources.models.clip import load_clip_folder, normalised
from resources.settings import Settings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("models") / "tiny"
    write_tiny_clip(made)
    return made


@pytest.fixture
def encoder(folder: Path, gpu: GpuResource, no_network: list[Any]) -> ClipEncoder:
    return load_clip_folder("tiny", folder, gpu)


def test_vectors_are_float32_of_unit_norm(encoder: ClipEncoder) -> None:
    vectors = encoder.embed_images(random_images(5, 32))
    texts = encoder.embed_texts(["a red boat", "the cat on the tree"])
    assert vectors.shape == (5, 32)
    assert texts.shape == (2, 32)
    for made in (vectors, texts):
        assert made.dtype == np.float32
        assert np.allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)


def test_equals_open_clips_own_encoding(folder: Path, encoder: ClipEncoder) -> None:
    import open_clip
    import torch

    model, transform = open_clip.create_model_from_pretrained(f"local-dir:{folder}")
    tokens = open_clip.get_tokenizer(f"local-dir:{folder}")(["a red boat", "dog"])
    images = random_images(4, 32)
    from PIL import Image

    with torch.no_grad():
        tensors = torch.stack([transform(Image.fromarray(image)) for image in images])
        theirs = model.eval().encode_image(tensors, normalize=True).numpy()
        their_texts = model.encode_text(tokens, normalize=True).numpy()
    assert np.abs(encoder.embed_images(images) - theirs).max() < 1e-4
    assert np.abs(encoder.embed_texts(["a red boat", "dog"]) - their_texts).max() < 1e-4


def test_normalisation_on_the_device_is_torchvisions(encoder: ClipEncoder) -> None:
    import torch
    from torchvision.transforms.functional import normalize, to_tensor

    image = random_images(1, 32)[0]
    spec = encoder.input_spec
    theirs = normalize(to_tensor(image), list(spec.mean), list(spec.std))
    ours = normalised(torch.from_numpy(image[None]), spec, torch.float32)[0]
    assert (ours - theirs).abs().max() < 1e-5


def test_result_does_not_depend_on_the_batch(folder: Path, settings: Settings, encoder: ClipEncoder) -> None:
    images = random_images(11, 32)
    small = GpuResource(settings.model_copy(update={"batch_size": 2}))
    assert (
        np.abs(load_clip_folder("tiny", folder, small).embed_images(images) - encoder.embed_images(images)).max() < 1e-5
    )


def test_nothing_in_nothing_out(encoder: ClipEncoder) -> None:
    assert encoder.embed_images(np.empty((0, 32, 32, 3), np.uint8)).shape == (0, 32)
    assert encoder.embed_texts([]).shape == (0, 32)


def test_input_of_another_size_or_type_is_refused(encoder: ClipEncoder) -> None:
    with pytest.raises(ValueError, match="uint8"):
        encoder.embed_images(random_images(1, 64))
    with pytest.raises(ValueError, match="uint8"):
        encoder.embed_images(random_images(1, 32).astype(np.float32))
    with pytest.raises(TypeError):
        encoder.embed_texts("a bare text")


def test_unknown_words_of_a_closed_vocabulary(encoder: ClipEncoder) -> None:
    assert encoder.unknown_words("A red Zeppelin, on the beach; zeppelin!") == ["zeppelin"]
    assert encoder.unknown_words("the red boat") == []
    assert encoder.unknown_words("") == []


def test_real_tokenizers_know_every_word(tmp_path: Path, gpu: GpuResource, model_weights: Any) -> None:
    made = tmp_path / "letters"
    write_tiny_clip(made)
    model_weights.write_gemma_tokenizer(made)
    config = json.loads((made / "open_clip_config.json").read_text())
    config["model_cfg"]["text_cfg"]["vocab_size"] = 400
    (made / "open_clip_config.json").write_text(json.dumps(config))
    import open_clip
    from safetensors.torch import save_file

    model = open_clip.create_model(f"local-dir:{made}", load_weights=False)
    save_file(model.state_dict(), made / "open_clip_model.safetensors")
    encoder = load_clip_folder("letters", made, gpu)
    assert encoder.unknown_words("zeppelin über ⛵") == []
    assert encoder.embed_texts(["zeppelin über ⛵"]).shape == (1, 32)


def test_same_vectors_from_several_threads(encoder: ClipEncoder) -> None:
    images, texts = random_images(6, 32), ["a red boat", "the cat"]
    wanted = encoder.embed_images(images), encoder.embed_texts(texts)
    wrong: list[str] = []

    def work() -> None:
        for _ in range(10):
            if not np.allclose(encoder.embed_images(images), wanted[0], atol=1e-5):
                wrong.append("images")
            if not np.allclose(encoder.embed_texts(texts), wanted[1], atol=1e-5):
                wrong.append("texts")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_warm_runs_both_towers(encoder: ClipEncoder, gpu: GpuResource) -> None:
    encoder.warm()
    assert {"embed_texts", "embed_images", "load"} <= set(gpu.capabilities()["peak_mb"])


def test_vectors_that_are_not_finite_are_an_error(tmp_path: Path, gpu: GpuResource) -> None:
    from safetensors.torch import load_file, save_file

    made = tmp_path / "broken"
    write_tiny_clip(made)
    weights = load_file(made / "open_clip_model.safetensors")
    weights["visual.proj"][:] = float("nan")
    save_file(weights, made / "open_clip_model.safetensors")
    with pytest.raises(LoupeError) as caught:
        load_clip_folder("broken", made, gpu).embed_images(random_images(2, 32))
    assert caught.value.code == "EMBED_FAILED"
    assert caught.value.details["indexes"] == [0, 1]


def test_tokenizer_class_without_its_vocabulary_is_refused(
    tmp_path: Path, gpu: GpuResource, model_weights: Any
) -> None:
    """transformers would make up a Gemma tokenizer of five tokens and say nothing."""
    made = tmp_path / "bare"
    write_tiny_clip(made)
    model_weights.write_gemma_tokenizer(made)
    (made / "tokenizer.json").unlink()
    with pytest.raises(LoupeError, match="no tokenizer") as caught:
        load_clip_folder("bare", made, gpu)
    assert caught.value.code == "MODEL_FILES_INVALID"


def test_byte_pairs_of_the_original_clip_need_no_file(tmp_path: Path, gpu: GpuResource, no_network: list[Any]) -> None:
    import open_clip
    from safetensors.torch import save_file

    made = tmp_path / "bytes"
    write_tiny_clip(made)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (made / name).unlink()
    config = json.loads((made / "open_clip_config.json").read_text())
    config["model_cfg"].pop("custom_text")
    config["model_cfg"]["text_cfg"] = {
        "context_length": 77,
        "vocab_size": 49408,
        "width": 32,
        "heads": 2,
        "layers": 1,
    }
    (made / "open_clip_config.json").write_text(json.dumps(config))
    model = open_clip.create_model(f"local-dir:{made}", load_weights=False)
    save_file(model.state_dict(), made / "open_clip_model.safetensors")
    encoder = load_clip_folder("bytes", made, gpu)
    first, second, again = encoder.embed_texts(["a zeppelin", "a cat on the beach", "a zeppelin"])
    assert np.allclose(first, again, atol=1e-6)
    assert not np.allclose(first, second, atol=1e-3)
    assert encoder.unknown_words("a zeppelin") == []


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize("damage", ["cut", "empty", "other", "no_tokenizer"])
def test_damaged_folder_is_named_and_never_filled_with_random_weights(
    tmp_path: Path, gpu: GpuResource, damage: str
) -> None:
    made = tmp_path / "damaged"
    write_tiny_clip(made)
    weights = made / "open_clip_model.safetensors"
    if damage == "cut":
        cut(weights)
    elif damage == "empty":
        weights.write_bytes(b"")
    elif damage == "other":
        from safetensors.torch import load_file, save_file

        kept = load_file(weights)
        kept.pop("visual.proj")
        save_file(kept, weights)
    else:
        (made / "tokenizer.json").unlink()
        (made / "tokenizer_config.json").unlink()
    with pytest.raises(LoupeError, match="damaged") as caught:
        load_clip_folder("tiny", made, gpu)
    assert caught.value.code == "MODEL_FILES_INVALID"


def test_pickled_weights_load_as_weights_only(tmp_path: Path, gpu: GpuResource, encoder: ClipEncoder) -> None:
    import torch

    made = tmp_path / "pickled"
    model = write_tiny_clip(made)
    (made / "open_clip_model.safetensors").unlink()
    torch.save(model.state_dict(), made / "open_clip_pytorch_model.bin")
    images = random_images(3, 32)
    theirs = load_clip_folder("pickled", made, gpu).embed_images(images)
    assert np.abs(theirs - encoder.embed_images(images)).max() < 1e-6

    class Evil:
        def __reduce__(self) -> Any:
            return (Path(made / "ran").touch, ())

    torch.save({"visual.proj": Evil()}, made / "open_clip_pytorch_model.bin")
    with pytest.raises(LoupeError):
        load_clip_folder("pickled", made, gpu)
    assert not (made / "ran").exists()


def test_fetched_preset_loads_by_name(settings: Settings, gpu: GpuResource) -> None:
    write_tiny_clip(settings.home / "models" / "siglip2-b32")
    encoder = load_clip(settings, None, gpu)
    assert encoder.name == "siglip2-b32"
    assert encoder.dim == 32
    with pytest.raises(LoupeError) as caught:
        load_clip(settings, "siglip2-b16", gpu)
    assert caught.value.code == "MODEL_NOT_FETCHED"


def test_loading_and_encoding_open_no_connection(folder: Path, tmp_path: Path) -> None:
    code = f"""
import socket
def refuse(self, address):
    raise SystemExit(f"connected to {{address}}")
socket.socket.connect = refuse
socket.getaddrinfo = lambda *a, **k: refuse(None, a)
from pathlib import Path
from resources.models import GpuResource
from resources.models.clip import load_clip_folder
from resources.settings import Settings
gpu = GpuResource(Settings(home={str(tmp_path)!r}, device="cpu"))
load_clip_folder("tiny", Path({str(folder)!r}), gpu).warm()
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=400)


@pytest.mark.slow
def test_compiled_model_answers_the_same_for_any_batch(folder: Path, settings: Settings, encoder: ClipEncoder) -> None:
    compiled = load_clip_folder(
        "tiny", folder, GpuResource(settings.model_copy(update={"compile": True, "batch_size": 4}))
    )
    for count in (4, 1, 7):
        images = random_images(count, 32)
        assert np.abs(compiled.embed_images(images) - encoder.embed_images(images)).max() < 1e-5
