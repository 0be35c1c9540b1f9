"""Inspect over gRPC, encoded JPEG in, against the bare backbone forward: same process, same run, same batch size."""

from __future__ import annotations

import argparse
import asyncio
import platform
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import structlog
import torch
from tests.benchmarks.steady import Measurement, measure

from goldenpart.client import AsyncClient, Frame, NamedImage, Recipe
from goldenpart.client.parts import PartCamera, encode_jpeg
from goldenpart.server.app import running_server
from goldenpart.server.runtime.executor import DeviceExecutor
from goldenpart.server.settings import BatchSettings, Settings
from goldenpart.server.vision.backbones import Backbone, open_backbone
from goldenpart.server.vision.backbones.dinov2 import dinov2_config
from goldenpart.server.vision.backbones.vit import VisionTransformer

GOLDEN, FRAMES = 16, 64


def random_checkpoint(name: str, folder: Path) -> Path:
    """Write weights of the right shapes: speed does not depend on their values, and the official ones may not be at hand."""
    torch.manual_seed(0)
    path = folder / f"{name}.pth"
    torch.save(VisionTransformer(dinov2_config(name)).state_dict(), path)
    return path


async def bare_forward(executor: DeviceExecutor, backbone: Backbone, side: int, batch: int, window_s: float) -> Measurement:
    """Time the backbone alone on pictures that are on the device already.

    It runs on the device executor's thread, because a second thread would bring a second OpenMP team that fights the first for the cores.
    """
    images = torch.randn(batch, 3, side, side, device=backbone.device)

    def forward() -> int:
        backbone.patch_tokens(images)
        if backbone.device.type == "cuda":
            torch.cuda.synchronize()
        return batch

    return await measure(lambda: executor.run_slice(forward), 1, window_s)


async def over_grpc(client: AsyncClient, category: str, pictures: list[bytes], batch: int, window_s: float) -> Measurement:
    """Time Inspect calls of `batch` frames; two in flight, so that decoding overlaps with the device."""
    numbers = iter(range(10**9))

    async def call() -> int:
        picked = [next(numbers) for _ in range(batch)]
        results = await client.inspect([Frame(str(n), category, pictures[n % len(pictures)]) for n in picked])
        assert all(result.verdict.value != "NOT_INSPECTED" for result in results), results
        return len(results)

    return await measure(call, 2, window_s)


async def run(arguments: argparse.Namespace) -> None:
    """Print one row per backbone, precision and batch size."""
    machine = f"{platform.processor() or platform.machine()}, {torch.get_num_threads()} threads"
    print(f"# {machine}, {datetime.now(UTC):%Y-%m-%d}, torch {torch.__version__}")
    print("| backbone | side px | precision | bank | batch | forward fps | Inspect fps | ratio | p50 ms | p99 ms | stable |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for spec in arguments.backbones:
        name, side = spec.split("@")
        with tempfile.TemporaryDirectory() as folder:
            await compare(name, int(side), arguments, Path(folder))


async def compare(name: str, side: int, arguments: argparse.Namespace, folder: Path) -> None:
    """Measure one backbone."""
    weights = {} if name == "compact" else {name: random_checkpoint(name, folder)}
    settings = Settings(
        listen="127.0.0.1:0", metrics_listen="", artifacts=folder / "store", default_backbone=name, backbone_weights=weights,
        precision=arguments.precision, batch=BatchSettings(max_frames=8),
    )  # fmt: skip
    drawn = PartCamera(seed=1, defect_rate=0.0, size_px=448)
    parts = [encode_jpeg(part.image) for part, _ in zip(drawn, range(GOLDEN + FRAMES), strict=False)]
    async with running_server(settings) as app, AsyncClient(app.address) as client:
        recipe = Recipe(resolution_px=side, coreset_vectors=arguments.vectors)
        fitted = await client.fit("flange", [NamedImage(f"{n}.jpg", picture) for n, picture in enumerate(parts[:GOLDEN])], recipe=recipe)
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        backbone = open_backbone(name, weights=weights.get(name), cache=folder, device=device, precision=arguments.precision)
        for batch in arguments.batches:
            bare = await bare_forward(app.executor, backbone, side, batch, arguments.window_s)
            served = await over_grpc(client, "flange", parts[GOLDEN:], batch, arguments.window_s)
            stable = "yes" if bare.stable and served.stable else "no"
            cells = (
                name,
                side,
                arguments.precision,
                fitted.revision.bank_vectors,
                batch,
                f"{bare.frames_per_s:.1f}",
                f"{served.frames_per_s:.1f}",
            )
            rest = (f"{served.frames_per_s / bare.frames_per_s:.2f}", f"{served.p50_ms:.0f}", f"{served.p99_ms:.0f}", stable)
            print(f"| {' | '.join(map(str, (*cells, *rest)))} |", flush=True)


def main() -> None:
    """Parse flags and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.inspect_ratio", description=__doc__)
    parser.add_argument(
        "--backbones", nargs="+", default=["compact@512", "compact@256", "dinov2_vits14@224", "dinov2_vitb14@224"], metavar="NAME@SIDE"
    )
    parser.add_argument("--batches", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16", "fp16"])
    parser.add_argument("--vectors", type=int, help="bank size; without it the preset's own")
    parser.add_argument("--window-s", type=float, default=5.0)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
