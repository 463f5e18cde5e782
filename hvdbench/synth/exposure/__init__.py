"""One exposure of a moving camera: what it sees, for how long, and the average of it."""
