"""What every detector must do: find a blot, agree with itself in a batch and through bytes, and be the same for the same seed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from detector_parts import CPU, LEFT_HALF, PARTS, backbone, embedded, fit, measure, picture, recipe, show

from goldenpart.server.errors import RevisionDamagedError
from goldenpart.server.vision.detectors.catalogue import open_detector, read_content
from goldenpart.server.vision.fitting import Stage, left_out_scores
from goldenpart.server.vision.inference import Query, score_batch
from goldenpart.server.vision.preparation import prepare
from goldenpart.server.vision.recipe import DetectorKind, Metric

KINDS = list(DetectorKind)
SEEDED = [DetectorKind.BANK, DetectorKind.GAUSSIAN, DetectorKind.AUTOENCODER, DetectorKind.ENSEMBLE]
FILE = dict.fromkeys(KINDS, "detector.safetensors") | {DetectorKind.BANK: "bank.safetensors"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_blot_is_what_is_least_normal(kind: DetectorKind) -> None:
    knobs = recipe(kind, autoencoder_steps=100)
    detector = fit(knobs).detector
    good, bad = (prepare(picture(50, blot=blot), knobs, 8) for blot in (False, True))
    normal, defective = score_batch(backbone(), [Query(detector, good), Query(detector, bad)])
    assert defective.scored.score > 1.3 * normal.scored.score
    row, column = np.unravel_index(defective.scored.grid.argmax(), defective.scored.grid.shape)
    assert 1 <= row <= 4, "the blot covers rows 2 and 3, and tokens see beyond their patch"
    assert 2 <= column <= 5
    assert (defective.scored.worst is not None) == (kind is DetectorKind.BANK)


@pytest.mark.parametrize("kind", KINDS)
def test_pictures_together_are_measured_as_each_alone(kind: DetectorKind) -> None:
    detector = fit(recipe(kind)).detector
    pixels = [picture(number, blot=number % 2 == 0) for number in range(60, 64)]
    together = detector.measure([embedded(prepare(each, detector.recipe, 8)) for each in pixels])
    for each, answer in zip(pixels, together, strict=True):
        np.testing.assert_allclose(answer.distances, measure(detector, each).distances, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_only_inspected_patches_are_measured(kind: DetectorKind) -> None:
    knobs = recipe(kind)
    builder = fit(knobs, [show(number, knobs, LEFT_HALF) for number in range(PARTS)])
    assert builder.patches == PARTS * 8 * 5
    assert measure(builder.detector, picture(50), LEFT_HALF).distances.shape == (8 * 5,)


@pytest.mark.parametrize("metric", [Metric.COSINE, Metric.CENTRED_COSINE])
@pytest.mark.parametrize("kind", KINDS)
def test_bytes_are_the_same_for_the_same_seed_and_hold_everything(kind: DetectorKind, metric: Metric) -> None:
    knobs = recipe(kind, metric=metric, rotations_deg=(180.0,))
    detector = fit(knobs).detector
    data = detector.content.to_bytes()
    assert fit(knobs).detector.content.to_bytes() == data
    again = open_detector(read_content(data, knobs), knobs, CPU)
    assert again.content.to_bytes() == data
    assert again.size_bytes == detector.size_bytes > 0
    assert measure(again, picture(50)).distances.tolist() == measure(detector, picture(50)).distances.tolist()


@pytest.mark.parametrize("kind", SEEDED)
def test_another_seed_gives_other_bytes(kind: DetectorKind) -> None:
    knobs = recipe(kind)
    assert fit(dataclasses.replace(knobs, seed=1)).detector.content.to_bytes() != fit(knobs).detector.content.to_bytes()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not DetectorKind.AUTOENCODER])
def test_a_part_scores_higher_where_it_was_left_out(kind: DetectorKind) -> None:
    knobs = recipe(kind)
    parts = [show(number, knobs) for number in range(PARTS)]
    builder = fit(knobs, parts)
    assert builder.leaves_out
    without = [one.scored.score for one in left_out_scores(builder, backbone(), parts)]
    within = [answer.scored.score for answer in score_batch(backbone(), [Query(builder.detector, part[0]) for part in parts])]
    assert len(without) == PARTS
    assert all(left > kept for left, kept in zip(without, within, strict=True))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in (DetectorKind.BANK, DetectorKind.ENSEMBLE)])
def test_progress_reaches_its_total(kind: DetectorKind) -> None:
    knobs = recipe(kind)
    builder = fit(knobs)
    fresh = type(builder)(backbone(), knobs, [show(number, knobs) for number in range(PARTS)])  # type: ignore[call-arg]
    training = [step for step in fresh.steps() if step.stage is Stage.TRAINING]
    assert training[-1].done == training[-1].total
    assert [step.done for step in training] == sorted({step.done for step in training})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("damage", ["cut short", "no file at all", "another detector's"])
def test_what_is_no_content_is_refused(kind: DetectorKind, damage: str) -> None:
    knobs = recipe(kind)
    other = DetectorKind.BANK if kind is not DetectorKind.BANK else DetectorKind.SUBSPACE
    data = {
        "cut short": lambda: fit(knobs).detector.content.to_bytes()[:-9],
        "no file at all": lambda: b"nothing",
        "another detector's": lambda: fit(recipe(other)).detector.content.to_bytes(),
    }[damage]()
    with pytest.raises(RevisionDamagedError) as caught:
        read_content(data, knobs)
    assert caught.value.metadata["file"] == FILE[kind]
