"""Choosing pictures over a real socket: frames worth a label, golden parts that are none, thresholds set by hand."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
from PIL import Image
from tiny_category import RECIPE, Pixels, draw_defect, draw_part, fit_category, golden_parts

from goldenpart.client import (
    Aborted,
    AsyncClient,
    CalibrationMethod,
    Client,
    FailedPrecondition,
    Frame,
    GoldenPartVerdict,
    InvalidArgument,
    NamedImage,
    NotFound,
    OnboardingStage,
    Progress,
    Recipe,
    RevisionState,
    SuggestionReason,
    Verdict,
    Zone,
    ZoneKind,
    Zones,
)
from goldenpart.client.cli import main
from goldenpart.client.parts import Defect, draw_flange
from goldenpart.v1 import curation_pb2, curation_pb2_grpc

SEED, CATEGORY = 71, "curated"


@pytest.fixture
def category(client: Client) -> Iterator[str]:
    """A calibrated category."""
    fit_category(client, CATEGORY, SEED)
    client.calibrate(CATEGORY, [draw_part(SEED, number) for number in range(200, 220)])
    yield CATEGORY
    client.delete_category(CATEGORY)


def new_light(number: int) -> Pixels:
    """Return a part under another light, which no golden part shows."""
    return np.ascontiguousarray(255 - draw_part(SEED, number))


def again(pixels: Pixels) -> bytes:
    """Return nearly the same picture: after JPEG of the best quality."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=100, subsampling=0)
    return stream.getvalue()


def test_what_the_bank_does_not_know_is_suggested_once(client: Client, category: str) -> None:
    pool = [NamedImage(f"good-{number}", draw_part(SEED, number)) for number in range(100, 106)]
    pool += [NamedImage(f"light-{number}", new_light(number)) for number in (110, 111, 112)]
    pool += [NamedImage("light-110-again", again(new_light(110)))]
    stages: list[Progress] = []
    ranking = client.suggest_frames(category, pool, count=5, on_progress=stages.append)
    first = ranking.suggestions[0]
    assert first.name.startswith("light-")
    assert first.reason is SuggestionReason.COVERAGE
    assert first.explanation.startswith("unlike the bank: covers ")
    assert pool[first.index].name == first.name
    assert 0 < first.coverage_gain <= first.coverage_total <= 1
    assert first.threshold_ratio is not None
    assert first.threshold_ratio > 1
    named = [name for one in ranking.suggestions for name in (one.name, *one.near_duplicates)]
    assert len(named) == len(set(named)), "nothing is ranked twice"
    pair = [one for one in ranking.suggestions if "light-110" in (one.name, *one.near_duplicates)]
    assert "light-110-again" in (pair[0].name, *pair[0].near_duplicates)
    assert ranking.frames == len(pool)
    assert 0 < ranking.uncovered_share < 1
    assert {progress.stage for progress in stages} == {OnboardingStage.RECEIVING, OnboardingStage.COMPARING}
    gains = [one.coverage_gain for one in ranking.suggestions]
    assert gains == sorted(gains, reverse=True)


def smallest_normal(client: Client, category: str) -> float:
    """Return the smallest normal score of the active revision; no threshold may lie below it."""
    calibration = client.get_revision(category).calibration
    assert calibration is not None
    return min(calibration.normal_scores)


def test_frames_near_the_threshold_come_next(client: Client, category: str) -> None:
    pool = [NamedImage(f"good-{number}", draw_part(SEED, number)) for number in range(100, 120)]
    scores = [result.score for result in client.inspect([Frame(part.name, category, part.image) for part in pool])]
    client.set_threshold(category, max(float(np.median(scores)), smallest_normal(client, category) * 1.01))
    ranking = client.suggest_frames(category, pool, count=20)
    near = [one for one in ranking.suggestions if one.reason is SuggestionReason.THRESHOLD]
    ratios = [one.threshold_ratio for one in near if one.threshold_ratio is not None]
    assert ratios
    assert len(ratios) == len(near)
    distances = [abs(np.log(ratio)) for ratio in ratios]
    assert distances == sorted(distances)
    assert near[0].explanation == f"close to the limit: {ratios[0]:.2f}"
    (inspected,) = client.inspect([Frame("1", category, pool[near[0].index].image)])
    assert inspected.score == pytest.approx(near[0].score, rel=1e-5)


