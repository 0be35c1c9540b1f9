"""How often the audit names the bad parts in a golden set: 2 of 16 parts are swapped for defective ones, again and again.

Every image is embedded once, and every pair of images compared once; a trial then only chooses among distances that are known. Variants
of the statistic are compared on the same trials. One category takes about ten minutes on two cores, long parts like magnetic_tile longer:
`--categories` chooses, and what was found is kept in `--found` and joined in the report.
`tests/acceptance/test_golden_audit.py` does the same over a socket.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from math import comb
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from goldenpart.client.parts import Defect, draw_flange
from goldenpart.server.vision.audit import (
    CONTAMINATED_FROM,
    FIRST_PART,
    LAST_PART,
    WORST_SHARE,
    mean_of_largest,
    patch_suspicions,
    relative_suspicions,
    robust_z_scores,
)
from goldenpart.server.vision.backbones import open_backbone
from goldenpart.server.vision.coverage import distances_between
from goldenpart.server.vision.features import Vectors, extract_tokens, to_vectors
from goldenpart.server.vision.image import EncodedImage, Rgb8, decode
from goldenpart.server.vision.preparation import prepare
from goldenpart.server.vision.recipe import Metric, Recipe, default_recipe

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "artifacts" / "reports" / "golden_audit.md"
FLANGE = "drawn flange"
CATEGORIES = ("dobot_cubes", "magnetic_tile", "deeppcb_50600")
PARTS, BAD, SEED = 16, 2, 0

Distances = npt.NDArray[np.float32]
Matches = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Trial:
    """Comparisons of 16 parts with one another.

    Attributes:
        nearest: for each part (P, N) float32, distance of its patches to every part, infinite to itself.
        matches: for each part (P, N) int32, the patches that are nearest.
    """

    nearest: list[Distances]
    matches: list[Matches]

    def plain(self, first: int, last: int) -> list[Distances]:
        """Return the suspicions of each part's patches by the ranks of parts that count."""
        return [patch_suspicions(np.delete(distances, part, axis=0), first, last) for part, distances in enumerate(self.nearest)]

    def relative(self) -> list[Distances]:
        """Return them as the audit weighs them."""
        return list(relative_suspicions(self.nearest, self.matches))


Statistic = Callable[[Trial], list[float]]


def _top(suspicions: list[Distances], share: float) -> list[float]:
    return [mean_of_largest(values, share) for values in suspicions]


VARIANTS: dict[str, Statistic] = {
    "nearest part, maximum (plain leave-one-out)": lambda trial: _top(trial.plain(1, 1), 0),
    "nearest part, top 0.3 %": lambda trial: _top(trial.plain(1, 1), 0.003),
    "2nd part, top 0.3 %": lambda trial: _top(trial.plain(2, 2), 0.003),
    "2nd to 4th part, top 0.3 %": lambda trial: _top(trial.plain(2, 4), 0.003),
    "2nd to 4th part in what is usual there, maximum": lambda trial: _top(trial.relative(), 0),
    "2nd to 4th part in what is usual there, top 0.3 %": lambda trial: _top(trial.relative(), 0.003),
    "2nd to 4th part in what is usual there, top 1 %": lambda trial: _top(trial.relative(), 0.01),
}
CHOSEN = "2nd to 4th part in what is usual there, top 0.3 %"


@dataclass(frozen=True)
class Images:
    """Pictures of a category: good and defective ones."""

    good: list[Rgb8]
    bad: list[Rgb8]


@dataclass(frozen=True)
class Found:
    """What one variant says in all trials of a category.

    Attributes:
        named: share of trials in which the two most suspicious parts are the bad ones.
        both, each: share of trials in which both bad parts are called contaminated, and share of bad parts that are.
        false: good parts called contaminated per trial.
        false_clean: the same in sets without a bad part.
    """

    named: float
    both: float
    each: float
    false: float
    false_clean: float


def real_images(folder: Path, good: int, bad: int) -> Images:
    """Choose pictures of a category in MVTec layout."""
    chooser = random.Random(SEED)
    good_paths = sorted((folder / "train" / "good").iterdir())
    bad_paths = sorted(path for path in (folder / "test").glob("*/*") if path.parent.name != "good")
    chosen = [chooser.sample(paths, min(most, len(paths))) for paths, most in ((good_paths, good), (bad_paths, bad))]
    return Images(*([decode(EncodedImage(path.read_bytes())) for path in paths] for paths in chosen))


