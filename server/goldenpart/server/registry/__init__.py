"""Fitted revisions on disk."""
