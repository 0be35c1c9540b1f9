"""AddGoldenParts and RemoveGoldenPart over a real socket: Fit's bank, a threshold of its own, and what is worse is held back."""

import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_server import MakeSettings
from tiny_category import RECIPE, draw_defect, draw_part, fit_category, golden_parts

from goldenpart.client import (
    AsyncClient,
    CalibrationMethod,
    Client,
    FailedPrecondition,
    Frame,
    GateDecision,
    InvalidArgument,
    NamedImage,
    NotFound,
    OnboardingStage,
    Progress,
    Recipe,
    RevisionState,
    ThresholdRequest,
    Verdict,
)
from goldenpart.server.app import running_server

SEED = 61
FEW = Recipe(resolution_px=64, coreset_vectors=100)


@pytest.fixture
def category(client: Client, request: pytest.FixtureRequest) -> Iterator[str]:
    """A name of the test's own; the category is deleted afterwards."""
    name = f"golden-{zlib.crc32(request.node.name.encode())}"
    yield name
    client.delete_category(name)


def parts(*numbers: int) -> list[NamedImage]:
    return [NamedImage(f"golden-{number}", draw_part(SEED, number)) for number in numbers]


def normals(first: int, count: int) -> list[NamedImage]:
    return [NamedImage(f"normal-{number}", draw_part(SEED, number)) for number in range(first, first + count)]


def defectives(first: int, count: int) -> list[NamedImage]:
    return [NamedImage(f"defective-{number}", draw_defect(SEED, number)) for number in range(first, first + count)]


def test_adding_gives_the_bank_that_fit_with_all_parts_gives(client: Client, category: str) -> None:
    whole = client.fit(category, parts(*range(8)), recipe=FEW).revision
    base = client.fit(category, parts(*range(6)), recipe=FEW).revision
    seen: list[Progress] = []
    report = client.add_golden_parts(category, parts(6, 7), on_progress=seen.append)
    assert report.revision.bank_digest == whole.bank_digest != base.bank_digest
    assert report.revision.golden_parts == whole.golden_parts
    assert report.revision.calibration == whole.calibration, "leave-one-out again, as in Fit"
    assert (report.revision.parent_revision, report.base_revision) == (base.revision, base.revision)
    assert report.revision.recipe == base.recipe
    assert report.gate.decision is GateDecision.NOT_COMPARED
    assert "empty" in report.warnings[0]
    assert client.get_category(category).active_revision == report.revision.revision
    stages = {progress.stage for progress in seen}
    assert {OnboardingStage.RECEIVING, OnboardingStage.EMBEDDING, OnboardingStage.CALIBRATING, OnboardingStage.SAVING} <= stages


@pytest.mark.parametrize("recipe", [FEW, Recipe(resolution_px=64, coreset_vectors=150, rotations_deg=(90.0,))], ids=["plain", "turned"])
def test_removing_gives_the_bank_that_fit_without_the_part_gives(client: Client, category: str, recipe: Recipe) -> None:
    without = client.fit(category, parts(0, 1, 3, 4, 5), recipe=recipe).revision
    client.fit(category, parts(*range(6)), recipe=recipe)
    by_index = client.remove_golden_part(category, 2).revision
    assert (by_index.bank_digest, by_index.golden_parts) == (without.bank_digest, without.golden_parts)
    assert by_index.calibration == without.calibration
    by_name = client.remove_golden_part(category, "golden-3", stage_only=True).revision
    assert [part.name for part in by_name.golden_parts] == ["golden-0", "golden-1", "golden-4", "golden-5"]
    assert by_name.state is RevisionState.STAGED
    assert client.get_category(category).active_revision == by_index.revision


def test_the_images_of_calibrate_are_scored_by_the_new_bank(client: Client, category: str) -> None:
    threshold = ThresholdRequest(false_reject_rate=0.05, review_rate=0.2)
    client.fit(category, parts(*range(8)), recipe=RECIPE)
    expected = client.calibrate(category, normals(50, 19), defectives(300, 3), threshold=threshold).revision.calibration
    client.fit(category, parts(*range(6)), recipe=RECIPE)
    former = client.calibrate(category, normals(50, 19), defectives(300, 3), threshold=threshold).revision.calibration
    made = client.add_golden_parts(category, parts(6, 7)).revision
    assert made.calibration == expected != former
    again = client.remove_golden_part(category, 7).revision
    assert again.calibration is not None
    assert (again.calibration.method, again.calibration.normals) == (CalibrationMethod.CONFORMAL, 19)


