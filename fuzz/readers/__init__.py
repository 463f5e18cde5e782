"""The harnesses: a module for each kind of file, with TARGETS."""
