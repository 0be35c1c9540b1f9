"""What is known about each region: its worst patch, the golden patch nearest to it, how it looks, in words and as a picture."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from goldenpart.server.runtime.golden_pictures import GoldenPictures
from goldenpart.server.runtime.inspection import Nearest, RegionEvidence
from goldenpart.server.runtime.loaded import LoadedRevision
from goldenpart.server.vision.bank import ANGLE, COLUMN, GOLDEN, ROW
from goldenpart.server.vision.calibration import Scores, conformal_p_value
from goldenpart.server.vision.explanation import difference, measure_appearance, to_lab
from goldenpart.server.vision.explanation_picture import GoldenView, draw_side_by_side, turn
from goldenpart.server.vision.explanation_text import NearestWords, NormalRange, describe, short_caption
from goldenpart.server.vision.image import Rgb8
from goldenpart.server.vision.preparation import Geometry, PreparedImage, plan_geometry
from goldenpart.server.vision.recipe import Aggregate
from goldenpart.server.vision.regions import Region
from goldenpart.server.vision.scoring import ScoredImage, WorstPatch

MAX_PICTURES = 4
"""Regions, from the first on, that get a picture; each takes some 20 ms and 100 kB."""


@dataclass(frozen=True, slots=True, eq=False)
class EvidenceSource:
    """A frame that was scored, and all that is known about it. Any thread.

    Attributes:
        revision: that judged.
        image: (H, W, 3) uint8, upright.
        prepared: the picture as the backbone saw it.
        scored: score and patch distances.
    """

    revision: LoadedRevision
    image: Rgb8
    prepared: PreparedImage
    scored: ScoredImage

    def gather(self, region: Region) -> RegionEvidence:
        """Measure a region and put it into words."""
        row, column = self._worst_patch(region)
        patch = self.prepared.geometry.patch_box(row, column)
        nearest = self._nearest(row, column)
        appearance = measure_appearance(self.image, region, patch)
        pixels = self.image.shape[0] * self.image.shape[1]
        words = None
        if nearest is not None:
            x, y, width, height = nearest.golden_box
            words = NearestWords(nearest.worst.golden, x + width // 2, y + height // 2, nearest.worst.angle_deg)
        distance = float(self.scored.grid[row, column])
        peaks = self._normal_peaks()
        normal = NormalRange.of(peaks)
        return RegionEvidence(
            region=region,
            patch=patch,
            distance=distance,
            normal=normal,
            p_value=conformal_p_value(peaks, distance) if peaks else None,
            appearance=appearance,
            text=describe(region, appearance, pixels, len(self.revision.golden_parts), words, distance, normal),
            caption=short_caption(region, appearance, pixels),
            nearest=nearest,
        )

    def compare(self, evidence: RegionEvidence, pictures: GoldenPictures) -> RegionEvidence:
        """Add what needs the golden part's picture; nothing is added where there is none. Blocks on the disk."""
        nearest = evidence.nearest
        if nearest is None:
            return evidence
        golden = pictures.get(self.revision.category, self.revision.revision, nearest.worst.golden)
        if golden is None:
            return evidence
        theirs, ours = self._golden_geometry(nearest.worst.golden), self.prepared.geometry
        shown = turn(golden, nearest.worst.angle_deg, theirs)
        across = theirs.width_px / theirs.content_width_px * ours.content_width_px / ours.width_px
        down = theirs.height_px / theirs.content_height_px * ours.content_height_px / ours.height_px
        colours = [to_lab(_cut(self.image, evidence.patch)), to_lab(_cut(shown, nearest.golden_box))]
        turned = f", turned by {nearest.worst.angle_deg:g}°" if nearest.worst.angle_deg else ""
        view = GoldenView(shown, nearest.golden_box, (across, down), f"golden {nearest.worst.golden}: {nearest.golden_name}{turned}")
        picture = draw_side_by_side(self.image, evidence.region, evidence.patch, view)
        return replace(evidence, tone_to_golden=difference(colours[0], colours[1]), picture_png=picture)

    def name_worst(self) -> Nearest | None:
        """Name what the most anomalous patch of the frame was compared with; None if the detector compares with no golden part."""
        return None if self.scored.worst is None else self._name(self.scored.worst)

    def _worst_patch(self, region: Region) -> tuple[int, int]:
        """Return row and column of the inspected patch under the region whose distance is largest."""
        grid, geometry = self.scored.grid, self.prepared.geometry
        rows, columns = np.nonzero(region.pixels)
        down, across = _patches_of(geometry, region)
        covered = np.zeros(grid.shape, np.bool_)
        covered[down[rows], across[columns]] = True
        if (covered & self.prepared.inspected).any():
            covered &= self.prepared.inspected
        row, column = divmod(int(np.where(covered, grid, np.float32(-1.0)).argmax()), int(grid.shape[1]))
        return row, column

    def _nearest(self, row: int, column: int) -> Nearest | None:
        nearest = self.scored.nearest
        if nearest is None or nearest.origins[row, column, GOLDEN] < 0:
            return None
        origin = [int(value) for value in nearest.origins[row, column]]
        angle = self.revision.detector.recipe.angles_deg[origin[ANGLE]]
        distance = float(nearest.distances[row, column])
        return self._name(WorstPatch(row, column, origin[GOLDEN], angle, origin[ROW], origin[COLUMN], distance))

    def _name(self, worst: WorstPatch) -> Nearest:
        return Nearest(
            worst=worst,
            box=self.prepared.geometry.patch_box(worst.row, worst.column),
            golden_name=self.revision.golden_parts[worst.golden].name,
            golden_box=self._golden_geometry(worst.golden).patch_box(worst.golden_row, worst.golden_column),
        )

    def _golden_geometry(self, index: int) -> Geometry:
        golden = self.revision.golden_parts[index]
        return plan_geometry(golden.width_px, golden.height_px, self.revision.detector.recipe, self.prepared.geometry.patch_px)

    def _normal_peaks(self) -> Scores:
        """Return normal images' largest patch distances; from before these were kept only scores by the plain maximum are such."""
        recipe, calibration = self.revision.detector.recipe, self.revision.calibration
        if calibration is None:
            return ()
        scores_are_peaks = recipe.aggregate is Aggregate.MAX and not recipe.reweight_neighbours
        return calibration.normal_peaks or (calibration.normal_scores if scores_are_peaks else ())


def _patches_of(geometry: Geometry, region: Region) -> tuple[np.ndarray[tuple[int], np.dtype[np.intp]], ...]:
    """Return the patch row of each pixel row of a region's box, and the patch column of each column."""
    y = (np.arange(region.y_px, region.y_px + region.height_px) + 0.5) * geometry.content_height_px / geometry.height_px
    x = (np.arange(region.x_px, region.x_px + region.width_px) + 0.5) * geometry.content_width_px / geometry.width_px
    down = np.minimum(y.astype(np.intp) // geometry.patch_px, geometry.rows - 1)
    across = np.minimum(x.astype(np.intp) // geometry.patch_px, geometry.columns - 1)
    return down, across


def _cut(image: Rgb8, box: tuple[int, int, int, int]) -> Rgb8:
    return image[box[1] : box[1] + box[3], box[0] : box[0] + box[2]]
