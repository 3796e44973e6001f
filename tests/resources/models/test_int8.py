"""8-bit linear layers: near fp32, the same for a photo alone and among others, and only where a model bears them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from small_models import random_images, write_tiny_blip, write_tiny_clip
from torch import nn

from resources.errors import LoupeError
from resources.models import GpuResource, clip, gpu, int8
from resources.models.captioner import _worded_alike, load_captioner_folder
from resources.models.clip import centred_cosine, load_clip_folder
from resources.settings import Settings

pytestmark = pytest.mark.skipif(not int8.available(), reason="this build of torch has no 8-bit linear layers")

MADE_BY = {"model": "one", "revision": "1"}


def a_layer(wide: int = 768, out: int = 512, bias: bool = True) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(wide, out, bias=bias)).requires_grad_(False)


def difference(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one - other).norm() / other.norm())


@pytest.mark.parametrize("bias", [True, False])
def test_close_to_fp32(bias: bool) -> None:
    layer = a_layer(bias=bias)
    values = torch.randn(2, 700, 768)  # more tokens than are rounded at a time
    exact = layer(values)
    assert len(int8.quantise(layer)) == 1
    rounded = layer(values)
    assert rounded.shape == exact.shape
    assert 0 < difference(rounded, exact) < 0.03


def test_a_token_comes_out_the_same_alone_and_beside_a_loud_one() -> None:
    layer = a_layer()
    values = torch.randn(1, 1300, 768)
    values[0, 700] *= 1000
    exact = layer(values)
    int8.quantise(layer)
    together = layer(values)
    alone = torch.cat([layer(values[:, at : at + 1]) for at in (0, 699, 1299)], dim=1)
    assert torch.equal(alone, together[:, [0, 699, 1299]])
    assert max(difference(one, other) for one, other in zip(together[0], exact[0], strict=True)) < 0.05


def test_nothing_in_gives_the_bias() -> None:
    layer = a_layer()
    bias = layer[0].bias
    int8.quantise(layer)
    assert torch.equal(layer(torch.zeros(1, 3, 768)), bias.expand(1, 3, -1))


def test_the_largest_values_do_not_overflow() -> None:
    """All inputs and weights at their end: sums of two products of full 8 bits would not fit 16."""
    layer = a_layer()
    layer[0].weight.fill_(0.5)
    exact = layer(torch.ones(1, 1, 768))
    int8.quantise(layer)
    assert difference(layer(torch.ones(1, 1, 768)), exact) < 1e-3


def test_narrow_layers_and_vocabularies_stay() -> None:
    narrow, vocabulary, wide = nn.Linear(64, 512), nn.Linear(256, 4096), nn.Linear(2048, 1024)
    module = nn.ModuleDict({"narrow": narrow, "vocabulary": vocabulary, "wide": wide})
    replaced = int8.quantise(module)
    assert module["narrow"] is narrow
    assert module["vocabulary"] is vocabulary
    assert module["wide"] is not wide
    int8.restore(replaced)
    assert module["wide"] is wide


class Answers:
    """What a layer says to one input, and how often it was asked."""

    def __init__(self, module: nn.Module) -> None:
        self.module, self.values, self.asked = module, torch.randn(1, 4, 768), 0

    def __call__(self) -> torch.Tensor:
        self.asked += 1
        return self.module(self.values)


def likeness(one: torch.Tensor, other: torch.Tensor) -> float:
    return 1 - difference(one, other)


def test_a_model_that_bears_it_is_asked_once(tmp_path: Path) -> None:
    for turn, asked in ((1, 2), (2, 0)):
        layer = a_layer()
        answers = Answers(layer)
        found = int8.bears(layer, answers, likeness, 0.9, tmp_path / "run" / "one.json", MADE_BY)
        assert found is not None, turn
        assert found > 0.9
        assert type(layer[0]) is not nn.Linear
        assert answers.asked == asked


def test_a_model_that_does_not_is_left_alone_and_asked_once(tmp_path: Path) -> None:
    for asked in (2, 0):
        layer = a_layer()
        answers = Answers(layer)
        assert int8.bears(layer, answers, likeness, 0.9999, tmp_path / "one.json", MADE_BY) is None
        assert type(layer[0]) is nn.Linear
        assert answers.asked == asked


def test_new_weights_and_a_damaged_record_are_judged_anew(tmp_path: Path) -> None:
    record = tmp_path / "one.json"
    int8.bears(a_layer(), Answers(a_layer()), likeness, 0.9999, record, MADE_BY)
    layer = a_layer()
    answers = Answers(layer)
    assert int8.bears(layer, answers, likeness, 0.9, record, MADE_BY | {"revision": "2"}) is not None
    record.write_text("{ damaged")
    assert int8.bears(a_layer(), again := Answers(layer), likeness, 0.9, record, MADE_BY) is not None
    assert (answers.asked, again.asked) == (2, 2)
    assert json.loads(record.read_text())["made_by"] == MADE_BY


class ReadsWeights(nn.Module):
    """As some libraries' layers do, past the layer's own `forward`."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(512, 512)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(values, self.layer.weight)


