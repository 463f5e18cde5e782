"""How sure a mean over clips is, whether two methods differ, and what a number of clips can show at all."""

from hvdbench.statistics.comparison import (
    ALPHA,
    Comparison,
    compare_scores,
    detectable_difference,
    holm,
    paired_difference,
    tie_groups,
)
from hvdbench.statistics.intervals import (
    FEWEST_FOR_BOOTSTRAP,
    Interval,
    bca_interval,
    clip_interval,
    mean_interval,
    wilson_interval,
)

__all__ = [
    "ALPHA",
    "FEWEST_FOR_BOOTSTRAP",
    "Comparison",
    "Interval",
    "bca_interval",
    "clip_interval",
    "compare_scores",
    "detectable_difference",
    "holm",
    "mean_interval",
    "paired_difference",
    "tie_groups",
    "wilson_interval",
]
