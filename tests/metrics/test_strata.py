import numpy as np
import pandas as pd
import pytest

from hvdbench.errors import InputError
from hvdbench.metrics.strata import by_distance, by_extent, distance_to_sharp, stratum_names


def test_the_distance_is_to_the_nearest_selected_frame_on_either_side():
    assert list(distance_to_sharp(np.array([0, 0, 1, 0, 0, 0, 1, 0], bool))) == [2, 1, 0, 1, 2, 1, 0, 1]
    assert list(distance_to_sharp(np.zeros(3, bool))) == [-1, -1, -1]
    assert len(distance_to_sharp(np.zeros(0, bool))) == 0


def test_strata_are_named_by_what_is_in_them():
    assert stratum_names((0, 1, 2, 3, 5), whole=True) == ["0", "1", "2", "3-4", "5+"]
    assert stratum_names((0.0, 1.5), whole=False) == ["[0, 1.5)", "[1.5, inf)"]


def test_gain_by_distance_weighs_every_clip_the_same():
    long = pd.DataFrame({"clip": "a", "selected": [True] + [False] * 4, "gain": [0.0, 1.0, 2.0, 3.0, 4.0]})
    short = pd.DataFrame({"clip": "b", "selected": [False, True, False], "gain": [5.0, np.nan, 7.0]})
    table = by_distance(pd.concat([long, short], ignore_index=True), "gain", (0, 1, 2, 3))
    clips = table[table["clip"] == "a"].set_index("stratum")["value"]
    assert clips.to_dict() == {"0": 0.0, "1": 1.0, "2": 2.0, "3+": 3.5}
    over = table[table["clip"] == "*"].set_index("stratum")
    assert over["value"].to_dict() == {"0": 0.0, "1": (1.0 + 6.0) / 2, "2": 2.0, "3+": 3.5}
    assert over["n"].to_dict() == {"0": 1, "1": 2, "2": 1, "3+": 1}


def test_methods_are_kept_apart_and_a_clip_without_a_sharp_frame_is_left_out():
    rows = pd.DataFrame(
        {
            "method": ["x"] * 2 + ["y"] * 2 + ["x"] * 2,
            "clip": ["a"] * 4 + ["b"] * 2,
            "selected": [True, False, True, False, False, False],
            "gain": [0.0, 1.0, 0.0, 3.0, 9.0, 9.0],
        }
    )
    over = by_distance(rows, "gain").query("clip == '*' and stratum == '1'").set_index("method")["value"]
    assert over.to_dict() == {"x": 1.0, "y": 3.0}


def test_gain_by_extent_takes_each_bin_without_its_end():
    rows = pd.DataFrame({"extent_px": [0.5, 1.0, 1.9, 2.0, 40.0, np.nan], "gain": [1.0, 2.0, 4.0, 8.0, 16.0, 99.0]})
    table = by_extent(rows, "gain", bins=(0, 1, 2)).query("clip == '*'").set_index("stratum")
    assert table["value"].to_dict() == {"[0, 1)": 1.0, "[1, 2)": 3.0, "[2, inf)": 12.0}


def test_a_missing_column_is_named():
    with pytest.raises(InputError, match="columns selected, gain"):
        by_distance(pd.DataFrame({"clip": []}), "gain")
