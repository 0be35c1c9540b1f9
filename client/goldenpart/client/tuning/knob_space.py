"""Which settings are tried: the preset, the other preset, random neighbours of the first; and every way to score by each of them."""

import random
from collections.abc import Collection, Mapping, Sequence

from goldenpart.client.recipe import Aggregate, Coreset, Detector, Metric, Preset, Recipe
from goldenpart.client.tuning.setting import Knob, Learned, Setting

Change = Mapping[str, Knob]
"""Values of knobs that change together."""

MOST_CHANGES = 3
_NEIGHBOURS = (1, 3, 5)
_AGGREGATE_KNOBS = frozenset({"aggregate", "aggregate_patches", "aggregate_percent", "reweight_neighbours"})
_SHARES = (0.1, 0.3, 1.0, 3.0)
_RATIOS = (0.01, 0.05, 0.1, 0.25)
_MOST_VECTORS = 5  # times those of the reference
_SHOTS = (4, 8, 16, 32)
_DEPTHS = {"compact": 3, "dinov2_vits": 12, "dinov2_vitb": 12, "dinov2_vitl": 24, "dinov2_vitg": 40}
_ATTEMPTS = 200  # for each setting wanted; a space that is small is exhausted well before


def draw_settings(reference: Setting, learned: Learned, most_shots: int, budget: int, seed: int, *, vary_shots: bool) -> list[Setting]:
    """Draw what is fitted: the reference first, then the other preset (if no knob is fixed), then random ones.

    Each random setting changes one to three dimensions of the reference, chosen by the seed: random search (Bergstra & Bengio, JMLR 2012),
    near what is known to work. Knobs that the reference sets stay as they are. Knobs that change nothing of what is learned are not drawn:
    `scorings` has them all.

    Args:
        reference: What everything is compared with.
        learned: What came of it.
        most_shots: Golden parts there can be.
        budget: Settings to draw, >= 1; fewer come where there are no more.
        seed: The same one draws the same settings.
        vary_shots: Whether numbers of golden parts are tried as well.
    """
    fixed = frozenset(recipe_fixed(reference.recipe))
    space = dimensions(learned, _shots_beside(reference.shots, most_shots) if vary_shots else (), fixed)
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


def dimensions(learned: Learned, shots: Sequence[int], fixed: Collection[str]) -> list[list[Change]]:
    """Return what can be changed and to what, each dimension without the value it has.

    Args:
        learned: What to start from.
        shots: Other numbers of golden parts.
        fixed: Names of knobs that stay as they are.
    """
    recipe = learned.recipe
    resolution = recipe.resolution_px or 0
    has_bank = recipe.detector in {Detector.BANK, Detector.ENSEMBLE}
    space: list[list[Change]] = [
        [{"resolution_px": round(resolution * factor)} for factor in (0.5, 0.75, 1.5) if 32 <= resolution * factor <= 2048],
        [{"metric": metric} for metric in Metric if metric is not recipe.metric],
        [{"neighbourhood_patches": side} for side in (1, 3) if side != recipe.neighbourhood_patches],
        [] if recipe.local_scale_neighbours or not has_bank else [{"local_scale_neighbours": 32}],
        _coresets(learned) if has_bank else [],
        [] if recipe.rotations_deg else [{"rotations_deg": (180.0,)}, {"rotations_deg": (90.0, 180.0, 270.0)}],
        [{"layers": layers} for layers in _layers(recipe.backbone or "") if layers != recipe.layers],
        [{"detector": kind} for kind in Detector if kind not in {recipe.detector, Detector.AUTOENCODER}],
        [{"shots": number} for number in shots],
    ]
    return [free for values in space if (free := [change for change in values if not fixed & change.keys()])]


def scorings(resolved: Recipe, fixed: Collection[str]) -> list[Change]:
    """Return all ways to score by what was learned, the recipe's own first, each as what is different from it.

    One search serves all (`InspectOptions.rescore`).

    Args:
        resolved: The recipe that it was learned by, all knobs given.
        fixed: Names of knobs that stay as they are.
    """
    kinds = [{}] if _AGGREGATE_KNOBS & frozenset(fixed) else [{}, *_aggregates(resolved)]
    if resolved.detector is Detector.BANK:
        neighbours: list[Change] = [{}, *({"neighbours": count} for count in _NEIGHBOURS if count != resolved.neighbours)]
        scales: list[Change] = [{}, {"local_scale_neighbours": 0}] if resolved.local_scale_neighbours else [{}]
        kinds = [{**kind, **count, **scale} for scale in scales for count in neighbours for kind in kinds]
    return [change for change in kinds if not frozenset(fixed) & change.keys()]


def recipe_fixed(recipe: Recipe) -> list[str]:
    """Return the names of the knobs that a recipe sets."""
    return [name for name in Recipe.__dataclass_fields__ if name != "preset" and getattr(recipe, name) is not None]


def _aggregates(resolved: Recipe) -> list[Change]:
    off: Change = {"reweight_neighbours": 0} if resolved.reweight_neighbours else {}
    named: Change = {} if resolved.aggregate is Aggregate.TOP_PERCENT else {"aggregate": Aggregate.TOP_PERCENT}
    shares = [share for share in _SHARES if (resolved.aggregate, resolved.aggregate_percent) != (Aggregate.TOP_PERCENT, share)]
    changes: list[Change] = [{**named, "aggregate_percent": share, **off} for share in shares]
    largest: Change = {} if resolved.aggregate is Aggregate.MAX else {"aggregate": Aggregate.MAX}
    if largest or off:
        changes.append({**largest, **off})
    if resolved.detector is Detector.BANK and not resolved.reweight_neighbours:
        changes.append({**largest, "reweight_neighbours": 3})
    return changes if resolved.aggregate is Aggregate.MEAN else [*changes, {"aggregate": Aggregate.MEAN, **off}]


def _coresets(learned: Learned) -> list[Change]:
    recipe = learned.recipe
    ratio, vectors = recipe.coreset_ratio or 0.0, recipe.coreset_vectors or 0
    most = _MOST_VECTORS * (
        vectors or (ratio or 1.0) * learned.patches
    )  # a search takes time in proportion; without a coreset all are kept
    shares = [share for share in _RATIOS if share * learned.patches <= most]
    changes: list[Change] = [
        {"coreset": Coreset.GREEDY, "coreset_ratio": None, "coreset_vectors": round(vectors * factor)} for factor in (0.5, 2.5) if vectors
    ]
    return changes + [
        {"coreset": coreset, "coreset_ratio": share, "coreset_vectors": None}
        for coreset in (Coreset.GREEDY, Coreset.RANDOM)
        for share in shares
        if (coreset, share) != (recipe.coreset, ratio)
    ]


def _layers(backbone: str) -> list[tuple[int, ...]]:
    depth = next((depth for name, depth in _DEPTHS.items() if backbone.startswith(name)), 0)
    if depth == 3:
        return [(1, 2), (2, 3), (2,), (3,)]
    return [(depth * 2 // 3,), (depth * 2 // 3, depth), (depth // 2, depth)] if depth else []


def _shots_beside(shots: int, most: int) -> list[int]:
    return [number for number in _SHOTS if number != shots and number <= most]
