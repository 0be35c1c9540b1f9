"""What an operator sees: names, values after known traffic, and bounds on memory."""

import asyncio
import gc
import resource
from pathlib import Path

import numpy as np
import pytest
from metrics_page import scrape
from small_server import MakeSettings
from tiny_category import RECIPE, draw_defect, draw_part, fit_category, golden_parts

from goldenpart.client import AsyncClient, Frame, InspectOptions, InvalidArgument, NotFound, NotInspectedReason, Verdict
from goldenpart.server.app import App, running_server

NAMES = {
    "goldenpart_requests_total",
    "goldenpart_request_seconds_bucket",
    "goldenpart_stage_seconds_bucket",
    "goldenpart_verdicts_total",
    "goldenpart_rejected_total",
    "goldenpart_batch_frames_bucket",
    "goldenpart_frames_in_server",
    "goldenpart_queue_frames",
    "goldenpart_bank_bytes",
    "goldenpart_executor_up",
}


async def test_values_after_known_traffic(server: App, aio_client: AsyncClient) -> None:
    report = await fit_category(aio_client, "part", 1)
    good = [Frame(str(number), "part", draw_part(1, 100 + number)) for number in range(3)]
    for frame in good:
        await aio_client.inspect([frame])
    await aio_client.inspect([Frame("4", "part", draw_defect(1, 100)), Frame("5", "part", b"text"), Frame("6", "nowhere", draw_part(1, 1))])
    with pytest.raises(InvalidArgument):
        await aio_client.inspect([good[0], good[0]])
    with pytest.raises(NotFound):
        await aio_client.get_category("nowhere")
    page = await scrape(server.metrics_address)
    assert {name for name, _ in page.samples} >= NAMES
    assert page.value("goldenpart_verdicts_total", category="part", verdict="PASS") == 3
    assert page.value("goldenpart_verdicts_total", category="part", verdict="FAIL") == 1
    assert page.value("goldenpart_verdicts_total", category="part", verdict="NOT_INSPECTED") == 1
    assert page.value("goldenpart_verdicts_total", category="_other", verdict="NOT_INSPECTED") == 1
    assert page.value("goldenpart_rejected_total", reason="UNSUPPORTED_FORMAT") == 1
    assert page.value("goldenpart_rejected_total", reason="UNKNOWN_CATEGORY") == 1
    assert page.value("goldenpart_requests_total", method="Inspect", code="OK") == 4
    assert page.value("goldenpart_requests_total", method="Inspect", code="INVALID_ARGUMENT") == 1
    assert page.value("goldenpart_requests_total", method="GetCategory", code="NOT_FOUND") == 1
    assert page.value("goldenpart_requests_total", method="Fit", code="OK") == 1
    assert page.value("goldenpart_request_seconds_count", method="Inspect") == 5
    for stage in ("queue", "decode", "backbone", "search", "post", "total"):
        assert page.value("goldenpart_stage_seconds_count", stage=stage) == 4
        assert 0 <= page.value("goldenpart_stage_seconds_sum", stage=stage) < 60
    assert page.value("goldenpart_batch_frames_sum") == 4
    assert page.value("goldenpart_batch_frames_count") == 4
    assert page.value("goldenpart_executor_up") == 1
    assert page.value("goldenpart_bank_bytes") == pytest.approx(report.revision.bank_bytes, rel=0.01)


async def test_frames_of_a_revision_without_threshold_are_counted_as_not_inspected(server: App, aio_client: AsyncClient) -> None:
    await aio_client.fit("part", golden_parts(1, shots=1), recipe=RECIPE)
    [result] = await aio_client.inspect([Frame("1", "part", draw_part(1, 100))])
    assert result.reason is NotInspectedReason.NOT_CALIBRATED
    page = await scrape(server.metrics_address)
    assert page.value("goldenpart_rejected_total", reason="NOT_CALIBRATED") == 1
    assert page.value("goldenpart_verdicts_total", category="part", verdict="NOT_INSPECTED") == 1


async def test_labels_of_categories_are_capped(make_settings: MakeSettings) -> None:
    async with running_server(make_settings(metric_categories=2)) as app, AsyncClient(app.address) as client:
        for number in range(4):
            await fit_category(client, f"part{number}", 1)
            await client.inspect([Frame("1", f"part{number}", draw_part(1, 100))])
        await client.inspect([Frame(str(number), f"invented{number}", draw_part(1, 1)) for number in range(20)])
        page = await scrape(app.metrics_address)
        assert page.labels("goldenpart_verdicts_total", "category") == {"part0", "part1", "_other"}
        assert page.total("goldenpart_verdicts_total") == 4 + 20
        assert page.value("goldenpart_verdicts_total", category="_other", verdict="PASS") == 2


async def test_banks_are_loaded_and_unloaded_within_the_budget_and_every_frame_is_answered(make_settings: MakeSettings) -> None:
    budget = 1_400_000
    async with running_server(make_settings(limits={"bank_bytes": budget})) as app, AsyncClient(app.address) as client:
        sizes = [(await fit_category(client, f"part{number}", 1)).revision.bank_bytes for number in range(4)]
        assert sum(sizes) > budget > max(sizes) * 2
        for turn in range(3):
            for number in range(4):
                [result] = await client.inspect([Frame("1", f"part{number}", draw_part(1, 100 + turn))])
                assert result.verdict is Verdict.PASS
                assert 0 < (await scrape(app.metrics_address)).value("goldenpart_bank_bytes") <= budget
        frames = [Frame(str(number), f"part{number}", draw_part(1, 100)) for number in range(4)]
        answers = await asyncio.gather(*(client.inspect(frames) for _ in range(8)))
        assert {result.verdict for results in answers for result in results} == {Verdict.PASS}
        assert (await scrape(app.metrics_address)).value("goldenpart_bank_bytes") <= budget


async def test_memory_does_not_grow_with_the_frames_inspected(aio_client: AsyncClient) -> None:
    """A picture takes 1.2 MB: keeping one in six of 600 would reach the bound."""
    await fit_category(aio_client, "part", 1)
    large = np.tile(draw_part(1, 100), (7, 7, 1))[:640, :640]

    async def inspect(calls: int) -> None:
        for _ in range(calls):
            frames = [Frame(str(number), "part", large, InspectOptions(regions=number == 0)) for number in range(10)]
            assert {result.frame_id for result in await aio_client.inspect(frames)} == {frame.frame_id for frame in frames}

    await inspect(15)  # until the allocator's arenas have grown to what ten pictures at once take
    before = resident_bytes()
    await inspect(60)
    assert resident_bytes() - before < 120_000_000


def resident_bytes() -> int:
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
