"""Evidence that one signal has drifted: a conformal test martingale that bets against exchangeability.

Each value gets a smoothed conformal p-value: its rank among the reference and all earlier values of the stream, ties broken at random.
As long as reference and stream are exchangeable these p-values are independent and uniform, exactly and for any size of the reference
(Vovk, Testing randomness online, Statistical Science 2021). A p-value against a fixed small reference would not do: given the reference
it is not uniform, and some bet on it wins in the end.

A bet multiplies the capital by b(p), the integral of b being 1: power bets k p^(k-1) win on unusually large values, the mirrored ones on
unusually small values, and stakes on one half on values that lie on one side of the median. The Shiryaev-Roberts sum R = (1 + R) b(p) is
what all bettors together have who began one each frame with 1; so R(t) - t is a martingale (Vovk et al., Retrain or not retrain: conformal
test martingales for change-point detection, COPA 2021), and late changes are found as fast as early ones. The mean of R over several b of
the same p-values is one again.
"""

import random
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from goldenpart.client.frame_statistics import FrameStatistic

Bet = Callable[[float], float]

_POWERS = (0.2, 0.5)
_STAKE = 0.9
_RESOLUTION = 2.0**-53


def _high(power: float) -> Bet:
    return lambda p: power * p ** (power - 1.0)


def _low(power: float) -> Bet:
    return lambda p: power * (1.0 - p) ** (power - 1.0)


def _upper_half(p: float) -> float:
    return 1.0 - _STAKE if p > 0.5 else 1.0 + _STAKE


def _lower_half(p: float) -> float:
    return 1.0 - _STAKE if p < 0.5 else 1.0 + _STAKE


BETS: tuple[Bet, ...] = (*(make(power) for make in (_high, _low) for power in _POWERS), _upper_half, _lower_half)


@dataclass(slots=True)
class _Bettors:
    """All who bet with one function: their sum, and the best of them.

    Attributes:
        total: Shiryaev-Roberts sum R.
        best: CUSUM, the capital of the bettor whose start was luckiest.
        since: Number of the frame at which that one began.
    """

    total: float = 0.0
    best: float = 0.0
    since: int = 0

    def bet(self, factor: float, number: int) -> None:
        self.total = (1.0 + self.total) * factor
        if self.best <= 1.0:
            self.best, self.since = 1.0, number
        self.best *= factor


class SignalEvidence:
    """Follows one signal of one camera. Not thread-safe.

    Args:
        rng: Breaks ties; a seeded one makes the evidence repeatable.
        baseline: Earlier values of the stream from when all was well, as a further reference.
    """

    def __init__(self, rng: random.Random, baseline: Iterable[float] = ()) -> None:
        self._rng = rng
        self._ranked = sorted(baseline)
        self._bettors = [_Bettors() for _ in BETS]

    def take(self, statistic: FrameStatistic, number: int) -> float:
        """Take the next value.

        Args:
            statistic: Value and place among the revision's reference.
            number: Of the frame.

        Returns:
            The smoothed p-value, in (0, 1); small for an unusually large value.
        """
        p = self._p_value(statistic)
        insort(self._ranked, statistic.value)
        for bettors, bet in zip(self._bettors, BETS, strict=True):
            bettors.bet(bet(p), number)
        return p

    @property
    def total(self) -> float:
        """Shiryaev-Roberts sum, averaged over the bets; its expectation is the number of values if nothing has drifted."""
        return sum(bettors.total for bettors in self._bettors) / len(self._bettors)

    @property
    def since(self) -> int:
        """Number of the frame since which the winning bet has been winning: the likeliest beginning of a drift."""
        return max(self._bettors, key=lambda bettors: bettors.total).since

    def _p_value(self, statistic: FrameStatistic) -> float:
        below, not_above = bisect_left(self._ranked, statistic.value), bisect_right(self._ranked, statistic.value)
        above = len(self._ranked) - not_above + statistic.references_above
        equal = not_above - below + statistic.references_equal
        p = (above + self._rng.random() * (equal + 1)) / (len(self._ranked) + statistic.references + 1)
        return min(max(p, _RESOLUTION), 1.0 - _RESOLUTION)  # at 0 and 1 a bet is infinite
