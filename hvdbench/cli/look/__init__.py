"""Commands to look at data with."""
