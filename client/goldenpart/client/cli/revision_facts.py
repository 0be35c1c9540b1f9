"""How a revision is shown to people."""

from collections.abc import Iterator
from dataclasses import fields

from goldenpart.client.cli.gate_view import gate_facts
from goldenpart.client.cli.output import percent, time_text
from goldenpart.client.recipe import Recipe
from goldenpart.client.revisions import Calibration, CalibrationMethod, Revision


def revision_facts(revision: Revision) -> Iterator[tuple[str, object]]:
    """Yield what there is to know about a revision as names and values."""
    yield "category", revision.category
    yield "revision", f"{revision.revision} ({revision.state})"
    yield "damage", revision.damage
    yield "created", time_text(revision.create_time)
    yield "derived from", revision.parent_revision
    yield "golden parts", len(revision.golden_parts)
    yield "detector", _detector_text(revision)
    yield "detector digest", revision.bank_digest
    yield "backbone", f"{revision.recipe.backbone or '-'} {revision.backbone_digest[:12]}"
    yield "mask", "yes" if revision.masked else "no"
    yield "recipe", recipe_text(revision.recipe)
    yield from calibration_facts(revision.calibration)
    yield from gate_facts(revision.gate)


def _detector_text(revision: Revision) -> str:
    size = f"({revision.bank_bytes / 1e6:.1f} MB)"
    if revision.bank_vectors:
        return f"bank of {revision.bank_vectors} vectors of {revision.bank_dimensions} {size}"
    return f"{(revision.recipe.detector or '-').lower()} {size}"


def calibration_facts(calibration: Calibration | None) -> Iterator[tuple[str, object]]:
    """Yield what a threshold rests on as names and values."""
    if calibration is None:
        yield "calibration", "none; frames get NOT_INSPECTED until `goldenpart calibrate` sets a threshold"
        return
    yield "calibration", f"{calibration.method} on {calibration.normals} normal and {calibration.defectives} defective scores"
    yield "threshold", f"{calibration.threshold:.6g}"
    yield "review above", f"{calibration.review_threshold:.6g}" if calibration.review_threshold is not None else None
    wanted = "" if calibration.method in {CalibrationMethod.F1_MAX, CalibrationMethod.MANUAL} else percent(calibration.false_reject_rate)
    yield "false rejects", ", ".join(filter(None, [wanted and f"{wanted} wanted", upper_text(calibration)]))
    yield "guarantee", calibration.guarantee
    yield "AUROC", f"{calibration.auroc:.4f}" if calibration.auroc is not None else None
    yield "best F1", f"{calibration.f1_max:.4f}" if calibration.f1_max is not None else None


def upper_text(calibration: Calibration) -> str:
    """Return the upper bound of the realised false-reject rate in words."""
    upper = calibration.false_reject_rate_upper_95
    return f"below {percent(upper)} with 95 % confidence" if upper is not None else "no bound is known"


def recipe_text(recipe: Recipe) -> str:
    """Return the knobs that are set in one line, as ``--set`` takes them."""
    given = ((knob.name, getattr(recipe, knob.name)) for knob in fields(recipe))
    return " ".join(f"{name}={_value_text(value)}" for name, value in given if value is not None)


def _value_text(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(str(item).lower() if isinstance(item, str) else f"{item:g}" for item in value)
    return f"{value:g}" if isinstance(value, float) else str(value).lower()
