"""Simulate the optical stabiliser: its controller, its lens, its kinds, and its settings in a recipe."""
