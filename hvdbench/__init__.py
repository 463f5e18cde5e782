"""hvdbench: make handheld-video-deblurring data, train its baselines, print its tables."""

__version__ = "0.1.0"
