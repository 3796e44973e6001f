"""Linear layers in 8-bit integers, for CPUs that multiply no bf16.

Belongs here: which layers, how weights and inputs are rounded, and whether a model bears it. Not here: when it is tried
(`gpu`), what is compared (`clip`, `captioner`).

Weights have a scale for each output, inputs one for each token, found as they come: what a photo's vector is does not
depend on the photos beside it, and one loud token does not drown the others. Inputs take 7 of the 8 bits, because
without VNNI a CPU adds pairs of products in 16 bits, which 8 would overflow.
"""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import structlog
import torch
from torch import nn

from resources.errors import LoupeError
from resources.home import write_atomically

__all__ = ["ROUNDING", "Int8Linear", "Layers", "available", "bears", "quantise", "restore"]

_log = structlog.get_logger(__name__)

Answer = TypeVar("Answer")
# Parents, their children's names, and the children.
Layers = list[tuple[nn.Module, str, nn.Linear]]

# Below this the rounding costs more than the multiplication saves.
_LEAST_WIDTH = 256
# A layer that is wider than this many times its input speaks a vocabulary: its small differences choose the word.
_MOST_WIDENING = 4
# Tokens rounded at a time: what is made on the way stays in the cache.
_TOKENS = 1024
# Changes with what is rounded and how, so that verdicts are given anew.
ROUNDING = "1"
_TINY = 1e-12
_NOT_ALIKE = -1.0
# Inputs lie around 64, in 63 steps to either side.
_MIDDLE, _STEPS = 64, 63


def available() -> bool:
    """Whether this is where the kernels are known to be faster than fp32: oneDNN's, on x86 with AVX2."""
    known = platform.machine() in ("x86_64", "AMD64") and "AVX" in torch.backends.cpu.get_cpu_capability()
    return known and torch.backends.mkldnn.is_available() and hasattr(torch.ops.onednn, "qlinear_pointwise")


def quantise(module: nn.Module) -> Layers:
    """Puts 8-bit layers in place of the module's wide linear ones, in place; all else stays as it is (fp32).

    Answers what was replaced, for `restore`.
    """
    wide = _wide_layers(module)
    for parent, name, child in wide:
        setattr(parent, name, Int8Linear(child))
    return wide


def restore(replaced: Layers) -> None:
    """Takes `quantise` back."""
    for parent, name, child in replaced:
        setattr(parent, name, child)


def bears(
    module: nn.Module,
    answers: Callable[[], Answer],
    likeness: Callable[[Answer, Answer], float],
    least: float,
    record: Path,
    made_by: dict[str, str],
) -> float | None:
    """Quantises `module` where its `answers` stay alike: by how much, or None where they do not.

    `likeness` of the answers before and after has to be `least` at least. The verdict is kept in `record` for as long
    as `made_by` stays the same, so that it costs only the first loading.
    """
    if not _wide_layers(module):
        return None
    known = _read(record)
    if known.get("made_by") == made_by and isinstance(known.get("likeness"), float):
        found = known["likeness"]
        if found >= least:
            quantise(module)
    else:
        wide = _wide_layers(module)
        found = _tried(module, answers, likeness)
        if found < least:
            restore(wide)
        _write(record, {"made_by": made_by, "likeness": found})
        _log.info("int8 tried", likeness=round(found, 4), least=least, taken=found >= least, **made_by)
    return found if found >= least else None


def _tried(module: nn.Module, answers: Callable[[], Answer], likeness: Callable[[Answer, Answer], float]) -> float:
    """How alike answers before and after are, the module left quantised; -1 where there are none."""
    try:
        exact = answers()
        quantise(module)
        found = likeness(exact, answers())
    except Exception as error:  # a model may read the weights that it lacks now, or run out of memory
        _log.info("int8 failed", reason=f"{type(error).__name__}: {error}")
        return _NOT_ALIKE
    return found if math.isfinite(found) else _NOT_ALIKE


def _read(record: Path) -> dict[str, Any]:
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write(record: Path, verdict: dict[str, Any]) -> None:
    """Where it cannot be kept the next loading asks again."""
    try:
        record.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(record, json.dumps(verdict).encode(), durable=False)
    except (OSError, LoupeError) as error:
        _log.info("int8 verdict not kept", reason=str(error))


def _wide_layers(module: nn.Module) -> Layers:
    """None where they are not most of the module's weights: others would go on as slowly as before."""
    wide = [
        (parent, name, child)
        for parent in module.modules()
        for name, child in parent.named_children()
        if type(child) is nn.Linear
        and min(child.in_features, child.out_features) >= _LEAST_WIDTH
        and child.out_features <= _MOST_WIDENING * child.in_features
    ]
    weights = sum(child.weight.numel() for _, _, child in wide)
    return wide if 2 * weights > sum(each.numel() for each in module.parameters()) else []


class Int8Linear(nn.Module):
    """`nn.Linear` with W8A8 arithmetic: float32 `[..., out]` from float32 `[..., in]`."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        weight = linear.weight.detach().float()
        self.scales = (weight.abs().amax(dim=1) / 127).clamp_min_(_TINY)
        self.zeros = torch.zeros(len(weight), dtype=torch.int32)
        rounded = torch.round(weight / self.scales[:, None]).to(torch.int8)
        self.packed = torch.ops.onednn.qlinear_prepack(rounded, None)
        self.bias = linear.bias if linear.bias is not None else weight.new_zeros(len(weight))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        tokens = values.reshape(-1, values.shape[-1])
        answer = tokens.new_empty(len(tokens), len(self.scales))
        scratch = tokens.new_empty(min(_TOKENS, len(tokens)), tokens.shape[1])
        for taken, given in zip(tokens.split(_TOKENS), answer.split(_TOKENS), strict=True):
            # Each step of a form that torch has vector code for; others take two and three times as long.
            room = scratch[: len(taken)]
            loudest = torch.maximum(taken.amax(1, keepdim=True), taken.amin(1, keepdim=True).neg_()).clamp_min_(_TINY)
            # Cut off after half was added: the nearest whole number.
            torch.mul(taken, _STEPS / loudest, out=room).add_(_MIDDLE + 0.5)
            rounded = room.to(torch.int32).to(torch.uint8)
            torch.addcmul(self.bias, self.multiplied(rounded), loudest, out=given)
        return answer.view(*values.shape[:-1], -1)

    def multiplied(self, rounded: torch.Tensor) -> torch.Tensor:
        """float32 `[tokens, out]` for inputs of scale 1 / `_STEPS`."""
        answer: torch.Tensor = torch.ops.onednn.qlinear_pointwise(
            rounded,
            1 / _STEPS,
            _MIDDLE,
            self.packed,
            self.scales,
            self.zeros,
            None,
            1.0,
            0,
            torch.float32,
            "none",
            [],
            "",
        )
        return answer
