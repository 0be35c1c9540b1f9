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
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import comb
from pathlib import Path

import numpy as np
import torch
from tests.benchmarks.golden_audit.pictures import Compared, Scores, drawn_images, load_or_compare, real_images
from tests.benchmarks.golden_audit.statistics import CHOSEN, VARIANTS, alike
from tqdm import tqdm

from goldenpart.server.vision.audit import CONTAMINATED_FROM, LIE_ALIKE_FROM, LIE_ALIKE_SHARE, WORST_SHARE, robust_z_scores
from goldenpart.server.vision.audit_comparison import FIRST_PART, LAST_PART
from goldenpart.server.vision.backbones import open_backbone
from goldenpart.server.vision.recipe import default_recipe

ROOT = Path(__file__).resolve().parents[3]
REPORT = ROOT / "artifacts" / "reports" / "golden_audit.md"
FLANGE = "drawn flange"
CATEGORIES = ("dobot_cubes", "magnetic_tile", "deeppcb_50600", FLANGE)
PARTS, BAD = 16, 2


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


@dataclass(frozen=True)
class Results:
    """All trials of a category.

    Attributes:
        good, bad: pictures to choose from.
        agreement: what nine of ten pairs of pictures agree on, at least.
        lay_alike: share of trials in which the audit compares place by place.
        variants: what each variant says.
    """

    good: int
    bad: int
    agreement: float
    lay_alike: float
    variants: dict[str, Found]


def run_trials(pictures: Sequence[Compared], good: int, trials: int, seed: int) -> Results:
    """Swap 2 of 16 parts, `trials` times, and ask every variant; a set of 16 good parts goes with each trial."""
    rng = np.random.default_rng(seed)
    mixed: dict[str, list[Scores]] = {name: [] for name in VARIANTS}
    clean: dict[str, list[Scores]] = {name: [] for name in VARIANTS}
    lay_alike = 0
    for _ in tqdm(range(trials), "trials", leave=False):
        parts = rng.choice(good, PARTS, replace=False)
        swapped = [*parts[: PARTS - BAD], *(good + rng.choice(len(pictures) - good, BAD, replace=False))]
        for chosen, kept in ((swapped, mixed), (list(parts), clean)):
            compared = [pictures[part].among([other for other in chosen if other != part]) for part in chosen]
            lay_alike += kept is mixed and alike(compared)
            for name, statistic in VARIANTS.items():
                kept[name].append(robust_z_scores(statistic(compared)))
    variants = {name: _found(np.array(mixed[name]), np.array(clean[name])) for name in VARIANTS}
    agreements = [one.agreement[place] for number, one in enumerate(pictures) for place in range(len(pictures)) if place != number]
    return Results(good, len(pictures) - good, float(np.quantile(agreements, 1 - LIE_ALIKE_SHARE)), lay_alike / trials, variants)


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


def report(results: dict[str, Results], arguments: argparse.Namespace, digest: str) -> str:
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
        f"*Flagged*: called contaminated, robust z >= {CONTAMINATED_FROM}. *False*: good parts flagged, per set of {PARTS}. "
        "*Lie alike*: sets whose parts are laid over each other and compared place by place. "
        f"*Agreement*: share of matches that {LIE_ALIKE_SHARE:.0%} of all pairs of pictures agree on, or more; parts of a set lie "
        f"alike from {LIE_ALIKE_FROM:.2f} on.",
        "",
        f"## What `goldenpart suggest --audit` does: {CHOSEN}",
        "",
        "| category | good + defective | agreement | lie alike | both named | chance | both flagged | a bad part flagged | false per set | "
        "false per clean set |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for category, result in results.items():
        one = result.variants[CHOSEN]
        lines.append(
            f"| {category} | {result.good} + {result.bad} | {result.agreement:.2f} | {100 * result.lay_alike:.0f} % | "
            f"{100 * one.named:.0f} % | {100 / comb(PARTS, BAD):.1f} % | {100 * one.both:.0f} % | {100 * one.each:.0f} % | "
            f"{one.false:.2f} | {one.false_clean:.2f} |"
        )
    lines += ["", "## Variants of the statistic: both named", "", f"| statistic of a part | {' | '.join(results)} | mean |"]
    lines += [f"|---|{'---|' * (len(results) + 1)}"]
    for name in VARIANTS:
        shares = [result.variants[name].named for result in results.values()]
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
    assert (FIRST_PART, LAST_PART, WORST_SHARE) == (1, 3, 0.0005), "the table names other constants than the audit's"
    backbone = open_backbone(arguments.backbone, weights=None, cache=arguments.cache, device=torch.device("cpu"), precision="fp32")
    results: dict[str, Results] = {}
    recipe = default_recipe(arguments.backbone)
    kind = hashlib.sha256(f"{recipe} {backbone.digest}".encode()).hexdigest()[:12]
    for category in arguments.categories:
        started = time.monotonic()
        amounts = arguments.good, arguments.bad, arguments.seed
        images = drawn_images(*amounts) if category == FLANGE else real_images(arguments.data / category, *amounts)
        named = f"{category}-{len(images.good)}-{len(images.bad)}-{arguments.seed}-{kind}.npz"
        kept = arguments.distances and arguments.distances / named
        pictures = load_or_compare(images, recipe, backbone, kept)
        results[category] = run_trials(pictures, len(images.good), arguments.trials, arguments.seed)
        print(f"{category}: {100 * results[category].variants[CHOSEN].named:.0f} % named, {time.monotonic() - started:.0f} s", flush=True)
    arguments.report.parent.mkdir(parents=True, exist_ok=True)
    arguments.report.write_text(report(results, arguments, backbone.digest), encoding="utf-8")
    print(arguments.report.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