def test_what_is_in_the_bank_calibrates_nothing(client: Client, category: str) -> None:
    client.fit(category, parts(*range(6)), recipe=RECIPE)
    active = client.calibrate(category, normals(50, 20)).revision.revision
    one = client.add_golden_parts(category, normals(53, 1))
    assert one.left_out_of_calibration == ("normal-53",)
    assert one.revision.calibration is not None
    assert one.revision.calibration.normals == 19
    assert "calibrate on fresh" in one.warnings[-1]
    two = client.add_golden_parts(category, normals(54, 1))
    assert two.revision.calibration is None
    assert two.revision.state is RevisionState.STAGED
    assert two.gate.decision is GateDecision.HELD_BACK
    assert "19 are needed, 1 more" in two.gate.reason
    assert client.get_category(category).active_revision == one.revision.revision != active
    with pytest.raises(FailedPrecondition, match="1 more") as caught:
        client.activate(category, two.revision.revision)
    assert caught.value.reason == "GATE_HELD_BACK"
    mended = client.calibrate(category, normals(50, 3) + normals(60, 30), revision=two.revision.revision)
    assert mended.gate is not None
    assert mended.gate.decision is GateDecision.NOT_COMPARED, "what was held back goes through the gate, whatever is asked for"
    assert mended.revision.state is RevisionState.ACTIVE


def test_defective_golden_parts_are_held_back_until_somebody_says_otherwise(client: Client, category: str) -> None:
    client.fit(category, parts(*range(6)), recipe=RECIPE)
    base = client.calibrate(category, normals(50, 19)).revision.revision
    client.add_challenge_frames(category, normals(200, 5), defectives(400, 5))
    report = client.add_golden_parts(category, defectives(397, 6))  # three of them are challenge frames
    gate = report.gate
    assert gate.decision is GateDecision.HELD_BACK
    assert (gate.compared_with, gate.normals, gate.defectives) == (base, 5, 5)
    assert gate.before is not None
    assert gate.after is not None
    escaped = [change for change in gate.worse if change.defective]
    assert (gate.before.escapes, gate.after.escapes) == (0, len(escaped))
    assert len(escaped) >= 3
    for change in escaped:
        assert (change.verdict_before, change.verdict_after) == (Verdict.FAIL, Verdict.PASS)
        assert change.score_before > change.threshold_before
        assert change.score_after <= change.threshold_after
    assert gate.worse[0].name in gate.reason
    held = report.revision.revision
    assert client.get_category(category).active_revision == base
    assert client.get_revision(category, held).gate == gate
    assert next(iter(client.list_revisions(category))).gate == gate
    with pytest.raises(FailedPrecondition, match="held back: It does worse") as caught:
        client.activate(category, held)
    assert caught.value.reason == "GATE_HELD_BACK"
    derived = client.set_threshold(category, 0.5, revision=held).revision
    assert derived.gate == gate, "another threshold is no way round the gate"
    assert derived.state is RevisionState.STAGED
    done = client.activate(category, held, override_gate=True)
    assert done.category.active_revision == held
    assert done.gate is not None
    assert done.gate.override_time is not None
    client.activate(category, base)
    assert client.activate(category, held).gate == done.gate, "rolling forward again needs no second word"


def test_activation_can_ask_for_the_gate(client: Client, category: str) -> None:
    good = client.fit(category, parts(*range(6)), recipe=RECIPE).revision.revision
    client.add_challenge_frames(category, normals(200, 3), defectives(400, 4))
    bad = client.fit(category, [*parts(*range(3)), *defectives(300, 5)], recipe=RECIPE, stage_only=True).revision.revision
    with pytest.raises(FailedPrecondition, match="escapes") as caught:
        client.activate(category, bad, gate=True)
    assert caught.value.reason == "GATE_HELD_BACK"
    assert client.get_revision(category, bad).gate is not None
    assert client.get_category(category).active_revision == good
    client.activate(category, bad, override_gate=True)
    back = client.activate(category, good, gate=True)
    assert back.gate is not None
    assert back.gate.decision is GateDecision.PASSED
    assert len(back.gate.better) > 0
    held = client.calibrate(category, normals(50, 19), threshold=ThresholdRequest(CalibrationMethod.PERCENTILE, 0.9), gate=True)
    assert held.gate is not None
    assert held.gate.decision is GateDecision.HELD_BACK
    assert "false rejects" in held.gate.reason
    allowed = client.calibrate(
        category,
        normals(50, 19),
        threshold=ThresholdRequest(CalibrationMethod.PERCENTILE, 0.9),
        gate=True,
        added_false_rejects_allowed=3,
    )
    assert allowed.revision.state is RevisionState.ACTIVE


def test_normal_challenge_frames_that_are_golden_parts_do_not_count(client: Client, category: str) -> None:
    client.fit(category, parts(*range(6)), recipe=RECIPE)
    client.add_challenge_frames(category, [*normals(200, 2), *parts(0)], defectives(400, 2))
    gate = client.add_golden_parts(category, normals(200, 1)).gate
    assert gate.decision is GateDecision.PASSED
    assert sorted(gate.golden_frames) == ["golden-0", "normal-200"]
    assert (gate.normals, gate.defectives) == (1, 2)


