"""Train the `compact` backbone: ``python -m goldenpart.server.pretraining --data DIR --out DIR``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from goldenpart.server.pretraining.export import classifier_network, write_weights
from goldenpart.server.pretraining.packs import LabelledImages, Slice, read_image_folder, read_pack
from goldenpart.server.pretraining.recipe import PLANS
from goldenpart.server.pretraining.refinement import Refiner
from goldenpart.server.pretraining.training import CHECKPOINT, Trainer

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    from goldenpart.server.pretraining.recipe import Recipe

FIRST_WEIGHTS = "first.safetensors"
"""What the first phase learned; the second starts from it."""
WEIGHTS = "compact.safetensors"
"""What is shipped."""
SIDE = 64
PHOTOGRAPH_SIDE = 224


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = _parser().parse_args(arguments)
    plan, device = PLANS[options.recipe], torch.device(options.device)
    photographs = read_photographs(options.data, options.out)
    first = options.out / FIRST_WEIGHTS
    if options.resume and first.exists() and not (options.out / CHECKPOINT).exists():
        print(f"the second phase starts from the {first} that is there", file=sys.stderr)  # noqa: T201
    else:
        _classify(options, plan.classification, device)
        _print_written(write_weights(classifier_network(options.out / CHECKPOINT), photographs, first), first)
    if plan.refinement is not None:
        refiner = Refiner(plan.refinement, first, photographs, options.out, device)
        if options.resume:
            refiner.resume()
        for report in refiner.run():
            print(report, flush=True)  # noqa: T201
        _print_written(refiner.write(options.out / WEIGHTS), options.out / WEIGHTS)
    return 0


def _classify(options: argparse.Namespace, recipe: Recipe, device: torch.device) -> None:
    training = read_split(options.data, "train", options.out, Slice(options.classes, options.limit_images))
    validation = read_split(options.data, "val", options.out, Slice(options.classes))
    trainer = Trainer(recipe, options.epochs or recipe.epochs, training, validation, options.out, device)
    if options.resume and not trainer.resume():
        print(f"no checkpoint in {options.out}; starting from the beginning", file=sys.stderr)  # noqa: T201
    for report in trainer.run():
        print(report, flush=True)  # noqa: T201


def _print_written(sha256: str, path: Path) -> None:
    print(f"{sha256}  {path}", flush=True)  # noqa: T201


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
            f"{data}: expected a folder photographs/<any>/<image> or exactly one *_{PHOTOGRAPH_SIDE}.npz, found {len(packs)}"
        )
    return read_pack(packs[0], cache, PHOTOGRAPH_SIDE).pixels


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m goldenpart.server.pretraining", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with train/ and val/ class folders or *_train.npz and *_val.npz")
    parser.add_argument("--out", type=Path, required=True, help="folder for the decoded cache, checkpoints, histories and weights")
    parser.add_argument("--recipe", choices=sorted(PLANS), default="final")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--limit-images", type=int, help="train on this many images, spread evenly")
    parser.add_argument("--classes", type=int, help="train on the first this many classes")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--resume", action="store_true", help="continue from what is in --out")
    return parser


if __name__ == "__main__":
    sys.exit(main())
