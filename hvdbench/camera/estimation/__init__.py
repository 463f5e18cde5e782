"""Measure a camera's rotation from the frames of a clip."""
