"""Phone captures as a dataset without truth."""
