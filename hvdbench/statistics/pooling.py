"""Express means over all frames of several clips as scores per clip, so that statistics over clips apply to them."""

import numpy as np
from numpy.typing import NDArray

from hvdbench.statistics.intervals import Sample


def pooled_scores(values: Sample, counts: Sample) -> NDArray[np.float64]:
    """Turn the means of clips into scores whose plain mean is the mean over all frames.

    The pooled mean M is a ratio of two sums over clips. With w a clip's share of the frames and k the number of clips,
    ``M + k w (value - M)`` is its linearisation (Cochran, Sampling Techniques, 3rd ed., section 6.4). The mean of these
    scores is M, and their spread is that of M over clips, so intervals and paired tests over clips hold for it.

    Args:
        values: (k,) one mean per clip.
        counts: (k,) the number of frames behind each mean, above 0.

    Returns:
        The scores, (k,) in the order of the clips; the values themselves where all clips have equally many frames.
    """
    scores, weights = np.asarray(values, np.float64), np.asarray(counts, np.float64)
    if np.all(weights == weights[0]):
        return scores
    share = weights / weights.sum()
    mean = float(share @ scores)
    if not np.isfinite(mean):  # an infinite score leaves nothing to linearise, and its mean is infinite anyhow
        return scores
    return np.asarray(mean + scores.size * share * (scores - mean), np.float64)
