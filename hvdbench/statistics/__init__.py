"""Compute how certain a mean over clips is, whether two methods differ, and what a number of clips can show at all."""