def test_a_model_that_reads_its_weights_stays_and_is_asked_once(tmp_path: Path) -> None:
    values = torch.randn(2, 512)
    asked = 0
    for _ in range(2):
        module = ReadsWeights()

        def answers(module: nn.Module = module) -> torch.Tensor:
            nonlocal asked
            asked += 1
            return module(values)

        assert int8.bears(module, answers, likeness, 0.5, tmp_path / "one.json", MADE_BY) is None
        assert module(values).shape == (2, 512)
    assert asked == 2


def test_no_likeness_is_no_yes_the_next_time_either(tmp_path: Path) -> None:
    for _ in range(2):
        layer = a_layer()
        verdict = int8.bears(layer, Answers(layer), lambda *_: float("nan"), 0.5, tmp_path / "one.json", MADE_BY)
        assert verdict is None
        assert type(layer[0]) is nn.Linear


def test_a_verdict_that_cannot_be_kept_counts_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file in the place of the folder")
    layer = a_layer()
    assert int8.bears(layer, Answers(layer), likeness, 0.9, tmp_path / "run" / "one.json", MADE_BY) is not None
    assert type(layer[0]) is not nn.Linear


def test_layers_that_are_the_lesser_part_stay() -> None:
    module = nn.ModuleDict({"wide": nn.Linear(256, 256), "convolution": nn.Conv2d(256, 256, 3)})
    assert int8.quantise(module) == []


def test_captions_come_through_8_bits(tmp_path: Path) -> None:
    write_tiny_blip(tmp_path / "blip", width=256)
    captioners = {
        dtype: load_captioner_folder(
            "blip", tmp_path / "blip", GpuResource(Settings(home=tmp_path / "home", device="cpu", dtype=dtype))
        )
        for dtype in ("fp32", "int8")
    }
    kinds = {type(each) for each in captioners["int8"].layers.modules()}
    assert int8.Int8Linear in kinds
    images = random_images(6, 32)
    said = {dtype: each.caption(images) for dtype, each in captioners.items()}
    assert len(said["int8"]) == 6
    assert _worded_alike(said["fp32"], said["int8"]) > 0.5
    assert _worded_alike(["a cat", "a red boat"], ["a cat", "a red sun"]) == pytest.approx((1 + 2 / 3) / 2)


def test_a_model_without_wide_layers_is_not_asked(tmp_path: Path) -> None:
    layer = a_layer(64, 64)
    answers = Answers(layer)
    assert int8.bears(layer, answers, likeness, 0.0, tmp_path / "one.json", MADE_BY) is None
    assert answers.asked == 0
    assert not (tmp_path / "one.json").exists()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tiny_clip(tmp_path / "wide", width=256)
    return tmp_path / "wide"


def test_auto_takes_it_on_a_cpu_without_bf16_and_says_so(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "_cpu_has_bf16", lambda: False)
    monkeypatch.setattr(clip, "_LEAST_COSINE", 0.99)
    images = random_images(20, 32)
    vectors = {}
    for dtype in ("fp32", "auto", "int8"):
        resource = GpuResource(Settings(home=tmp_path / "home", device="cpu", dtype=dtype))
        vectors[dtype] = load_clip_folder("wide", folder, resource).embed_images(images)
        told = resource.capabilities()
        assert told["dtype"] == ("float32" if dtype == "fp32" else "int8")
        assert list(told["int8"]) == ([] if dtype == "fp32" else ["wide"])
    assert 0.98 < centred_cosine(vectors["fp32"], vectors["auto"]) < 1
    assert np.array_equal(vectors["auto"], vectors["int8"])


def test_auto_stays_with_fp32_where_vectors_would_differ(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "_cpu_has_bf16", lambda: False)
    monkeypatch.setattr(clip, "_LEAST_COSINE", 0.9999)
    resource = GpuResource(Settings(home=tmp_path / "home", device="cpu", dtype="auto"))
    load_clip_folder("wide", folder, resource)
    assert resource.capabilities()["dtype"] == "float32"


def test_auto_prefers_bf16_where_the_cpu_has_it(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "_cpu_has_bf16", lambda: True)
    resource = GpuResource(Settings(home=tmp_path / "home", device="cpu", dtype="auto"))
    load_clip_folder("wide", folder, resource)
    assert resource.capabilities()["dtype"] == "bfloat16"


def test_where_torch_lacks_the_kernels_auto_goes_on_and_int8_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "_cpu_has_bf16", lambda: False)
    monkeypatch.setattr(int8, "available", lambda: False)
    resource = GpuResource(Settings(home=tmp_path / "home", device="cpu", dtype="auto"))
    load_clip_folder("wide", folder, resource)
    assert resource.capabilities()["dtype"] == "float32"
    with pytest.raises(LoupeError, match="LOUPE_DTYPE") as caught:
        load_clip_folder("wide", folder, GpuResource(Settings(home=tmp_path / "home", device="cpu", dtype="int8")))
    assert caught.value.code == "DEVICE_UNAVAILABLE"
