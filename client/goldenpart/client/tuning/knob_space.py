"""Which settings are tried: the preset, the other preset, and random neighbours of the first."""

import random
from collections.abc import Collection, Mapping, Sequence

from goldenpart.client.recipe import Aggregate, Coreset, Detector, Metric, Preset, Recipe
from goldenpart.client.tuning.setting import Knob, Setting

Change = Mapping[str, Knob]
"""Values of knobs that change together."""

MOST_CHANGES = 3
_SHOTS = (4, 8, 16, 32)
_DEPTHS = {"compact": 3, "dinov2_vits": 12, "dinov2_vitb": 12, "dinov2_vitl": 24, "dinov2_vitg": 40}
_ATTEMPTS = 200  # for each setting wanted; a space that is small is exhausted well before


def draw_settings(reference: Setting, resolved: Recipe, most_shots: int, budget: int, seed: int, *, vary_shots: bool) -> list[Setting]:
    """Draw settings: the reference first, then the other preset (if no knob is fixed), then random ones.

    Each random setting changes one to three dimensions of the reference, chosen by the seed: random search (Bergstra & Bengio, JMLR 2012),
    near what is known to work. Knobs that the reference sets stay as they are.

    Args:
        reference: What everything is compared with.
        resolved: Its recipe as the server resolved it.
        most_shots: Golden parts there can be.
        budget: Settings to draw, >= 1; fewer come where there are no more.
        seed: The same one draws the same settings.
        vary_shots: Whether numbers of golden parts are tried as well.
    """
    fixed = frozenset(recipe_fixed(reference.recipe))
    space = dimensions(resolved, _shots_beside(reference.shots, most_shots) if vary_shots else (), fixed)
    settings = dict.fromkeys([reference])
    if not fixed:
        other = Preset.SEED if reference.recipe.preset is Preset.DEFAULT else Preset.DEFAULT
        settings[Setting(Recipe(preset=other), reference.shots)] = None
    chance = random.Random(seed)  # noqa: S311  # repeatable on purpose
    for _ in range(_ATTEMPTS * budget):
        if len(settings) >= budget or not space:
            break
        chosen = chance.sample(space, min(chance.randint(1, MOST_CHANGES), len(space)))
        knobs: dict[str, Knob] = {}
        for values in chosen:
            knobs |= chance.choice(values)
        settings[reference.changed(knobs)] = None
    return list(settings)[:budget]


def dimensions(resolved: Recipe, shots: Sequence[int], fixed: Collection[str]) -> list[list[Change]]:
    """Return what can be changed and to what, each dimension without the value it has.

    Args:
        resolved: The recipe to start from, all knobs given.
        shots: Other numbers of golden parts.
        fixed: Names of knobs that stay as they are.
    """
    resolution = resolved.resolution_px or 0
    space: list[list[Change]] = [
        [{"resolution_px": round(resolution * factor)} for factor in (0.75, 1.5, 2.0) if 32 <= resolution * factor <= 2048],
        [{"metric": metric} for metric in Metric if metric is not resolved.metric],
        [{"neighbours": neighbours} for neighbours in (1, 3, 5) if neighbours != resolved.neighbours],
        [{"neighbourhood_patches": side} for side in (1, 3) if side != resolved.neighbourhood_patches],
        [{"local_scale_neighbours": 0 if resolved.local_scale_neighbours else 32}],
        _aggregates(resolved),
        _coresets(resolved),
        [] if resolved.rotations_deg else [{"rotations_deg": (180.0,)}, {"rotations_deg": (90.0, 180.0, 270.0)}],
        [{"layers": layers} for layers in _layers(resolved.backbone or "") if layers != resolved.layers],
        [{"detector": kind} for kind in Detector if kind not in {resolved.detector, Detector.AUTOENCODER}],
        [{"shots": number} for number in shots],
    ]
    return [free for values in space if (free := [change for change in values if not fixed & change.keys()])]


def recipe_fixed(recipe: Recipe) -> list[str]:
    """Return the names of the knobs that a recipe sets."""
    return [name for name in Recipe.__dataclass_fields__ if name != "preset" and getattr(recipe, name) is not None]


def _aggregates(resolved: Recipe) -> list[Change]:
    shares = [share for share in (0.5, 1.0, 2.0, 5.0) if (resolved.aggregate, resolved.aggregate_percent) != (Aggregate.TOP_PERCENT, share)]
    weights: Change = {"reweight_neighbours": 0} if resolved.reweight_neighbours else {}
    changes: list[Change] = [{"aggregate": Aggregate.TOP_PERCENT, "aggregate_percent": share, **weights} for share in shares]
    return changes if resolved.aggregate is Aggregate.MAX else [*changes, {"aggregate": Aggregate.MAX}]


def _coresets(resolved: Recipe) -> list[Change]:
    ratio = {"coreset_vectors": None}
    vectors = resolved.coreset_vectors or 0
    changes: list[Change] = [
        {"coreset": Coreset.GREEDY, "coreset_ratio": None, "coreset_vectors": round(vectors * factor)} for factor in (0.5, 2.5) if vectors
    ]
    changes += [{"coreset": Coreset.GREEDY, "coreset_ratio": share, **ratio} for share in (0.05, 0.25) if share != resolved.coreset_ratio]
    return [*changes, {"coreset": Coreset.RANDOM, "coreset_ratio": 0.1, **ratio}]


def _layers(backbone: str) -> list[tuple[int, ...]]:
    depth = next((depth for name, depth in _DEPTHS.items() if backbone.startswith(name)), 0)
    if depth == 3:
        return [(1, 2), (2, 3), (2,), (3,)]
    return [(depth * 2 // 3,), (depth * 2 // 3, depth), (depth // 2, depth)] if depth else []


def _shots_beside(shots: int, most: int) -> list[int]:
    return [number for number in _SHOTS if number != shots and number <= most]
