"""Commands that make data, take it in and check it."""
