"""How long to wait before the next try."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Backoff:
    """Waits longer after each failure, with full jitter (AWS Architecture Blog, Exponential Backoff And Jitter, 2015).

    Attributes:
        first_s: Longest wait after the first failure.
        limit_s: Longest wait ever.
        random: Gives a number in [0, 1).
        failures: Failures since the last success.
    """

    first_s: float = 0.1
    limit_s: float = 2.0
    random: Callable[[], float] = random.random
    failures: int = field(default=0, init=False)

    def failed(self) -> float:
        """Counts a failure and tells how many seconds to wait; never less than a tenth of the longest, so that nothing spins."""
        ceiling = min(self.limit_s, self.first_s * 2 ** min(self.failures, 30))
        self.failures += 1
        return float(ceiling * (0.1 + 0.9 * self.random()))

    def succeeded(self) -> None:
        """Starts over."""
        self.failures = 0
