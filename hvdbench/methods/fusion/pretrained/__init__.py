"""Fusion that was trained before, on clips of other scenes with their truth: its inputs, its training, its use."""
