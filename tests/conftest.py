"""Fixtures that several test files share."""

import os
from pathlib import Path

import pytest

# Before NumPy and torch are imported: on a machine whose cores are shared, threads mostly wait for each other.
for _variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

os.environ["XDG_CONFIG_HOME"] = os.devnull  # a developer's own settings stay out of the tests

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


def pytest_configure() -> None:
    import cv2

    cv2.setNumThreads(1)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real clips, camera paths and reference outputs beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("the folder 'shared' with real clips and reference outputs is not beside this checkout")
    return SHARED
