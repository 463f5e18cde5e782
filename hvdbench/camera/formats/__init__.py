"""Readers of camera paths, one file a format."""
