"""The captioner over small transformers models in a folder."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_models import WORDS, random_images, write_tiny_blip, write_word_tokenizer

from resources.errors import LoupeError
from resources.models import Captioner, GpuResource
from resources.models.captioner import MOST_TOKENS, clean_caption, load_captioner_folder
from resources.settings import Settings


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("models") / "tiny"
    write_tiny_blip(made)
    return made


@pytest.fixture
def captioner(folder: Path, gpu: GpuResource, no_network: list[Any]) -> Captioner:
    return load_captioner_folder("tiny", folder, gpu)


def test_tokens_equal_plain_transformers(folder: Path, captioner: Captioner) -> None:
    import torch
    from PIL import Image
    from transformers import AutoTokenizer, BlipForConditionalGeneration, BlipImageProcessor

    images = random_images(6, 32)
    model = BlipForConditionalGeneration.from_pretrained(folder, local_files_only=True).eval()
    pixels = BlipImageProcessor.from_pretrained(folder, local_files_only=True)(
        [Image.fromarray(image) for image in images], return_tensors="pt"
    )
    theirs = model.generate(**pixels, max_new_tokens=MOST_TOKENS, do_sample=False, num_beams=1)
    assert torch.equal(captioner.token_ids(torch.from_numpy(images)), theirs)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    said = [clean_caption(text) for text in tokenizer.batch_decode(theirs, skip_special_tokens=True)]
    assert captioner.caption(images) == said


def test_same_photo_gets_the_same_caption_in_any_batch(folder: Path, settings: Settings, captioner: Captioner) -> None:
    images = random_images(9, 32)
    captions = captioner.caption(images)
    assert captions == captioner.caption(images)
    small = load_captioner_folder("tiny", folder, GpuResource(settings.model_copy(update={"batch_size": 2})))
    assert small.caption(images) == captions
    assert captioner.caption(images[::-1]) == captions[::-1]


def test_captions_are_short_lines_of_the_vocabulary(captioner: Captioner) -> None:
    for caption in captioner.caption(random_images(8, 32)):
        assert "\n" not in caption
        assert "[" not in caption
        assert len(caption.split()) <= MOST_TOKENS
        assert set(caption.split()) <= set(WORDS)


def test_nothing_in_nothing_out_and_other_sizes_refused(captioner: Captioner) -> None:
    assert captioner.caption(np.empty((0, 32, 32, 3), np.uint8)) == []
    with pytest.raises(ValueError, match="uint8"):
        captioner.caption(random_images(1, 64))


@pytest.mark.parametrize(
    ("said", "clean"),
    [
        (" a cat   on\na mat . ", "a cat on a mat"),
        ("a dog and a dog and a dog and a", "a dog and a"),
        ("the the the the beach", "the beach"),
        ("there is a cat on a on a on a bed", "there is a cat on a bed"),
        ("arafed image of a boat", "image of a boat"),
        ("there are two cats , and a dog", "there are two cats, and a dog"),
        ("a bus in new york new york", "a bus in new york"),
        ("a 2 2 2 sign", "a 2 sign"),
        ("red and red roses", "red and red roses"),
        ("can candles", "can candles"),
        ("", ""),
        ("...", ""),
    ],
)
def test_captions_are_cleaned(said: str, clean: str) -> None:
    assert clean_caption(said) == clean


def test_whole_processor_in_one_file(tmp_path: Path, folder: Path, gpu: GpuResource, captioner: Captioner) -> None:
    from transformers import AutoTokenizer, BlipImageProcessor, BlipProcessor

    made = tmp_path / "one-file"
    shutil.copytree(folder, made)
    (made / "preprocessor_config.json").unlink()
    processor = BlipProcessor(
        BlipImageProcessor.from_pretrained(folder), AutoTokenizer.from_pretrained(folder, local_files_only=True)
    )
    processor.save_pretrained(made)
    assert not (made / "preprocessor_config.json").exists()
    images = random_images(3, 32)
    assert load_captioner_folder("one", made, gpu).caption(images) == captioner.caption(images)


@pytest.mark.parametrize("damage", ["cut", "lacking", "no_config", "no_tokenizer"])
def test_damaged_folder_is_named_and_never_filled_with_random_weights(
    tmp_path: Path, folder: Path, gpu: GpuResource, damage: str
) -> None:
    from safetensors.torch import load_file, save_file

    made = tmp_path / "damaged"
    shutil.copytree(folder, made)
    weights = made / "model.safetensors"
    if damage == "cut":
        weights.write_bytes(weights.read_bytes()[:1000])
    elif damage == "lacking":
        kept = load_file(weights)
        kept.pop("vision_model.embeddings.patch_embedding.weight")
        save_file(kept, weights, metadata={"format": "pt"})
    elif damage == "no_config":
        (made / "config.json").unlink()
    else:
        (made / "tokenizer.json").unlink()
        (made / "tokenizer_config.json").unlink()
    with pytest.raises(LoupeError) as caught:
        load_captioner_folder("tiny", made, gpu)
    assert caught.value.code == "MODEL_FILES_INVALID"


def test_code_in_a_model_folder_is_not_run(tmp_path: Path, folder: Path, gpu: GpuResource) -> None:
    made = tmp_path / "code"
    shutil.copytree(folder, made)
    config = json.loads((made / "config.json").read_text())
    config["model_type"] = "unheard-of"
    config["auto_map"] = {"AutoConfig": "evil.Config", "AutoModelForImageTextToText": "evil.Model"}
    config["architectures"] = ["Model"]
    (made / "config.json").write_text(json.dumps(config))
    (made / "evil.py").write_text(f"open({str(made / 'ran')!r}, 'w')\n")
    with pytest.raises(LoupeError):
        load_captioner_folder("code", made, gpu)
    assert not (made / "ran").exists()


def test_another_family_captions_too(tmp_path: Path, gpu: GpuResource, no_network: list[Any]) -> None:
    """GIT: a decoder that reads picture tokens, with a processor that crops."""
    import torch
    from transformers import GitConfig, GitForCausalLM

    made = tmp_path / "git"
    made.mkdir()
    vocabulary = write_word_tokenizer(made, WORDS, 32)
    layers = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    torch.manual_seed(0)
    config = GitConfig(
        vision_config={**layers, "image_size": 32, "patch_size": 8},
        **layers,
        vocab_size=vocabulary,
        bos_token_id=2,
        eos_token_id=3,
        pad_token_id=0,
        max_position_embeddings=64,
    )
    GitForCausalLM(config).save_pretrained(made)
    processor = {
        "size": {"shortest_edge": 32},
        "do_center_crop": True,
        "crop_size": {"height": 32, "width": 32},
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
    }
    (made / "preprocessor_config.json").write_text(json.dumps(processor))
    captioner = load_captioner_folder("git", made, gpu)
    captions = captioner.caption(random_images(3, 32))
    assert captioner.input_spec.resize_mode == "shortest"
    assert len(captions) == 3
    assert all(set(caption.split()) <= set(WORDS) for caption in captions)
