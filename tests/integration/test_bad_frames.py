"""Frames that nobody should send, over a real socket: each fails alone and says why, and the server goes on."""

import math
from typing import Any

import grpc
import numpy as np
import pytest
from bad_requests import BAD_IMAGES, CATEGORY, GOOD_PNG, PART, SEED, Stubs, failure, file_of, png, says
from tiny_category import RECIPE, Pixels, draw_part

from goldenpart.client import Client, Frame, NamedImage, Verdict
from goldenpart.v1 import inspection_pb2, recipe_pb2

pytestmark = pytest.mark.usefixtures("server_goes_on")

BAD_FRAMES: dict[str, tuple[dict[str, Any], str, list[str]]] = {
    **{name: ({"image": image}, reason, words) for name, (image, reason, words) in BAD_IMAGES.items()},
    **{
        f"category {name[:8]!r}": ({"category": name}, "INVALID_FRAME", ["1 to 63", "a-z"])
        for name in ("../x", "Bad-Input", "x" * 64, "", "a\nb")
    },
    "unknown category": ({"category": "nobody"}, "UNKNOWN_CATEGORY", ["'nobody'", "fit it"]),
    "unknown revision": ({"revision": "r9999"}, "UNKNOWN_REVISION", ["'r9999'", "list"]),
    "revision that climbs": ({"revision": "../../x"}, "UNKNOWN_REVISION", ["list"]),
    "empty frame id": ({"frame_id": ""}, "INVALID_FRAME", ["0 characters", "1 to 128"]),
    "long frame id": ({"frame_id": "x" * 129}, "INVALID_FRAME", ["129 characters", "1 to 128"]),
    **{
        f"rescore by {name}": ({"options": inspection_pb2.InspectOptions(rescore=[knobs] * count)}, "INVALID_FRAME", words)
        for name, knobs, count, words in (
            ("another bank", recipe_pb2.Recipe(resolution_px=128), 1, ["resolution_px cannot be rescored", "fit a revision"]),
            ("a preset", recipe_pb2.Recipe(preset=recipe_pb2.PRESET_SEED), 1, ["no preset"]),
            ("a number that is none", recipe_pb2.Recipe(neighbours=51), 1, ["neighbours is 51", "1 to 50"]),
            ("too much", recipe_pb2.Recipe(neighbours=2), 257, ["257", "at most 256"]),
        )
    },
    "control character": ({"frame_id": "a\x07"}, "INVALID_FRAME", ["printable"]),
}


def frame(**changes: Any) -> inspection_pb2.Frame:
    fields: dict[str, Any] = {"frame_id": "bad", "category": CATEGORY, "image": file_of(GOOD_PNG), **changes}
    return inspection_pb2.Frame(**fields)


@pytest.mark.parametrize("name", BAD_FRAMES)
def test_a_bad_frame_fails_alone_and_says_why(stubs: Stubs, name: str) -> None:
    changes, reason, words = BAD_FRAMES[name]
    good = frame(frame_id="good")
    bad, neighbour = stubs.inspection.Inspect(inspection_pb2.InspectRequest(frames=[frame(**changes), good])).results
    assert bad.verdict == inspection_pb2.VERDICT_NOT_INSPECTED
    assert inspection_pb2.NotInspectedReason.Name(bad.reason) == f"NOT_INSPECTED_REASON_{reason}"
    assert (bad.frame_id, bad.category) == (changes.get("frame_id", "bad"), changes.get("category", CATEGORY))
    says(bad.message, *words)
    assert neighbour.verdict == inspection_pb2.VERDICT_PASS


def test_a_bomb_of_allowed_size_is_just_a_black_picture(stubs: Stubs) -> None:
    bomb = png(2000, 2000, bytes(2000 * 6001))
    assert len(bomb) < 20_000
    (result,) = stubs.inspection.Inspect(inspection_pb2.InspectRequest(frames=[frame(image=file_of(bomb))])).results
    assert result.verdict == inspection_pb2.VERDICT_FAIL
    assert (result.width_px, result.height_px) == (2000, 2000)


@pytest.mark.parametrize("count", [0, 65])
def test_a_call_has_1_to_64_frames(stubs: Stubs, count: int) -> None:
    request = inspection_pb2.InspectRequest(frames=[frame(frame_id=str(number)) for number in range(count)])
    error = failure(lambda: stubs.inspection.Inspect(request))
    assert (error.code, error.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")
    assert [violation.field for violation in error.violations] == ["frames"]
    says(error.message, str(count), "1 to 64")


def test_frame_ids_are_unique_within_a_call(stubs: Stubs) -> None:
    error = failure(lambda: stubs.inspection.Inspect(inspection_pb2.InspectRequest(frames=[frame(), frame()])))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    says(error.message, "unique", "frame_id")


def test_images_of_different_sizes_are_welcome(client: Client) -> None:
    whole = draw_part(SEED, 0)
    pictures: list[Pixels] = [whole, whole[:60], whole[:, :40], np.kron(whole, np.ones((2, 3, 1), np.uint8)), whole[:1], whole[:, :1]]
    parts = [NamedImage(str(place), np.ascontiguousarray(pixels)) for place, pixels in enumerate(pictures)]
    report = client.fit("sizes", parts, recipe=RECIPE)
    sizes = [(part.width_px, part.height_px) for part in report.revision.golden_parts]
    assert sizes == [(96, 96), (96, 60), (40, 96), (288, 192), (96, 1), (1, 96)]
    (result,) = client.inspect([Frame("1", "sizes", np.ascontiguousarray(whole[:50, :80]))])
    assert result.verdict in {Verdict.PASS, Verdict.FAIL}
    client.delete_category("sizes")


def test_a_picture_without_any_contrast_is_inspected(client: Client) -> None:
    """Equal patches have distance 0 to each other: the threshold is 0 or next to it, which no formula may divide by."""
    greys = [NamedImage(str(grey), np.full((64, 64), grey, np.uint8)) for grey in (100, 101)]
    client.fit("flat", greys, recipe=RECIPE)
    same, other = client.inspect([Frame("1", "flat", np.full((64, 64), 100, np.uint8)), Frame("2", "flat", PART)])
    assert (same.verdict, other.verdict) == (Verdict.PASS, Verdict.FAIL)
    assert all(math.isfinite(value) for result in (same, other) for value in (result.score, result.p_value, result.confidence))
    client.delete_category("flat")
