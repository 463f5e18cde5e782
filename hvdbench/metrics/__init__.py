"""Measure restored frames; ``docs/protocol.md`` says how the numbers become rows of a board."""
