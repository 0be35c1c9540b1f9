"""The tables of artifacts/reports/evaluation.md: presets and detectors side by side, and false-reject rates beside their promise."""
