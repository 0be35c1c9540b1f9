"""What a careful engineer should know of a run: labels that contradict each other, images that did not count."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from goldenpart.client.evaluation.datasets import LabelledCategory
from goldenpart.client.evaluation.datasets.digests import CategoryDigests
from goldenpart.client.evaluation.results import ImageOutcome, Run
from goldenpart.client.results import Verdict

_MOST_NAMED = 3


def label_warnings(category: LabelledCategory, digests: CategoryDigests) -> tuple[str, ...]:
    """Tell of images whose pixels are labelled good and defective; at most one warning."""
    good: dict[str, list[str]] = {}
    for image in category.images:
        if not image.defective and image.name not in digests.undecodable:
            good.setdefault(digests.pixels[image.name], []).append(image.name)
    defective = (image.name for image in category.images if image.defective and image.name not in digests.undecodable)
    pairs = [f"{other} = {name}" for name in defective for other in good.get(digests.pixels[name], ())]
    if not pairs:
        return ()
    return (f"the same pixels are labelled good and defective, {_counted(len(pairs), 'pair')}: {named(pairs)}",)


def not_inspected_warnings(images: Sequence[ImageOutcome]) -> tuple[str, ...]:
    """Tell of test images without a verdict; at most one warning."""
    left = [f"{image.path} ({image.reason or 'reason unknown'})" for image in images if image.verdict is Verdict.NOT_INSPECTED]
    if not left:
        return ()
    be = "was" if len(left) == 1 else "were"
    return (f"{len(left)} of {_counted(len(images), 'test image')} {be} not inspected and counted in no figure: {named(left)}",)


def review_warnings(images: Sequence[ImageOutcome]) -> tuple[str, ...]:
    """Tell of test images with REVIEW, which figures at the threshold take for not failed; at most one warning."""
    good, defective = (
        (sum(image.verdict is Verdict.REVIEW for image in kind), len(kind))
        for kind in ([image for image in images if image.defective is truth] for truth in (False, True))
    )
    if not good[0] + defective[0]:
        return ()
    return (
        f"{good[0]} of {good[1]} good and {defective[0]} of {defective[1]} defective test images got REVIEW; figures at the threshold "
        "count FAIL alone",
    )


def mask_warnings(category: LabelledCategory, left_out: int) -> tuple[str, ...]:
    """Tell of defective images that figures of pixels leave out; at most one warning.

    Args:
        category: What was tested.
        left_out: Defective images without a mask that marks something; 0 for a category without masks.
    """
    if not left_out:
        return ()
    of = _counted(sum(image.defective for image in category.test), "defective test image")
    return (f"no mask marks the defect in {left_out} of {of}: the figures of pixels leave such images out",)


def told_warnings(runs: Iterable[Run]) -> tuple[str, ...]:
    """Return the warnings of runs, each once and with all runs it is true of."""
    places: dict[str, dict[str, dict[str, None]]] = {}  # warning -> category -> shots, in order
    for run in runs:
        for warning in run.warnings:
            places.setdefault(warning, {}).setdefault(run.key.category, {})[run.shots_text] = None
    return tuple(f"{'; '.join(_places(where))}: {warning}" for warning, where in places.items())


def named(names: Sequence[str]) -> str:
    """Name the first few."""
    more = f"; and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return "; ".join(names[:_MOST_NAMED]) + more


def _places(where: Mapping[str, Iterable[str]]) -> Iterator[str]:
    for category, shots in where.items():
        text = ", ".join(shots)
        yield f"{category}, {text} {'shot' if text == '1' else 'shots'}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
