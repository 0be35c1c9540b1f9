"""What both training phases share."""

from __future__ import annotations

import pytest
import torch

from goldenpart.server.pretraining.optimisation import has_bfloat16, mixed_precision, one_cycle


@pytest.mark.parametrize(
    ("capabilities", "native"),
    [({"avx512_bf16": True}, True), ({"bf16": True}, True), ({"avx512_bf16": False, "avx512_f": True}, False), ({}, False)],
)
def test_bfloat16_is_told_from_capabilities(capabilities: dict[str, object], *, native: bool) -> None:
    assert has_bfloat16(capabilities) is native


def test_products_are_bfloat16_where_this_processor_has_it() -> None:
    with mixed_precision(torch.device("cpu")):
        found = (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
    assert found == (torch.bfloat16 if has_bfloat16(torch.cpu.get_capabilities()) else torch.float32)


def test_one_cycle_rises_then_falls_to_zero() -> None:
    rates = [one_cycle(step, 100, 0.4, 0.2) for step in range(100)]
    assert max(rates) == pytest.approx(0.4)
    assert rates[:20] == sorted(rates[:20])
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert rates[-1] < 0.001
