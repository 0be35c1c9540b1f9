"""Which test images went wrong, the worst first."""

from collections.abc import Sequence

from goldenpart.client.evaluation.results import ImageOutcome
from goldenpart.client.results import Verdict

MOST_EXPLAINED = 6
"""So many misses, and so many false rejects, are inspected once more for their explanation."""


def misses(images: Sequence[ImageOutcome]) -> list[ImageOutcome]:
    """Return defective images without FAIL, the lowest score first."""
    wrong = [image for image in images if image.defective and image.verdict in (Verdict.PASS, Verdict.REVIEW)]
    return sorted(wrong, key=lambda image: image.score)


def false_rejects(images: Sequence[ImageOutcome]) -> list[ImageOutcome]:
    """Return good images with FAIL, the highest score first."""
    wrong = [image for image in images if not image.defective and image.verdict is Verdict.FAIL]
    return sorted(wrong, key=lambda image: -image.score)
