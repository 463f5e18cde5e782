import gc

import pytest


@pytest.fixture(autouse=True)
def no_encoder_left_over(request: pytest.FixtureRequest) -> None:
    """Free encoders of earlier tests: x265 has one block size for all of a process, and refuses another meanwhile."""
    if request.node.get_closest_marker("slow"):
        gc.collect()
