"""What is compared: the two presets as they are, and the detectors under conditions that all of them can meet."""

from __future__ import annotations

from dataclasses import dataclass

SHOTS = "1,2,4,8,16"
"""Numbers of golden parts."""
_COMMON = ("--set", "resolution_px=256", "--set", "resize=stretch")  # the Gaussian needs pictures of one shape; the autoencoder, time


@dataclass(frozen=True, slots=True)
class Variant:
    """One way of learning.

    Attributes:
        title: for people.
        knobs: arguments of ``goldenpart evaluate``.
    """

    title: str
    knobs: tuple[str, ...] = ()


VARIANTS = {
    "default": Variant("preset `default`"),
    "seed": Variant("preset `seed` (the notebook's settings)", ("--preset", "seed")),
    "bank": Variant("bank, greedy coreset", _COMMON),
    "plain": Variant("bank without local scale", (*_COMMON, "--set", "local_scale_neighbours=0")),
    "random": Variant("bank, random coreset of as many vectors", (*_COMMON, "--set", "coreset=random")),
    "gaussian": Variant("Gaussian per place (PaDiM)", (*_COMMON, "--set", "detector=gaussian")),
    "subspace": Variant("principal subspace", (*_COMMON, "--set", "detector=subspace")),
    "ensemble": Variant("ensemble of bank and subspace", (*_COMMON, "--set", "detector=ensemble")),
    "autoencoder": Variant("convolutional autoencoder", (*_COMMON, "--set", "detector=autoencoder")),
}
PRESETS = ("default", "seed")
