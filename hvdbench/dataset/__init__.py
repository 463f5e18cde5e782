"""Read clips of a dataset, pack them, and bring datasets from elsewhere in."""
