"""A line to look at: starts its own server, onboards simulated flanges, inspects and reports. ``python -m goldenpart.client.demo``."""