def test_frames_that_cannot_be_used_are_left_out_and_told_of(client: Client, category: str) -> None:
    pool = [NamedImage("golden", draw_part(SEED, 0)), NamedImage("broken", b"\xff\xd8\xff no picture"), NamedImage("new", new_light(110))]
    ranking = client.suggest_frames(category, pool)
    assert [one.name for one in ranking.suggestions] == ["new"]
    assert any("2 frames were left out" in warning for warning in ranking.warnings)
    with pytest.raises(InvalidArgument, match=r"1 frames came, and none can be ranked.*golden part 'golden-0'"):
        client.suggest_frames(category, pool[:1])


def test_frames_that_are_left_out_are_told_by_reason_with_three_examples(client: Client, category: str) -> None:
    pool = [NamedImage("new", new_light(110)), NamedImage("golden", draw_part(SEED, 0)), NamedImage("torn", b"\xff\xd8\xff no picture")]
    pool += [NamedImage(f"again-{number}", new_light(110)) for number in range(3)]
    (warning,) = [warning for warning in client.suggest_frames(category, pool).warnings if "left out" in warning]
    assert warning.startswith(
        "5 frames were left out. 4 repeat pixels: 'golden' those of golden part 'golden-0'; 'again-0' those of frame 'new'; "
        "'again-1' those of frame 'new'; and 1 more. 1 cannot be read: 'torn': "
    )


def test_wrong_requests_are_named(client: Client, category: str) -> None:
    with pytest.raises(InvalidArgument, match="count is 1001; it must be 1 to 1000"):
        client.suggest_frames(category, [new_light(110)], count=1001)
    with pytest.raises(NotFound, match="r9999"):
        client.suggest_frames(category, [new_light(110)], revision="r9999")
    with pytest.raises(NotFound, match="nobody"):
        client.audit_golden_parts("nobody")


def test_an_upload_that_broke_off_is_refused(client: Client, category: str) -> None:
    config = curation_pb2.SuggestFramesConfig(category=category, frame_count=2)
    with grpc.insecure_channel(client.address) as channel:
        stub = curation_pb2_grpc.CurationServiceStub(channel)
        for messages, words in (
            ([curation_pb2.SuggestFramesRequest()], "first message of SuggestFrames must be its config"),
            ([curation_pb2.SuggestFramesRequest(config=config)], "announced 2 frames and 0 came"),
            ([curation_pb2.SuggestFramesRequest(config=config)] * 2, "must be a frame"),
        ):
            with pytest.raises(grpc.RpcError) as caught:
                list(stub.SuggestFrames(iter(messages), timeout=30))
            assert words in caught.value.details()  # type: ignore[attr-defined]  # an RpcError is a call too


def test_the_audit_names_what_does_not_belong(client: Client, category: str) -> None:
    parts = golden_parts(SEED, shots=8)
    parts[2:4] = [NamedImage("bad-2", draw_defect(SEED, 2)), NamedImage("bad-3", draw_defect(SEED, 3))]
    made = client.fit(category, parts, recipe=RECIPE, stage_only=True).revision
    stages: list[Progress] = []
    audit = client.audit_golden_parts(category, revision=made.revision, on_progress=stages.append)
    assert audit.revision == made.revision
    assert [part.name for part in audit.parts] == [part.name for part in made.golden_parts]
    assert {part.name for part in audit.suspects[:2]} == {"bad-2", "bad-3"}
    contaminated = [part for part in audit.parts if part.verdict is GoldenPartVerdict.CONTAMINATED]
    assert {part.name for part in contaminated} == {"bad-2", "bad-3"}
    for part in contaminated:
        assert part.z_score >= audit.contaminated_from
        assert part.p_value <= 2 / 8
        row, column = np.random.default_rng([SEED, part.index, 1]).integers(8, 96 - 32, 2)  # where draw_defect blots
        box = part.worst_patch
        assert column - box.width_px <= box.x_px <= column + 24
        assert row - box.height_px <= box.y_px <= row + 24
    assert {progress.stage for progress in stages} == {OnboardingStage.EMBEDDING, OnboardingStage.COMPARING}
    assert len(stages) == 16


