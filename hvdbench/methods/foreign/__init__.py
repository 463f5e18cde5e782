"""Foreign models: anything that restores frames, behind the same interface as hvdbench's own networks."""
