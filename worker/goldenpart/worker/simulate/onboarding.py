"""Teaches a server the simulated part, so that a line can run."""

from goldenpart.client.client import Client
from goldenpart.client.frames import NamedImage
from goldenpart.client.recipe import Recipe
from goldenpart.client.revisions import ThresholdRequest
from goldenpart.worker.simulate.pictures import drawn_pictures

CATEGORY = "flange"
GOLDEN_PARTS, NORMAL_PARTS = 8, 24
# Small on purpose: what is tried here is the line, not the science, and a laptop should keep up with four cameras.
RECIPE = Recipe(resolution_px=96, coreset_vectors=256)


def onboard_flange(address: str, seed: int = 7, size_px: int = 128) -> str:
    """Fits and calibrates the category "flange" and returns its revision. Blocks for some seconds.

    Args:
        address: Of a server.
        seed: Of the drawn parts; those of the cameras must have another.
        size_px: Height and width of the pictures.

    Raises:
        GoldenpartError: The server refused.
    """
    parts = [NamedImage(p.name, p.encoded) for p in drawn_pictures(GOLDEN_PARTS + NORMAL_PARTS, seed, 0.0, size_px)]
    with Client(address) as client:
        client.wait_until_ready()
        client.fit(CATEGORY, parts[:GOLDEN_PARTS], recipe=RECIPE)
        threshold = ThresholdRequest(false_reject_rate=0.05)
        return client.calibrate(CATEGORY, parts[GOLDEN_PARTS:], threshold=threshold).revision.revision