def drawn_images(good: int, bad: int) -> Images:
    """Draw flanges, the kinds of damage taking turns."""
    rng, kinds = np.random.default_rng(SEED), tuple(Defect)
    return Images(
        [draw_flange(rng).image for _ in range(good)], [draw_flange(rng, kinds[index % len(kinds)]).image for index in range(bad)]
    )


def embed(images: Sequence[Rgb8], recipe: Recipe, cache: Path) -> Iterator[Vectors]:
    """Yield the patch vectors of each picture."""
    backbone = open_backbone(recipe.backbone, weights=None, cache=cache, device=torch.device("cpu"), precision="fp32")
    for image in images:
        prepared = prepare(image, recipe, backbone.patch_size)
        yield to_vectors(extract_tokens(backbone, [prepared.pixels], recipe.layers)[0], prepared, recipe)


Pairs = list[list[tuple[Distances, Matches]]]


def compare_pairs(vectors: Sequence[Vectors], metric: Metric) -> Pairs:
    """Return for every ordered pair of pictures the distance of each patch of the first to the nearest of the second, and which."""
    device = torch.device("cpu")
    itself = [(np.full(len(own), np.inf, np.float32), np.zeros(len(own), np.int32)) for own in vectors]
    found: Pairs = [[own] * len(vectors) for own in itself]
    for first in tqdm(range(len(vectors)), "comparing"):
        for second in range(first):
            distances = distances_between(vectors[first], vectors[second], metric, device)
            for one, other, dim in ((first, second, 1), (second, first, 0)):
                nearest = distances.min(dim=dim)
                found[one][other] = (nearest.values.numpy(), nearest.indices.numpy().astype(np.int32))
    return found


def run_trials(pairs: Pairs, good: int, trials: int) -> dict[str, Found]:
    """Swap 2 of 16 parts, `trials` times, and ask every variant; a set of 16 good parts goes with each trial."""
    rng = np.random.default_rng(SEED)
    mixed: dict[str, list[npt.NDArray[np.float64]]] = {name: [] for name in VARIANTS}
    clean: dict[str, list[npt.NDArray[np.float64]]] = {name: [] for name in VARIANTS}
    for _ in tqdm(range(trials), "trials"):
        parts = rng.choice(good, PARTS, replace=False)
        swapped = [*parts[: PARTS - BAD], *(good + rng.choice(len(pairs) - good, BAD, replace=False))]
        for chosen, kept in ((swapped, mixed), (list(parts), clean)):
            trial = Trial(*([np.stack([pairs[part][other][what] for other in chosen]) for part in chosen] for what in (0, 1)))
            for name, statistic in VARIANTS.items():
                kept[name].append(np.array(statistic(trial)))
    return {name: _found(np.array(mixed[name]), np.array(clean[name])) for name in VARIANTS}


def _found(mixed: npt.NDArray[np.float64], clean: npt.NDArray[np.float64]) -> Found:
    """Weigh suspicions, (T, 16) each; the last two of `mixed` are the bad ones."""
    flagged = np.array([robust_z_scores(row) for row in mixed]) >= CONTAMINATED_FROM
    top = np.argsort(-mixed, axis=1)[:, :BAD]
    return Found(
        named=float((top >= PARTS - BAD).all(axis=1).mean()),
        both=float(flagged[:, -BAD:].all(axis=1).mean()),
        each=float(flagged[:, -BAD:].mean()),
        false=float(flagged[:, :-BAD].sum(axis=1).mean()),
        false_clean=float((np.array([robust_z_scores(row) for row in clean]) >= CONTAMINATED_FROM).sum(axis=1).mean()),
    )


def measure(images: Images, trials: int, recipe: Recipe, cache: Path) -> dict[str, Found]:
    """Run all trials of one category."""
    vectors = list(embed([*images.good, *images.bad], recipe, cache))
    return run_trials(compare_pairs(vectors, recipe.metric), len(images.good), trials)


