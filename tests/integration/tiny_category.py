"""Generated categories so small that a fit takes a fraction of a second."""

from typing import Any, overload

import numpy as np
import numpy.typing as npt

from goldenpart.client import AsyncClient, Client, FitReport, NamedImage, Recipe

Pixels = npt.NDArray[np.uint8]

SIDE_PX = 96
SHOTS = 6
RECIPE = Recipe(resolution_px=64, coreset_vectors=500)


def draw_part(seed: int, number: int) -> Pixels:
    """Return (96, 96, 3) uint8: the striped texture that `seed` stands for, with the noise of its part `number`."""
    texture, noise = np.random.default_rng(seed), np.random.default_rng([seed, number])
    rows, columns = np.mgrid[0:SIDE_PX, 0:SIDE_PX] + noise.uniform(0, 2, (2, 1, 1))
    pitch, slant = texture.uniform(6, 16), texture.uniform(-1, 1)
    stripes = np.sin((columns + slant * rows) * 2 * np.pi / pitch)
    colour = texture.uniform(60, 150, 3) + stripes[..., None] * texture.uniform(20, 50, 3)
    pixels: Pixels = np.clip(colour + noise.normal(0, 4, colour.shape), 0, 255).astype(np.uint8)
    return pixels


def draw_defect(seed: int, number: int) -> Pixels:
    """Return such a part with a bright blot of 24 x 24 px."""
    pixels = draw_part(seed, number)
    row, column = np.random.default_rng([seed, number, 1]).integers(8, SIDE_PX - 32, 2)
    pixels[row : row + 24, column : column + 24] = 255
    return pixels


def golden_parts(seed: int, prefix: str = "golden", shots: int = SHOTS) -> list[NamedImage]:
    """Return golden parts `<prefix>-0`, `<prefix>-1`, ...; frames to inspect have numbers from 100 on."""
    return [NamedImage(f"{prefix}-{number}", draw_part(seed, number)) for number in range(shots)]


@overload
def fit_category(client: Client, name: str, seed: int, **options: Any) -> FitReport: ...
@overload
async def fit_category(client: AsyncClient, name: str, seed: int, **options: Any) -> FitReport: ...
def fit_category(client: Any, name: str, seed: int, **options: Any) -> Any:
    """Fit a category from generated golden parts; an AsyncClient's answer is to be awaited."""
    return client.fit(name, golden_parts(seed), **{"recipe": RECIPE, **options})
