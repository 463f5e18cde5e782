"""Simulate camera motion: paths from files, a model of the hand, and the stabiliser."""
