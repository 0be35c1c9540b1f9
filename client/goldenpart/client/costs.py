"""What wrong verdicts cost."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Shares = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of wrong verdicts, in any one unit, and how often parts are defective.

    Attributes:
        escape: Of a defective part that passes, > 0.
        reject: Of a good part that fails, > 0.
        prior: Share of parts on the line that are defective, in (0, 1).

    Raises:
        ValueError: One is out of range.
    """

    escape: float
    reject: float
    prior: float = 0.01

    def __post_init__(self) -> None:
        for name in ("escape", "reject"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"the cost of {name}s is {getattr(self, name)}; it must be a number greater than 0")
        if not 0 < self.prior < 1:
            raise ValueError(f"the share of defective parts is {self.prior}; it must lie between 0 and 1, for example 0.01")

    def per_part(self, false_rejects: Shares, escapes: Shares) -> Shares:
        """Return the expected cost of inspecting one part, (N,) float64.

        Args:
            false_rejects: (N,) float64, share of good parts that fail.
            escapes: (N,) float64, share of defective parts that pass.
        """
        return self.prior * self.escape * escapes + (1 - self.prior) * self.reject * false_rejects
