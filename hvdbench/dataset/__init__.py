"""Clips of a dataset for those who read them: facts, readers, packs, and the ways in which datasets come in."""
