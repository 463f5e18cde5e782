"""Models of others: anything that restores frames, behind the same interface as our own networks."""
