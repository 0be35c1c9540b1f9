"""Measure what weights, stages and scoring rules are worth: ``python -m goldenpart.server.pretraining.ablation --data DIR``.

Image AUROC of a plain patch bank (every golden patch kept, exact search) per category, as a markdown table. Deliberately independent
of the product's bank and scoring, so that a fault there cannot hide in its own measurement.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple, Protocol, get_args

import numpy as np
import safetensors.torch
import torch
from scipy.stats import rankdata
from tqdm import tqdm

from goldenpart.server.pretraining.filter_bank import FilterBank
from goldenpart.server.pretraining.inspection_set import InspectionSet, read_image
from goldenpart.server.vision.backbones.compact import COMPACT_PATCH_SIZE, SCALES, CompactBackbone
from goldenpart.server.vision.backbones.compact_network import FEATURE_STAGES, WIDTHS, CompactNetwork, fold_batch_norm
from goldenpart.server.vision.backbones.precision import Precision

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

CATEGORIES = ("magnetic_tile", "deeppcb_50600", "dobot_cubes")
METRICS = ("euclidean", "cosine", "centred_cosine")
AGGREGATES = ("max", "top1", "mean")
_QUERY_ROWS = 128  # keeps the distance matrix small enough for the allocator to reuse


class Extractor(Protocol):
    """What turns an image into tokens."""

    def patch_tokens(self, images: torch.Tensor) -> torch.Tensor:
        """Map (1, 3, H, W) to (1, H / 8, W / 8, D)."""


class Variant(NamedTuple):
    """One row of the table."""

    weights: str
    resolution: int
    stages: str
    metric: str
    shots: int
    k: int
    aggregate: str


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of a category's images; each item is (patches, D) float32."""

    golden: dict[int, torch.Tensor]
    tested: list[torch.Tensor]
    defective: npt.NDArray[np.bool_]


def extractor(weights: str, precision: Precision = "fp32") -> Extractor:
    """Return the extractor a `--weights` value names: shipped, random, filters or a safetensors file."""
    if weights == "filters":
        return FilterBank()
    if weights == "shipped":
        return CompactBackbone(precision=precision)
    if weights != "random":
        return CompactBackbone(Path(weights), precision=precision)
    torch.manual_seed(0)
    state = {**fold_batch_norm(CompactNetwork().state_dict()), SCALES: torch.ones(FEATURE_STAGES)}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "random.safetensors"
        safetensors.torch.save_file(state, path)
        return CompactBackbone(path, precision=precision)


def read_tokens(source: Extractor, parts: InspectionSet, wanted: set[int], resolution: int) -> Tokens:
    """Extract the tokens of the wanted golden images and of all test images."""

    def tokens(path: Path) -> torch.Tensor:
        return source.patch_tokens(read_image(path, resolution, COMPACT_PATCH_SIZE))[0].flatten(0, 1)

    defective = np.repeat([False, True], [len(parts.good), len(parts.defective)])
    return Tokens(
        {index: tokens(parts.golden[index]) for index in wanted}, [tokens(path) for path in parts.good + parts.defective], defective
    )


def nearest_distances(bank: torch.Tensor, queries: torch.Tensor, k: int) -> torch.Tensor:
    """Find the Euclidean distances to the k nearest bank vectors by exact search: (N, k) ascending."""
    lengths = bank.square().sum(dim=1)
    nearest = []
    for rows in torch.split(queries, _QUERY_ROWS):
        squared = torch.addmm(lengths, rows, bank.T, alpha=-2)
        least = squared.amin(dim=1, keepdim=True) if k == 1 else squared.topk(k, dim=1, largest=False).values
        nearest.append(least + rows.square().sum(dim=1, keepdim=True))
    return torch.cat(nearest).clamp_min(0).sqrt()


def image_score(distances: torch.Tensor, aggregate: str) -> float:
    """Reduce patch distances (N,) to one score by `max`, `mean`, or `top1`: the mean of the largest 1 %, at least one."""
    share = {"max": 0.0, "top1": 0.01, "mean": 1.0}[aggregate]
    return float(distances.topk(max(1, int(share * len(distances)))).values.mean())


