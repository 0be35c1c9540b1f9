"""A line to try the worker on: cameras that send drawn parts, a gateway that checks the events."""
