"""Trains the embedded `compact` backbone from scratch and measures what it is worth; not needed to inspect."""
