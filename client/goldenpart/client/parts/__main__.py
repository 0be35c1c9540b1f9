"""``python -m goldenpart.client.parts``: draw a category of flanges in the MVTec layout, to try Goldenpart on."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from goldenpart.client.parts.category_folder import FolderPlan, write_category_folder
from goldenpart.client.parts.flange import DEFAULT_SIZE_PX

if TYPE_CHECKING:
    from collections.abc import Sequence


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m goldenpart.client.parts",
        description="Draw a category of machined flanges, good and damaged, as a folder in the MVTec AD layout.",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the category; must be new or empty")
    parser.add_argument("--good", type=int, default=56, metavar="N", help="good parts in train/good (default: %(default)s)")
    parser.add_argument("--test-good", type=int, default=30, metavar="N", help="good parts in test/good (default: %(default)s)")
    parser.add_argument(
        "--defective", type=int, default=30, metavar="M", help="damaged parts in test, kinds in turn (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="the same seed draws the same parts (default: %(default)s)")
    parser.add_argument("--size", type=int, default=DEFAULT_SIZE_PX, metavar="PX", help="height and width in pixels (default: %(default)s)")
    parser.add_argument("--jpeg", action="store_true", help="write JPEG pictures rather than PNG")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit status, 0 when all is written and 2 when the arguments are refused."""
    options = _parser().parse_args(arguments)
    try:
        plan = FolderPlan(options.good, options.test_good, options.defective, options.seed, options.size, options.jpeg)
        pictures = write_category_folder(options.out, plan)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"{pictures} pictures in {options.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
