"""What stands beside a fit that started from weights of hvdbench, and what its row says of its start."""

import numpy as np
import pandas as pd
import pytest

from hvdbench.methods.recipe import load_method
from hvdbench.metrics.protocols.known import DEFAULT
from hvdbench.scoring.frame_scores import frame_columns
from hvdbench.workflows.beside import against_start, start_of


def scores(*gains: float, truth: str = "centroid") -> pd.DataFrame:
    """Scores of two frames a clip, of which one is selected and never better than 20 dB."""
    rows = []
    for clip, gain in enumerate(gains):
        for frame, selected in enumerate((False, True)):
            row = dict.fromkeys(frame_columns(DEFAULT), 1.0)
            own = {"method": "m", "split": "test", "clip": f"c{clip}", "frame": frame, "selected": selected}
            row |= own | {f"psnr_{truth}": 20.0 if selected else 30.0 + clip + gain}
            rows.append(row)
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("gains", "words"),
    [
        ((0.5, 0.6, 0.4), "above its start 'w': +0.50 dB PSNR centroid over 3 clips, [+0.25, +0.75]"),
        ((-0.5, -0.6, -0.4), "below its start 'w': -0.50 dB PSNR centroid over 3 clips, [-0.75, -0.25]"),
        ((0.5,), "not above its start 'w': +0.50 dB PSNR centroid over one clip"),
        ((0.5, -0.5, 0.3), "not above its start 'w': +0.10 dB PSNR centroid over 3 clips, [-1.21, +1.41]"),
    ],
)
def test_a_fit_says_how_far_it_came_from_its_start(gains, words):
    assert against_start(scores(*gains), scores(*(0.0 for _ in gains)), "w", DEFAULT) == words


def without(table: pd.DataFrame, *truths: str) -> pd.DataFrame:
    """The same scores where some truths are missing."""
    return table.assign(**{column: np.nan for column in table for truth in truths if column.endswith(f"_{truth}")})


def test_without_the_centroid_truth_it_compares_with_the_other_one():
    own, start = (without(scores(gain, truth="mid"), "centroid") for gain in (1.0, 0.0))
    assert against_start(own, start, "w", DEFAULT) == "not above its start 'w': +1.00 dB PSNR mid over one clip"


def test_without_a_truth_it_says_nothing():
    bare = without(scores(0.0), "centroid", "mid")
    assert against_start(bare, bare, "w", DEFAULT) is None


def test_only_weights_inside_the_package_count_as_a_start():
    assert start_of(load_method("selfhvd_basicvsrpp_small")) == "basicvsrpp_pretrained"
    assert start_of(load_method("selfhvd_basicvsrpp_pretrained")) is None
    assert start_of(load_method("warp_average")) is None
