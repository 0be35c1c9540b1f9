"""Train the `compact` backbone: ``python -m goldenpart.server.pretraining --data DIR --out DIR``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from goldenpart.server.pretraining.packs import LabelledImages, Slice, read_image_folder, read_pack
from goldenpart.server.pretraining.recipe import PLANS
from goldenpart.server.pretraining.refinement import Refiner
from goldenpart.server.pretraining.training import Trainer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

SIDE = 64
PHOTOGRAPH_SIDE = 224


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = _parser().parse_args(arguments)
    plan, device = PLANS[options.recipe], torch.device(options.device)
    training = read_split(options.data, "train", options.out, Slice(options.classes, options.limit_images))
    validation = read_split(options.data, "val", options.out, Slice(options.classes))
    trainer = Trainer(plan.classification, options.epochs or plan.classification.epochs, training, validation, options.out, device)
    resumed = options.resume and trainer.resume()
    if options.resume and not resumed:
        print(f"no checkpoint in {options.out}; starting from the beginning", file=sys.stderr)  # noqa: T201
    for report in trainer.run():
        print(report, flush=True)  # noqa: T201
    if plan.refinement is not None:
        photographs = read_photographs(options.data, options.out)
        refiner = Refiner(plan, trainer.model, training, validation, photographs, options.out, device)
        if resumed:
            refiner.resume()
        for step in refiner.run():
            print(step, flush=True)  # noqa: T201
    return 0


def read_split(data: Path, split: str, cache: Path, part: Slice) -> LabelledImages:
    """Read `<split>/<class>/<image>` below `data` if there, else the one `*_<split>.npz`.

    Raises:
        FileNotFoundError: neither is there.
    """
    if (data / split).is_dir():
        return read_image_folder(data / split, cache, SIDE, part)
    packs = sorted(data.glob(f"*_{split}.npz"))
    if len(packs) != 1:
        raise FileNotFoundError(f"{data}: expected a folder {split}/<class>/<image> or exactly one *_{split}.npz, found {len(packs)}")
    return read_pack(packs[0], cache, SIDE, part)


def read_photographs(data: Path, cache: Path) -> npt.NDArray[np.uint8]:
    """Read the images below `photographs/`, else the one `*_224.npz`: (N, 224, 224, 3) uint8 RGB.

    Raises:
        FileNotFoundError: neither is there.
    """
    folder = data / "photographs"
    if folder.is_dir():
        return read_image_folder(folder, cache, PHOTOGRAPH_SIDE).pixels
    packs = sorted(data.glob(f"*_{PHOTOGRAPH_SIDE}.npz"))
    if len(packs) != 1:
        raise FileNotFoundError(
            f"{data}: the second phase needs a folder photographs/<any>/<image> or exactly one *_{PHOTOGRAPH_SIDE}.npz, found {len(packs)}"
        )
    return read_pack(packs[0], cache, PHOTOGRAPH_SIDE).pixels


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m goldenpart.server.pretraining", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with train/ and val/ class folders or *_train.npz and *_val.npz")
    parser.add_argument("--out", type=Path, required=True, help="folder for the decoded cache, checkpoint and history")
    parser.add_argument("--recipe", choices=sorted(PLANS), default="final")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--limit-images", type=int, help="train on this many images, spread evenly")
    parser.add_argument("--classes", type=int, help="train on the first this many classes")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--resume", action="store_true", help="continue from the checkpoint in --out")
    return parser


if __name__ == "__main__":
    sys.exit(main())
