"""Metrics of anomaly detection on plain arrays: NumPy and SciPy, nothing of Goldenpart."""
