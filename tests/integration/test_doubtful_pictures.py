"""Pictures of nothing do not pass, however high the threshold."""

import numpy as np
from tiny_category import draw_part, fit_category

from goldenpart.client import AsyncClient, Frame, InspectOptions, Verdict, Zones

LIGHT = {"black": 0, "grey": 128, "white": 255}


async def test_a_picture_of_nothing_is_for_a_person_to_look_at(aio_client: AsyncClient) -> None:
    await fit_category(aio_client, "part", 1)
    await aio_client.set_threshold("part", 1e6)
    good = draw_part(1, 200)
    nothing = {name: np.full_like(good, value) for name, value in LIGHT.items()}
    nothing |= {"dot": good[:1, :1], "strip": np.tile(good[:32], (1, 6, 1))}
    options = InspectOptions(overlay=True)
    frames = [Frame(name, "part", picture, options) for name, picture in {**nothing, "good": good}.items()]
    *doubted, passed = await aio_client.inspect(frames)
    assert (passed.verdict, passed.message) == (Verdict.PASS, "")
    for inspection in doubted:
        assert (inspection.verdict, inspection.confidence) == (Verdict.REVIEW, 0.0), inspection
        assert "although the score" in inspection.message
    told = {inspection.frame_id: inspection.message for inspection in doubted}
    assert "brightness is 0" in told["black"]
    assert "contrast is 0" in told["grey"]
    assert "1 x 1 px" in told["dot"]
    assert "times as long as wide" in told["strip"]


async def test_what_fails_by_its_score_stays_failed(aio_client: AsyncClient) -> None:
    await fit_category(aio_client, "part", 1)
    lowest = min((await aio_client.get_revision("part")).calibration.normal_scores)  # type: ignore[union-attr]
    await aio_client.set_threshold("part", lowest * 1.0001)
    (inspection,) = await aio_client.inspect([Frame("grey", "part", np.full_like(draw_part(1, 200), 128))])
    assert (inspection.verdict, inspection.message) == (Verdict.FAIL, "")
    await aio_client.set_zones("part", Zones(minimum_area_px=1e9))
    good, grey = await aio_client.inspect(
        [Frame("good", "part", draw_part(1, 200)), Frame("grey", "part", np.full_like(draw_part(1, 200), 128))]
    )
    assert good.verdict is Verdict.PASS
    assert "which the zones would excuse; but its contrast is 0" in grey.message
    assert grey.verdict is Verdict.FAIL
