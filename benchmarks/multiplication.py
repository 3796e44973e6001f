"""What the processor can multiply at best, and what a model asks of it: for limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from turns import least_seconds

__all__ = ["best_rate", "operations"]

_SHAPE = (4096, 1024, 4096)


def operations(call: Callable[[], Any]) -> float:
    """Multiplications and additions of a call, by torch's own count."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    # The fast path of `nn.MultiheadAttention` is not counted.
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            call()
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
    return float(counter.get_total_flops())


def best_rate(dtype: str) -> float:
    """Operations a second of one large matrix multiplication: "float32", "bfloat16" or "int8"."""
    import torch

    rows, inner, columns = _SHAPE
    with torch.inference_mode():
        if dtype == "int8":
            from resources.models.int8 import Int8Linear

            layer = Int8Linear(torch.nn.Linear(inner, columns))
            rounded = torch.randint(0, 128, (rows, inner), dtype=torch.uint8)
            seconds = least_seconds({dtype: lambda: layer.multiplied(rounded)})[dtype]
        else:
            one = torch.randn(rows, inner).to(getattr(torch, dtype))
            other = torch.randn(columns, inner).to(one.dtype)
            seconds = least_seconds({dtype: lambda: torch.nn.functional.linear(one, other)})[dtype]
    return 2.0 * rows * inner * columns / seconds
