"""Drift watch: tells when a station no longer sees as it did. docs/drift.md has the science and the limits."""

from goldenpart.client.drift.limits import DriftLimits
from goldenpart.client.drift.watch import SIGNALS, DriftAlarm, DriftWatch

__all__ = ["SIGNALS", "DriftAlarm", "DriftLimits", "DriftWatch"]
