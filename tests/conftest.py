"""Fixtures that several test files share."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parent.parent.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real clips, camera paths and reference outputs beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("the folder 'shared' with real clips and reference outputs is not beside this checkout")
    return SHARED
