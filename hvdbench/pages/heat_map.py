"""Draw one metric of many methods on many clips as a heat map: a row a method, a column a clip."""

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from hvdbench.boards.facts import direction
from hvdbench.boards.text.columns import column
from hvdbench.pages.sections import Chart
from hvdbench.pages.view import BLURRY

if TYPE_CHECKING:
    from hvdbench.pages.board_charts import ClipScores

WORSE, EVEN, BETTER = (166, 66, 4), (240, 239, 235), (20, 84, 166)
"""Ends and middle of the colours, 8-bit RGB: told apart by colour-blind people, and equally dark at both ends."""
MISSING = (150, 150, 150)
_SHARE = 98.0
"""The colours end at this percentile of the differences, so that one odd clip does not make all others pale."""


def heat_map(scores: "ClipScores", metric: str, place: Mapping[str, int], words: str, of_block: str) -> Chart:
    """Draw the difference of each method to the input on each clip; without an input that to the clip's mean.

    Args:
        scores: in the metric's printed unit.
        metric: which.
        place: the order of the methods, the first on top.
        words: what is said below the title.
        of_block: what follows the title where there are several datasets.
    """
    shown = column(metric)
    has_input = BLURRY in scores.values
    names = sorted(
        (name for name in scores.values if name != BLURRY), key=lambda name: (place.get(name, len(place)), name)
    )
    values = np.stack([np.asarray(scores.values[name], np.float64) for name in names])
    base = scores.values[BLURRY] if has_input else np.nanmean(values, axis=0)
    gaps = values - base
    known = np.abs(gaps[np.isfinite(gaps)])
    edge = float(np.percentile(known, _SHARE)) if known.size and known.max() > 0 else 1.0
    way = -1.0 if direction(metric) == "lower" else 1.0
    data: dict[str, Any] = {
        "names": list(scores.clips),
        "methods": names,
        "digits": shown.decimals,
        "unit": shown.unit,
        "values": [
            [None if not np.isfinite(one) else round(float(one), shown.decimals) for one in row] for row in gaps
        ],
        "dataset": scores.block[0],
        "digest": scores.block[1],
        "split": scores.block[2],
        "way": way,
        "edge": round(edge, shown.decimals),
    }
    over = "over the input" if has_input else "beside the mean of all methods"
    picture = Markup('<img alt="" src="{}">').format(_uri(_colours(way * gaps / edge)))
    title = f"{shown.label} {over}, clip by clip{of_block}"
    return Chart(title, words, Markup(""), (picture,), data, is_heat=True)


def _colours(shares: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Colour values from -1 (worse) over 0 to 1 (better): (N, M) to uint8 RGB (N, M, 3)."""
    share = np.clip(np.nan_to_num(shares), -1, 1)[..., None]
    ends = np.where(share < 0, np.array(WORSE, np.float64), np.array(BETTER, np.float64))
    mixed = np.array(EVEN) + np.abs(share) * (ends - np.array(EVEN))
    return np.where(np.isfinite(shares)[..., None], mixed.round(), np.array(MISSING)).astype(np.uint8)


def _uri(picture: NDArray[np.uint8]) -> str:
    """Write a picture as a PNG inside an address."""
    done, data = cv2.imencode(".png", picture[..., ::-1])
    assert done
    return "data:image/png;base64," + base64.b64encode(data.tobytes()).decode("ascii")