def report(found: dict[str, dict[str, Found]], counts: dict[str, tuple[int, int]], arguments: argparse.Namespace) -> str:
    """Write the tables."""
    backbone = open_backbone(arguments.backbone, weights=None, cache=arguments.cache, device=torch.device("cpu"), precision="fp32")
    machine = f"{platform.machine()}, {os.cpu_count()} cores, CPU, {torch.get_num_threads()} threads, torch {torch.__version__}"
    lines = [
        "# Golden-set audit",
        "",
        f"`python -m tests.benchmarks.golden_audit --trials {arguments.trials} --good {arguments.good} --bad {arguments.bad}` · "
        f"{machine} · {datetime.now(UTC):%Y-%m-%d} · backbone {arguments.backbone} {backbone.digest[:19]}, its default recipe",
        "",
        f"{BAD} of {PARTS} golden parts are swapped for defective ones, n = {arguments.trials} random trials per category, seed {SEED}. "
        f"*Named*: the two most suspicious parts are the two bad ones (chance: 1/{comb(PARTS, BAD)} = {100 / comb(PARTS, BAD):.1f} %). "
        f"*Flagged*: called contaminated, robust z >= {CONTAMINATED_FROM}. *False*: good parts flagged, per set of {PARTS}.",
        "",
        f"## What `goldenpart suggest --audit` does: {CHOSEN}",
        "",
        "| category | good + defective | both named | chance | both flagged | a bad part flagged | false per set | false per clean set |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for category, variants in found.items():
        one, (good, bad) = variants[CHOSEN], counts[category]
        lines.append(
            f"| {category} | {good} + {bad} | {100 * one.named:.0f} % | {100 / comb(PARTS, BAD):.1f} % | {100 * one.both:.0f} % | "
            f"{100 * one.each:.0f} % | {one.false:.2f} | {one.false_clean:.2f} |"
        )
    lines += ["", "## Variants of the statistic: both named · both flagged (good parts flagged per set)", ""]
    lines += [f"| statistic of a part | {' | '.join(found)} |", f"|---|{'---|' * len(found)}"]
    for name in VARIANTS:
        every = [variants[name] for variants in found.values()]
        cells = " | ".join(f"{100 * one.named:.0f} % · {100 * one.both:.0f} % ({one.false:.2f})" for one in every)
        lines.append(f"| {name}{' (chosen)' if name == CHOSEN else ''} | {cells} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Parse flags, run, write the report."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.golden_audit", description=__doc__)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--good", type=int, default=32, help="good pictures per category to choose from")
    parser.add_argument("--bad", type=int, default=20, help="defective ones")
    parser.add_argument("--backbone", default="compact")
    parser.add_argument("--cache", type=Path, default=ROOT / "artifacts" / "backbones", help="folder of downloaded weights")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("GOLDENPART_DATA", ROOT.parent / "shared" / "data")))
    parser.add_argument("--report", type=Path, default=REPORT)
    parser.add_argument("--categories", nargs="+", choices=(*CATEGORIES, FLANGE), default=(*CATEGORIES, FLANGE), help="measure these now")
    parser.add_argument("--found", type=Path, help="JSON file that keeps what was found: measured categories are not repeated")
    arguments = parser.parse_args()
    assert (FIRST_PART, LAST_PART, WORST_SHARE) == (2, 4, 0.003), "CHOSEN names another statistic than the audit's"
    kept = json.loads(arguments.found.read_text()) if arguments.found and arguments.found.exists() else {}
    for category in arguments.categories:
        if category in kept:
            continue
        started = time.monotonic()
        folder = arguments.data / category
        drawn = category == FLANGE
        images = drawn_images(arguments.good, arguments.bad) if drawn else real_images(folder, arguments.good, arguments.bad)
        found = measure(images, arguments.trials, default_recipe(arguments.backbone), arguments.cache)
        kept[category] = {"pool": [len(images.good), len(images.bad)], "found": {name: asdict(one) for name, one in found.items()}}
        if arguments.found:
            arguments.found.write_text(json.dumps(kept))
        one, seconds = found[CHOSEN], time.monotonic() - started
        print(f"{category}: {100 * one.named:.0f} % named, {100 * one.both:.0f} % flagged, {seconds:.0f} s", flush=True)
    found = {category: {name: Found(**one) for name, one in each["found"].items()} for category, each in kept.items()}
    counts = {category: (each["pool"][0], each["pool"][1]) for category, each in kept.items()}
    arguments.report.parent.mkdir(parents=True, exist_ok=True)
    arguments.report.write_text(report(found, counts, arguments), encoding="utf-8")
    print(arguments.report.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
