"""Compute one exposure of a moving camera: what each row sees, when, and the average of it."""
