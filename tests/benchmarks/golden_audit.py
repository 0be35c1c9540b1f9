"""How often the audit names the bad parts in a golden set: 2 of 16 parts are swapped for defective ones, again and again.

Every image is embedded once, and every pair of images compared once; a trial then only chooses among distances that are known. Variants
of the statistic are compared on the same trials. A category takes ten minutes on a core, and several times as long where parts are long, as
in magnetic_tile: `--categories` chooses, and distances kept in `--distances` are not computed again.
`tests/acceptance/test_golden_audit.py` does the same over a socket.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import random
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
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
    robust_z_scores,
)
from goldenpart.server.vision.backbones import Backbone, open_backbone
from goldenpart.server.vision.coverage import distances_between
from goldenpart.server.vision.features import Vectors, extract_tokens, to_vectors
from goldenpart.server.vision.image import EncodedImage, Rgb8, decode
from goldenpart.server.vision.preparation import prepare
from goldenpart.server.vision.recipe import Metric, Recipe, default_recipe

ROOT = Path(__file__).resolve().parents[2]
REPORT = ROOT / "artifacts" / "reports" / "golden_audit.md"
FLANGE = "drawn flange"
CATEGORIES = ("dobot_cubes", "magnetic_tile", "deeppcb_50600", FLANGE)
PARTS, BAD = 16, 2

Distances = npt.NDArray[np.float32]
Scores = npt.NDArray[np.float64]
Statistic = Callable[[Distances], float]

VARIANTS: dict[str, Statistic] = {
    "nearest part, maximum (plain leave-one-out)": lambda nearest: float(patch_suspicions(nearest, 1, 1).max()),
    "nearest part, top 0.05 %": lambda nearest: mean_of_largest(patch_suspicions(nearest, 1, 1), 0.0005),
    "nearest three parts, top 0.05 %": lambda nearest: mean_of_largest(patch_suspicions(nearest, 1, 3), 0.0005),
    "nearest part, top 1 %": lambda nearest: mean_of_largest(patch_suspicions(nearest, 1, 1), 0.01),
    "2nd part, maximum": lambda nearest: float(patch_suspicions(nearest, 2, 2).max()),
    "2nd part, top 0.3 %": lambda nearest: mean_of_largest(patch_suspicions(nearest, 2, 2), 0.003),
    "2nd to 4th part, top 0.05 %": lambda nearest: mean_of_largest(patch_suspicions(nearest, 2, 4), 0.0005),
    "2nd to 4th part, top 0.3 %": lambda nearest: mean_of_largest(patch_suspicions(nearest, 2, 4), 0.003),
    "2nd to 4th part, top 1 %": lambda nearest: mean_of_largest(patch_suspicions(nearest, 2, 4), 0.01),
    "median part, top 0.3 %": lambda nearest: mean_of_largest(np.median(nearest, axis=0), 0.003),
    "mean of all parts, top 0.3 %": lambda nearest: mean_of_largest(nearest.mean(axis=0), 0.003),
}
CHOSEN = "nearest three parts, top 0.05 %"


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


def real_images(folder: Path, good: int, bad: int, seed: int) -> Images:
    """Choose pictures of a category in MVTec layout."""
    chooser = random.Random(seed)
    good_paths = sorted((folder / "train" / "good").iterdir())
    bad_paths = sorted(path for path in (folder / "test").glob("*/*") if path.parent.name != "good")
    chosen = [chooser.sample(paths, min(most, len(paths))) for paths, most in ((good_paths, good), (bad_paths, bad))]
    return Images(*([decode(EncodedImage(path.read_bytes())) for path in paths] for paths in chosen))


def drawn_images(good: int, bad: int, seed: int) -> Images:
    """Draw flanges, the kinds of damage taking turns."""
    rng, kinds = np.random.default_rng(seed), tuple(Defect)
    return Images(
        [draw_flange(rng).image for _ in range(good)], [draw_flange(rng, kinds[index % len(kinds)]).image for index in range(bad)]
    )


def embed(images: Sequence[Rgb8], recipe: Recipe, backbone: Backbone) -> Iterator[Vectors]:
    """Yield the patch vectors of each picture."""
    for image in images:
        prepared = prepare(image, recipe, backbone.patch_size)
        yield to_vectors(extract_tokens(backbone, [prepared.pixels], recipe.layers)[0], prepared, recipe)


def pair_distances(vectors: Sequence[Vectors], metric: Metric) -> list[Distances]:
    """Return for each of P pictures (P, N) float32: distances of its N patches to the nearest one of each picture, infinite to itself."""
    device = torch.device("cpu")
    found = [np.full((len(vectors), len(own)), np.inf, np.float32) for own in vectors]
    for first in tqdm(range(len(vectors)), "comparing", leave=False):
        for second in range(first):
            distances = distances_between(vectors[first], vectors[second], metric, device)
            found[first][second] = distances.min(dim=1).values.numpy()
            found[second][first] = distances.min(dim=0).values.numpy()
    return found


def run_trials(pairs: Sequence[Distances], good: int, trials: int, seed: int) -> dict[str, Found]:
    """Swap 2 of 16 parts, `trials` times, and ask every variant; a set of 16 good parts goes with each trial."""
    rng = np.random.default_rng(seed)
    mixed: dict[str, list[Scores]] = {name: [] for name in VARIANTS}
    clean: dict[str, list[Scores]] = {name: [] for name in VARIANTS}
    for _ in tqdm(range(trials), "trials", leave=False):
        parts = rng.choice(good, PARTS, replace=False)
        swapped = [*parts[: PARTS - BAD], *(good + rng.choice(len(pairs) - good, BAD, replace=False))]
        for chosen, kept in ((swapped, mixed), (list(parts), clean)):
            nearest = [np.sort(pairs[part][[other for other in chosen if other != part]], axis=0) for part in chosen]
            for name, statistic in VARIANTS.items():
                kept[name].append(robust_z_scores(np.array([statistic(distances) for distances in nearest])))
    return {name: _found(np.array(mixed[name]), np.array(clean[name])) for name in VARIANTS}


def _found(mixed: Scores, clean: Scores) -> Found:
    """Weigh z-scores, (T, 16) each; the last two of `mixed` are the bad ones."""
    flagged = mixed >= CONTAMINATED_FROM
    top = np.argsort(-mixed, axis=1)[:, :BAD]
    return Found(
        named=float((top >= PARTS - BAD).all(axis=1).mean()),
        both=float(flagged[:, -BAD:].all(axis=1).mean()),
        each=float(flagged[:, -BAD:].mean()),
        false=float(flagged[:, :-BAD].sum(axis=1).mean()),
        false_clean=float((clean >= CONTAMINATED_FROM).sum(axis=1).mean()),
    )


def measure(images: Images, trials: int, seed: int, recipe: Recipe, backbone: Backbone, kept: Path | None) -> dict[str, Found]:
    """Run all trials of one category, with the distances of the file `kept` if it exists; else they are written there."""
    if kept is not None and kept.exists():
        with np.load(kept) as archive:
            pairs = [archive[name] for name in archive.files]
    else:
        pairs = pair_distances(list(embed([*images.good, *images.bad], recipe, backbone)), recipe.metric)
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            partial = kept.with_name(f"partial-{kept.name}")
            np.savez(partial, *pairs)
            partial.replace(kept)
    return run_trials(pairs, len(images.good), trials, seed)


def report(found: dict[str, dict[str, Found]], counts: dict[str, tuple[int, int]], arguments: argparse.Namespace, digest: str) -> str:
    """Write the tables."""
    machine = f"{platform.machine()}, {os.cpu_count()} cores, CPU, {torch.get_num_threads()} threads, torch {torch.__version__}"
    lines = [
        "# Golden-set audit",
        "",
        f"`python -m tests.benchmarks.golden_audit --trials {arguments.trials} --good {arguments.good} --bad {arguments.bad} "
        f"--seed {arguments.seed} --categories {shlex.join(arguments.categories)}` · "
        f"{machine} · {datetime.now(UTC):%Y-%m-%d} · backbone {arguments.backbone} {digest[:19]}, its default recipe",
        "",
        f"{BAD} of {PARTS} golden parts are swapped for defective ones, n = {arguments.trials} random trials per category. "
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
    lines += ["", "## Variants of the statistic: both named", "", f"| statistic of a part | {' | '.join(found)} | mean |"]
    lines += [f"|---|{'---|' * (len(found) + 1)}"]
    for name in VARIANTS:
        shares = [variants[name].named for variants in found.values()]
        cells = " | ".join(f"{100 * share:.0f} %" for share in (*shares, float(np.mean(shares))))
        lines.append(f"| {name}{' (chosen)' if name == CHOSEN else ''} | {cells} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Parse flags, run, write the report."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.golden_audit", description=__doc__)
    parser.add_argument("--trials", type=int, default=50)
    parser.add_argument("--good", type=int, default=32, help="good pictures per category to choose from")
    parser.add_argument("--bad", type=int, default=20, help="defective ones")
    parser.add_argument("--seed", type=int, default=0, help="of pictures and trials")
    parser.add_argument("--backbone", default="compact")
    parser.add_argument("--cache", type=Path, default=ROOT / "artifacts" / "backbones", help="folder of downloaded weights")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("GOLDENPART_DATA", ROOT.parent / "shared" / "data")))
    parser.add_argument("--categories", nargs="+", choices=CATEGORIES, default=list(CATEGORIES))
    parser.add_argument("--distances", type=Path, help="folder of distances to keep, and to use again with the same pictures and backbone")
    parser.add_argument("--report", type=Path, default=REPORT)
    arguments = parser.parse_args()
    assert (FIRST_PART, LAST_PART, WORST_SHARE) == (1, 3, 0.0005), "CHOSEN names another statistic than the audit's"
    backbone = open_backbone(arguments.backbone, weights=None, cache=arguments.cache, device=torch.device("cpu"), precision="fp32")
    found: dict[str, dict[str, Found]] = {}
    counts: dict[str, tuple[int, int]] = {}
    recipe = default_recipe(arguments.backbone)
    kind = hashlib.sha256(f"{recipe} {backbone.digest}".encode()).hexdigest()[:12]
    for category in arguments.categories:
        started = time.monotonic()
        amounts = arguments.good, arguments.bad, arguments.seed
        images = drawn_images(*amounts) if category == FLANGE else real_images(arguments.data / category, *amounts)
        counts[category] = (len(images.good), len(images.bad))
        named = f"{category}-{len(images.good)}-{len(images.bad)}-{arguments.seed}-{kind}.npz"
        kept = arguments.distances and arguments.distances / named
        found[category] = measure(images, arguments.trials, arguments.seed, recipe, backbone, kept)
        print(f"{category}: {100 * found[category][CHOSEN].named:.0f} % named, {time.monotonic() - started:.0f} s", flush=True)
    arguments.report.parent.mkdir(parents=True, exist_ok=True)
    arguments.report.write_text(report(found, counts, arguments, backbone.digest), encoding="utf-8")
    print(arguments.report.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
