"""Timed comparisons with common scripts; run one by ``python -m benchmarks.NAME``."""
