"""Read camera paths, with one module for each format."""
