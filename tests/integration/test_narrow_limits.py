"""A server with the narrowest limits: what is too much is refused with the limit, and the server goes on."""

import asyncio
from collections.abc import AsyncIterator, Callable

import grpc
import numpy as np
import pytest
from bad_requests import PART, SEED, says
from small_server import MakeSettings
from tiny_category import RECIPE, draw_part, golden_parts

from goldenpart.client import Client, Frame, GoldenpartError, NamedImage, Recipe, ThresholdRequest, Verdict
from goldenpart.server.app import App, running_server

MEBIBYTE = 1 << 20


@pytest.fixture
async def narrow(make_settings: MakeSettings) -> AsyncIterator[App]:
    """A server with the narrowest limits there are."""
    limits = {"message_bytes": MEBIBYTE, "golden_bytes": MEBIBYTE, "archive_bytes": MEBIBYTE, "golden_parts": 3, "calibration_images": 2}
    weights = {"dinov2_vits14": "/nowhere/dinov2_vits14.pth"}
    async with running_server(make_settings(limits=limits, backbone_weights=weights)) as app:
        yield app


def refusal(call: Callable[[], object]) -> GoldenpartError:
    with pytest.raises(GoldenpartError) as caught:
        call()
    return caught.value


def overdo(address: str) -> None:
    huge = np.zeros((800, 800, 3), np.uint8)
    with Client(address) as client:
        for error in (
            refusal(lambda: client.inspect([Frame("1", "narrow", huge)])),
            refusal(lambda: client.fit("narrow", [NamedImage("huge", huge)], recipe=RECIPE)),
        ):
            assert (error.code, error.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE")
            says(error.message, "1048576", "smaller")
        error = refusal(lambda: client.fit("narrow", golden_parts(SEED), recipe=RECIPE))
        assert error.code is grpc.StatusCode.INVALID_ARGUMENT
        says(error.message, "More than 3 golden parts")
        turned = Recipe(resolution_px=256, rotations_deg=tuple(range(1, 60)))
        error = refusal(lambda: client.fit("narrow", golden_parts(SEED)[:1], recipe=turned))
        assert error.code is grpc.StatusCode.INVALID_ARGUMENT
        says(error.message, "60 angles", "1048576", "fewer")

        client.fit("narrow", golden_parts(SEED)[:3], recipe=RECIPE)
        normal = [NamedImage(f"n{number}", draw_part(SEED, number)) for number in range(50, 53)]
        error = refusal(lambda: client.calibrate("narrow", normal, threshold=ThresholdRequest(false_reject_rate=0.4)))
        says(error.message, "More than 2 images")
        (result,) = client.inspect([Frame("1", "narrow", PART)])
        assert result.verdict is Verdict.PASS


async def test_what_is_too_much_is_refused_with_the_limit(narrow: App) -> None:
    await asyncio.to_thread(overdo, narrow.address)


def ask_for_weights(address: str) -> None:
    with Client(address) as client:
        recipe = Recipe(backbone="dinov2_vits14", resolution_px=64)
        error = refusal(lambda: client.fit("narrow", golden_parts(SEED)[:2], recipe=recipe))
        assert (error.code, error.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "BACKBONE_UNAVAILABLE")
        says(error.message, "/nowhere/dinov2_vits14.pth", "does not exist")
        client.fit("narrow", golden_parts(SEED)[:3], recipe=RECIPE)


async def test_weights_that_cannot_be_had_are_named(narrow: App) -> None:
    await asyncio.to_thread(ask_for_weights, narrow.address)
