"""Import phone captures as a dataset without truth."""
