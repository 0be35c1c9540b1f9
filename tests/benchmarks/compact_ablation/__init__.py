"""Measure what weights, layers, resolutions and scoring rules are worth: ``python -m tests.benchmarks.compact_ablation``.

Deliberately independent of the product's bank, search and heat maps (only the greedy coreset is the product's own), so that a fault there
cannot hide in its own measurement.
"""
