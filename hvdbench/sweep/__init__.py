"""Sweep over stabilisers: measure what each leaves of a hand's motion, and the quality of restored frames."""
