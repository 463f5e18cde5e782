"""Workflows behind the commands, one file for each."""
