"""hvdbench: make handheld-video-deblurring data, train its baselines, print its tables."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("hvdbench")
except PackageNotFoundError:  # a checkout that was never installed
    __version__ = "0.0.0"
