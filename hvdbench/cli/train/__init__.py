"""Commands that train, and those about weights."""
