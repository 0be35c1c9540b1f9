"""Greedy coreset in rounds against the usual loop that chooses centre by centre: the same points, the same run, the same centres.

The loop is what PatchCore implementations do: one product of all points with the new centre, then the farthest point. Both work on the
projected patches of drawn flanges under the preset `default`, as Fit does.
"""

from __future__ import annotations

import argparse
import platform
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from goldenpart.client.parts import PartCamera
from goldenpart.server.vision.backbones import open_backbone
from goldenpart.server.vision.coreset import CHUNK_VECTORS
from goldenpart.server.vision.features import extract_tokens, to_vectors
from goldenpart.server.vision.k_center import KCenter
from goldenpart.server.vision.preparation import prepare
from goldenpart.server.vision.recipe import default_recipe


def one_by_one(points: torch.Tensor, count: int) -> npt.NDArray[np.int64]:
    """Choose centres as Gonzalez wrote it down, the first point first."""
    norms = points.square().sum(dim=1)
    nearest = torch.full_like(norms, torch.inf)
    chosen = np.empty(count, np.int64)
    centre = 0
    for place in range(count):
        chosen[place] = centre
        torch.minimum(nearest, torch.addmv(norms + norms[centre], points, points[centre], alpha=-2.0), out=nearest)
        nearest[centre] = -torch.inf
        centre = int(nearest.argmax())
    return chosen


def in_rounds(points: torch.Tensor, count: int) -> npt.NDArray[np.int64]:
    """Choose them as Fit does."""
    chooser = KCenter(points, 0)
    while chooser.count < count:
        chooser.grow(count)
    return chooser.centres


def projected_patches(count: int) -> torch.Tensor:
    """Return patches of drawn flanges as the sampler projects them."""
    backbone = open_backbone("compact", weights=None, cache=Path(), device=torch.device("cpu"), precision="fp32")
    recipe = default_recipe("compact")
    vectors: list[npt.NDArray[np.float32]] = []
    for part in PartCamera(seed=1, defect_rate=0.0, size_px=recipe.resolution_px):
        prepared = prepare(part.image, recipe, backbone.patch_size)
        vectors.append(to_vectors(extract_tokens(backbone, [prepared.pixels], recipe.layers)[0], prepared, recipe))
        if sum(map(len, vectors)) >= count:
            break
    every = torch.from_numpy(np.concatenate(vectors)[:count])
    matrix = torch.randn(every.shape[1], recipe.coreset_projection_dimensions, generator=torch.Generator().manual_seed(0))
    return every @ (matrix / float(np.sqrt(recipe.coreset_projection_dimensions)))


def main() -> None:
    """Print a row per number of centres."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.coreset_ratio", description=__doc__)
    parser.add_argument("--points", type=int, default=CHUNK_VECTORS + 2000, help="patches to choose among; Fit thins so many at a time")
    parser.add_argument("--centres", nargs="+", type=int, default=[500, 2000, 8000])
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    points = projected_patches(arguments.points)
    print(f"# {platform.machine()}, {torch.get_num_threads()} threads, {datetime.now(UTC):%Y-%m-%d}, torch {torch.__version__}")
    print("| points | centres | one by one, s | in rounds, s | ratio | same centres |\n|---|---|---|---|---|---|")
    for count in arguments.centres:
        times: list[list[float]] = [[], []]
        found: list[npt.NDArray[np.int64]] = []
        for _ in range(arguments.repeats):  # alternately, so that a slow minute strikes both
            for kind, choose in enumerate((one_by_one, in_rounds)):
                started = time.perf_counter()
                found.append(choose(points, count))
                times[kind].append(time.perf_counter() - started)
        slow, fast = (float(np.median(spent)) for spent in times)
        same = len(np.intersect1d(found[0], found[1])) / count
        print(f"| {len(points):,} | {count:,} | {slow:.2f} | {fast:.2f} | {slow / fast:.1f} | {100 * same:.1f} % |", flush=True)


if __name__ == "__main__":
    main()
