"""Layers that several networks share, and the compiled loops below them."""