def test_parts_that_lie_alike_are_compared_place_by_place(client: Client) -> None:
    rng = np.random.default_rng(1)
    parts = [NamedImage(f"good-{number}", draw_flange(rng).image) for number in range(8)]
    parts += [NamedImage(f"bad-{number}", draw_flange(rng, Defect.MISSING_HOLE).image) for number in range(2)]
    made = client.fit(CATEGORY, parts, recipe=Recipe(resolution_px=256), stage_only=True).revision
    audit = client.audit_golden_parts(CATEGORY, revision=made.revision)
    client.delete_category(CATEGORY)
    assert audit.lie_alike
    assert {part.name for part in audit.suspects[:2]} == {"bad-0", "bad-1"}
    assert "that hardly any other part has there" in audit.suspects[0].reason


def test_a_repeated_golden_part_is_redundant(client: Client, category: str) -> None:
    twin = NamedImage("twin", again(draw_part(SEED, 0)))
    made = client.fit(category, [*golden_parts(SEED), twin], recipe=RECIPE, stage_only=True).revision
    audit = client.audit_golden_parts(category, revision=made.revision)
    redundant = {part.name for part in audit.parts if part.verdict is GoldenPartVerdict.REDUNDANT}
    assert len(redundant & {"twin", "golden-0"}) == 1, "one of the pair stays"


def test_few_golden_parts_are_not_judged(client: Client, category: str) -> None:
    client.fit(category, golden_parts(SEED, shots=3), recipe=RECIPE, stage_only=True)
    newest = next(client.list_revisions(category)).revision
    audit = client.audit_golden_parts(category, revision=newest)
    assert all(part.verdict is not GoldenPartVerdict.CONTAMINATED for part in audit.parts)
    assert "too few" in audit.warnings[0]
    single = client.fit(category, golden_parts(SEED, shots=1), recipe=RECIPE, stage_only=True).revision.revision
    with pytest.raises(FailedPrecondition, match="has 1 golden part; an audit compares at least 2"):
        client.audit_golden_parts(category, revision=single)


def test_a_euclidean_bank_of_several_neighbours_is_audited_too(client: Client, category: str) -> None:
    recipe = Recipe(resolution_px=64, neighbours=3, rotations_deg=(180.0,), metric=client.get_revision(category).recipe.metric)
    parts = [*golden_parts(SEED, shots=7), NamedImage("bad", draw_defect(SEED, 7))]
    made = client.fit(category, parts, recipe=recipe, stage_only=True).revision
    assert client.audit_golden_parts(category, revision=made.revision).suspects[0].name == "bad"


def test_a_threshold_set_by_hand_judges_and_says_what_it_implies(client: Client, category: str) -> None:
    before = client.get_revision(category)
    assert before.calibration is not None
    scores = sorted(before.calibration.normal_scores)
    threshold = (scores[-2] + scores[-3]) / 2
    etag = client.get_category(category).etag
    report = client.set_threshold(category, threshold, review_threshold=scores[5], etag=etag)
    made, calibration = report.revision, report.revision.calibration
    assert calibration is not None
    assert (made.state, made.parent_revision, made.bank_digest) == (RevisionState.ACTIVE, before.revision, before.bank_digest)
    assert (calibration.method, calibration.threshold, calibration.review_threshold) == (CalibrationMethod.MANUAL, threshold, scores[5])
    assert calibration.guaranteed_false_reject_rate == pytest.approx(3 / 21)
    assert calibration.false_reject_rate == calibration.guaranteed_false_reject_rate
    assert calibration.normal_scores == before.calibration.normal_scores
    assert "2 of 20 normal scores lie above it" in calibration.guarantee
    (result,) = client.inspect([Frame("1", category, draw_defect(SEED, 300))])
    assert (result.threshold, result.revision, result.verdict) == (threshold, made.revision, Verdict.FAIL)
    with pytest.raises(Aborted):
        client.set_threshold(category, threshold, etag=etag)


def test_a_threshold_that_makes_no_sense_is_refused(client: Client, category: str) -> None:
    for threshold, review, words in (
        (0.0, None, "must be a finite score greater than 0"),
        (float("nan"), None, "must be a finite score"),
        (1e-9, None, "All 20 normal scores lie above 1e-09"),
        (100.0, 200.0, "less than the threshold"),
    ):
        with pytest.raises(InvalidArgument, match=words):
            client.set_threshold(category, threshold, review_threshold=review)
    staged = client.set_threshold(category, 100.0, stage_only=True)
    assert staged.revision.state is RevisionState.STAGED
    assert any("cannot show a false-reject rate below 1/21" in warning for warning in staged.warnings)