def auroc(scores: npt.NDArray[np.float64], defective: npt.NDArray[np.bool_]) -> float:
    """Compute the probability that a defective image scores above a good one, ties counting half (Mann-Whitney)."""
    positives, negatives = int(defective.sum()), int((~defective).sum())
    return float((rankdata(scores)[defective].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def selected(tokens: torch.Tensor, stages: str) -> torch.Tensor:
    """Keep the columns of some stages ("23"); other extractors have no stages to choose."""
    if tokens.shape[1] == sum(WIDTHS[:FEATURE_STAGES]):
        parts = torch.split_with_sizes(tokens, WIDTHS[:FEATURE_STAGES], dim=1)
        tokens = torch.cat([parts[int(stage) - 1] for stage in stages], dim=1)
    return tokens


def measure(tokens: Tokens, shots: Sequence[int], rules: argparse.Namespace, stages: str, metric: str) -> Iterator[tuple[int, str, float]]:
    """Yield (k, aggregate, AUROC) of one bank for every k and aggregate asked for."""
    golden = torch.cat([selected(tokens.golden[index], stages) for index in shots])
    centre = golden.mean(dim=0) if metric == "centred_cosine" else torch.zeros(golden.shape[1])

    def place(vectors: torch.Tensor) -> torch.Tensor:
        return vectors if metric == "euclidean" else torch.nn.functional.normalize(vectors - centre, dim=1)

    bank = place(golden)
    distances = [nearest_distances(bank, place(selected(image, stages)), max(rules.k)) for image in tokens.tested]
    for k, aggregate in itertools.product(rules.k, rules.aggregates):
        scores = np.array([image_score(nearest[:, :k].mean(dim=1), aggregate) for nearest in distances])
        yield k, aggregate, auroc(scores, tokens.defective)


def ablate(options: argparse.Namespace) -> dict[Variant, dict[str, list[float]]]:
    """Measure every combination asked for: AUROCs by variant and category, one per seed."""
    results: dict[Variant, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    extractions = list(itertools.product(options.weights, options.resolutions, options.categories))
    for weights, resolution, category in tqdm(extractions, "weights x resolutions x categories"):
        parts = InspectionSet.read(options.data / category).thinned(options.test_images)
        wanted = {index for seed in options.seeds for index in parts.shots(max(options.shots), seed)}
        tokens = read_tokens(extractor(weights, options.precision), parts, wanted, resolution)
        for stages, metric, shots, seed in itertools.product(options.stages, options.metrics, options.shots, options.seeds):
            for k, aggregate, value in measure(tokens, parts.shots(shots, seed), options, stages, metric):
                results[Variant(weights, resolution, stages, metric, shots, k, aggregate)][category].append(value)
    return results


def table(results: dict[Variant, dict[str, list[float]]], categories: Sequence[str]) -> str:
    """Render mean AUROCs over seeds as markdown, one row per variant."""
    header = [*Variant._fields, *categories, "mean"]
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    for variant, by_category in results.items():
        means = [float(np.mean(by_category[category])) for category in categories]
        cells = [Path(variant.weights).name, *map(str, variant[1:]), *(f"{value:.3f}" for value in [*means, float(np.mean(means))])]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    options = _parser().parse_args(arguments)
    print(table(ablate(options), options.categories))  # noqa: T201
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m goldenpart.server.pretraining.ablation", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of categories in the layout of MVTec AD")
    parser.add_argument("--categories", nargs="+", default=CATEGORIES)
    parser.add_argument("--weights", nargs="+", default=["shipped"], help="shipped, random, filters or safetensors files")
    parser.add_argument("--resolutions", nargs="+", type=int, default=[256], help="pixels of the shorter side")
    parser.add_argument("--stages", nargs="+", default=["123"], help="stages to concatenate, such as 123 or 23")
    parser.add_argument("--metrics", nargs="+", choices=METRICS, default=["centred_cosine"])
    parser.add_argument("--shots", nargs="+", type=int, default=[16])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--k", nargs="+", type=int, default=[1])
    parser.add_argument("--aggregates", nargs="+", choices=AGGREGATES, default=["top1"])
    parser.add_argument("--precision", choices=get_args(Precision), default="fp32", help="arithmetic of the network")
    parser.add_argument("--test-images", type=int, default=40, help="at most this many good and as many defective ones per category")
    return parser


if __name__ == "__main__":
    sys.exit(main())
