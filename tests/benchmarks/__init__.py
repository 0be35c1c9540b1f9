"""Benchmarks: ratios measured side by side in one run. Run with `make bench`; nothing here is a test."""
