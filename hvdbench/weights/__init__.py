"""Weights: which files are known, where they belong, and reading them without running what they contain.

Importing this imports no torch.
"""
