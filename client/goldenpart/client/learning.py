"""What AddGoldenParts and RemoveGoldenPart make."""

from dataclasses import dataclass

from goldenpart.client.learning_gate import GateReport
from goldenpart.client.revisions import Revision


@dataclass(frozen=True, slots=True)
class GoldenPartsReport:
    """A revision with other golden parts.

    Attributes:
        revision: The new revision; its state tells whether it judges.
        base_revision: The revision it was made from.
        gate: What the regression gate said.
        left_out_of_calibration: Names of calibration images that were left out because they are golden parts now.
        warnings: What a careful engineer should know.
    """

    revision: Revision
    base_revision: str
    gate: GateReport
    left_out_of_calibration: tuple[str, ...]
    warnings: tuple[str, ...]
