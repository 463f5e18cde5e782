"""Layers that several networks share, and the compiled loops that they use."""