def test_a_review_band_that_is_dropped_is_told_of(client: Client, category: str) -> None:
    limit = client.set_threshold(category, 100.0, review_threshold=90.0).revision.calibration
    assert limit is not None
    (warning,) = (text for text in client.set_threshold(category, 110.0).warnings if "review band" in text)
    assert "above 90 to REVIEW" in warning


async def test_the_asyncio_client_does_the_same(aio_client: AsyncClient) -> None:
    await fit_category(aio_client, CATEGORY, SEED)
    await aio_client.calibrate(CATEGORY, [draw_part(SEED, number) for number in range(200, 220)])
    ranking = await aio_client.suggest_frames(CATEGORY, [new_light(110), draw_part(SEED, 101)], count=1)
    assert [one.index for one in ranking.suggestions] == [0]
    audit = await aio_client.audit_golden_parts(CATEGORY)
    assert len(audit.parts) == 6
    report = await aio_client.set_threshold(CATEGORY, 1.0)
    assert report.revision.calibration is not None
    assert report.revision.calibration.threshold == 1.0


def run_command(*arguments: object) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return int(caught.value.code or 0)


def test_the_command_line_suggests_audits_and_sets_thresholds(
    client: Client, category: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOLDENPART_SERVER", client.address)
    monkeypatch.setenv("NO_COLOR", "1")
    for folder, draw in (("light", new_light), ("bad", lambda number: draw_defect(SEED, number))):
        (tmp_path / folder).mkdir()
        for number in range(110, 114):
            Image.fromarray(draw(number)).save(tmp_path / folder / f"{number}.png")
    assert run_command("suggest", category, tmp_path / "light", "--count", 1, "--json") == 0
    assert len(json.loads(capsys.readouterr().out)["suggestions"]) == 1
    assert run_command("suggest", category, tmp_path / "light") == 0
    assert "unlike the bank" in capsys.readouterr().out
    assert run_command("suggest", category, "--audit") == 0
    assert "golden-5" in capsys.readouterr().out
    assert run_command("suggest", category, tmp_path / "light", "--audit") == 2
    assert run_command("suggest", category, "--audit", "--count", 3) == 2
    assert "leave --count 3 out" in capsys.readouterr().err
    assert run_command("threshold", category, "--apply") == 2
    assert "--reviewed-bad" in capsys.readouterr().err
    page = tmp_path / "what-if.html"
    costs = ("--cost-escape", 100, "--cost-reject", 1, "--reviewed-bad", tmp_path / "bad", "--plot", page)
    assert run_command("threshold", category, *costs) == 0
    shown = capsys.readouterr()
    assert "◆" in shown.out
    assert "Only 4 defective parts" in shown.err
    assert "plot written to" in shown.out
    assert "<polyline" in page.read_text()
    before = client.get_revision(category).revision
    assert run_command("threshold", category, *costs, "--apply", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    active = client.get_revision(category)
    assert active.revision != before
    assert active.calibration is not None
    assert active.calibration.threshold == answer["best"]["threshold"] == answer["made"]["revision"]["calibration"]["threshold"]
    assert run_command("threshold", category, "--set", 50, "--stage") == 0
    assert any(line.split()[:2] == ["set", "50"] for line in capsys.readouterr().out.splitlines()), "what it does is shown"
    assert client.get_revision(category).revision == active.revision
    capsys.readouterr()
    assert run_command("threshold", category, "--review", 55) == 2
    assert "--review belongs to a threshold that is set" in capsys.readouterr().err
    assert run_command("threshold", category, "--set", 60, "--review", 55) == 0
    assert "and reviews above 55" in capsys.readouterr().out
    client.set_zones(category, Zones((Zone("seal", ZoneKind.CRITICAL, ((0, 0), (1, 0), (1, 1))),)))
    assert run_command("threshold", category, "--set", 58) == 0
    shown = capsys.readouterr()
    assert "and reviews above 55" in shown.out
    assert "Rates and costs are those of the scores alone" in shown.err
    assert run_command("threshold", category, "--set", 59, "--review", 0) == 0
    assert "reviews above" not in capsys.readouterr().out
    assert run_command("revisions", "show", category) == 0
    shown = capsys.readouterr().out
    assert "MANUAL" in shown
    assert "wanted" not in shown, "a threshold set by hand was not asked for by a rate"
