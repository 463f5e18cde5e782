"""Models of others: anything that restores frames, behind the same door as our own networks."""
