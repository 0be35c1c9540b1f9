"""The number formats a backbone computes in."""

from __future__ import annotations

from typing import Literal, get_args

import torch

Precision = Literal["fp32", "bf16", "fp16"]

_DTYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def torch_dtype(precision: Precision) -> torch.dtype:
    """Name the torch dtype of a precision.

    Raises:
        ValueError: the precision is none of ``fp32``, ``bf16``, ``fp16``.
    """
    if precision not in _DTYPES:
        raise ValueError(f"The precision {precision!r} is unknown; choose one of {', '.join(get_args(Precision))}.")
    return _DTYPES[precision]