def test_a_defective_challenge_frame_as_golden_part_always_counts(client: Client, category: str) -> None:
    client.fit(category, parts(*range(6)), recipe=RECIPE)
    client.add_challenge_frames(category, normals(200, 2), defectives(400, 2))
    gate = client.add_golden_parts(category, defectives(400, 1)).gate
    assert gate.decision is GateDecision.HELD_BACK
    assert [change.name for change in gate.worse if change.score_after < 1e-3] == ["defective-400"]


def test_what_cannot_be_added_or_removed_is_named(client: Client, category: str) -> None:
    client.fit(category, parts(0, 1), recipe=RECIPE)
    with pytest.raises(InvalidArgument, match="same pixels as 'golden-1'"):
        client.add_golden_parts(category, [NamedImage("twin", draw_part(SEED, 1))])
    with pytest.raises(InvalidArgument, match="name that was given before"):
        client.add_golden_parts(category, [NamedImage("same", draw_part(SEED, number)) for number in (2, 3)])
    with pytest.raises(InvalidArgument, match="0 images"):
        client.add_golden_parts(category, [])
    with pytest.raises(InvalidArgument, match="calibrated on its golden parts alone"):
        client.add_golden_parts(category, parts(2), threshold=ThresholdRequest(CalibrationMethod.CONFORMAL))
    with pytest.raises(NotFound, match="no golden part 2"):
        client.remove_golden_part(category, 2)
    with pytest.raises(NotFound, match="'nobody'"):
        client.remove_golden_part(category, "nobody")
    left = client.remove_golden_part(category, 1)
    assert left.gate.decision is GateDecision.HELD_BACK
    assert "at least 2" in left.gate.reason
    with pytest.raises(InvalidArgument, match="only golden part"):
        client.remove_golden_part(category, 0, revision=left.revision.revision)
    assert len(list(client.list_revisions(category))) == 2, "what was refused left nothing behind"


def test_a_name_that_was_there_before_gets_a_number(client: Client, category: str) -> None:
    client.fit(category, [draw_part(SEED, 0), draw_part(SEED, 1)], recipe=RECIPE)
    client.add_golden_parts(category, [draw_part(SEED, 2), draw_part(SEED, 3)])
    made = client.add_golden_parts(category, [draw_part(SEED, 4)]).revision
    names = [part.name for part in made.golden_parts]
    assert names == ["image-0000", "image-0001", "image-0000 (2)", "image-0001 (2)", "image-0000 (3)"]


def test_an_imported_revision_goes_on_learning(client: Client, category: str, tmp_path: Path) -> None:
    client.fit(category, parts(*range(6)), recipe=RECIPE)
    client.calibrate(category, normals(50, 19))
    expected = client.add_golden_parts(category, parts(6), stage_only=True).revision
    client.export_revision(category, tmp_path / "part.tar")
    there = f"{category}-2"
    client.import_revision(tmp_path / "part.tar", category=there)
    made = client.add_golden_parts(there, parts(6)).revision
    assert (made.bank_digest, made.calibration) == (expected.bank_digest, expected.calibration)
    client.delete_category(there)


async def test_the_server_keeps_as_many_calibration_images_as_it_is_told(make_settings: MakeSettings) -> None:
    async with running_server(make_settings(limits={"calibration_kept_images": 10})) as app, AsyncClient(app.address) as client:
        await fit_category(client, "part", SEED)
        half = ThresholdRequest(false_reject_rate=0.1)
        calibrated = await client.calibrate("part", normals(50, 19), threshold=half)
        assert "10 of 19 images are kept" in calibrated.warnings[0]
        made = await client.add_golden_parts("part", parts(20))
        assert made.revision.calibration is not None
        assert made.revision.calibration.normals == 10
        removed = await client.remove_golden_part("part", "golden-20")
        assert calibrated.revision.calibration is not None
        assert removed.revision.calibration is not None
        all_scores = calibrated.revision.calibration.normal_scores
        for score in removed.revision.calibration.normal_scores:
            assert min(abs(score - one) for one in all_scores) < 1e-3 * score, "the same images, the same bank"


def test_frames_are_judged_by_the_new_revision_at_once(client: Client, category: str) -> None:
    client.fit(category, golden_parts(SEED), recipe=RECIPE)
    made = client.add_golden_parts(category, parts(6)).revision.revision
    [result] = client.inspect([Frame("1", category, draw_part(SEED, 100))])
    assert (result.revision, result.verdict) == (made, Verdict.PASS)
