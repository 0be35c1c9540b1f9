"""Goldenpart's gRPC model server."""
