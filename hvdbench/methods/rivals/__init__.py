"""Rival methods, rebuilt from their papers and from facts about their published code."""
