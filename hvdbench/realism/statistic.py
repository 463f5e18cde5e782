"""Define the statistics of the table: the name of each, and how it is taken from one or several measured clips."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hvdbench.realism.clip import COMMON_WIDTH_PX, ClipMeasure
from hvdbench.realism.series import autocorrelation, centred_motion, run_lengths, share_above, stay_share

Array = NDArray[np.float64]
Clips = Sequence[ClipMeasure]

SHAKE_HZ = 6.0
CLEARLY_BLURRY = 1.5
"""Times the extent of sharp frames: below, a blur has no direction to speak of."""
MOVING_PX = 5.0


@dataclass(frozen=True)
class Statistic:
    """One row.

    Attributes:
        key: of the CSV.
        label: for people.
        unit: of the value.
        decimals: shown.
        value: from clips; several are pooled.
        samples: what the value sums up, for a distance between two sets of clips; None where there are none, or another
            row of the same samples has it.
        target: what real handheld clips are expected to show; empty where nothing is known.
    """

    key: str
    label: str
    unit: str
    decimals: int
    value: Callable[[Clips], float]
    samples: Callable[[Clips], Array] | None = None
    target: str = ""


def speed(clips: Clips) -> Array:
    """Return the length of the motion of every step, px at 1920."""
    return _joined(np.linalg.norm(clip.shift_px, axis=1) for clip in clips)


def extent(clips: Clips) -> Array:
    """Return the extent of every frame, px at 1920."""
    return _joined(clip.extent_px for clip in clips)


def direction_error(clips: Clips) -> Array:
    """Return the angle between blur and motion, degrees in [0, 90], of frames that clearly have both."""
    found = []
    for clip in clips:
        motion = centred_motion(clip.shift_px)
        heading = np.degrees(np.arctan2(motion[:, 1], motion[:, 0]))
        off = abs((clip.direction_deg - heading + 90.0) % 180.0 - 90.0)
        clear = (clip.extent_px > CLEARLY_BLURRY * clip.sharp_below_px) & (np.linalg.norm(motion, axis=1) > MOVING_PX)
        found.append(off[clear])
    return _joined(found)


def relative_sharpness(clips: Clips) -> Array:
    """Return ``log2`` of every frame's sharpness over the largest of its clip; flat clips are left out."""
    kept = [clip.sharpness for clip in clips if clip.sharpness.max() > 0]
    return _joined(np.log2(np.maximum(values, 1e-6) / values.max()) for values in kept)


def sharp_runs(clips: Clips) -> Array:
    """Return the lengths of all runs of sharp frames."""
    return _joined(run_lengths(clip.is_sharp).astype(np.float64) for clip in clips)


def blurry_runs(clips: Clips) -> Array:
    """Return the lengths of all runs of blurry frames."""
    return _joined(run_lengths(clip.is_blurry).astype(np.float64) for clip in clips)


def _joined(parts: object) -> Array:
    values = np.concatenate([np.zeros(0), *parts])  # type: ignore[misc]
    return np.asarray(values[np.isfinite(values)], np.float64)


def _pairs(clips: Clips) -> tuple[Array, Array]:
    """Return motion at frames and extent of the frames that could be measured."""
    motion = np.concatenate([np.linalg.norm(centred_motion(clip.shift_px), axis=1) for clip in clips])
    seen = np.concatenate([clip.extent_px for clip in clips])
    known = np.isfinite(seen)
    return motion[known], seen[known]


def _slope(clips: Clips) -> float:
    motion, seen = _pairs(clips)
    spread = motion.var() if len(motion) > 1 else 0.0
    return float(((motion - motion.mean()) * (seen - seen.mean())).mean() / spread) if spread > 0 else float("nan")


def _slope_origin(clips: Clips) -> float:
    motion, seen = _pairs(clips)
    return float((motion * seen).sum() / (motion**2).sum()) if motion.any() else float("nan")


def _correlation(clips: Clips) -> float:
    motion, seen = _pairs(clips)
    if len(motion) < 3 or motion.std() == 0 or seen.std() == 0:
        return float("nan")
    return float(np.corrcoef(motion, seen)[0, 1])


def _sharp_share(clips: Clips) -> float:
    sharp = sum(int(clip.is_sharp.sum()) for clip in clips)
    known = sharp + sum(int(clip.is_blurry.sum()) for clip in clips)
    return 100.0 * sharp / known if known else float("nan")


def _acf(lag: int) -> Callable[[Clips], float]:
    return lambda clips: autocorrelation([clip.shift_px for clip in clips], lag)


def _above(axis: int) -> Callable[[Clips], float]:
    return lambda clips: (
        100.0 * share_above([clip.shift_px[:, axis] for clip in clips], [clip.fps for clip in clips], SHAKE_HZ)
    )


def _ranges(clips: Clips) -> float:
    ranges = [float(clip.sharpness.max() / clip.sharpness.min()) for clip in clips if clip.sharpness.min() > 0]
    return float(np.median(ranges)) if ranges else float("nan")


def _edge(clips: Clips) -> float:
    clear = [clip.edge_over_centre[clip.extent_px > CLEARLY_BLURRY * clip.sharp_below_px] for clip in clips]
    return _middle(_joined(clear))


def _percentile(samples: Callable[[Clips], Array], percent: float) -> Callable[[Clips], float]:
    def value(clips: Clips) -> float:
        values = samples(clips)
        return float(np.percentile(values, percent)) if len(values) else float("nan")

    return value


def _middle(values: Array) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def _mean(samples: Callable[[Clips], Array]) -> Callable[[Clips], float]:
    return lambda clips: float(values.mean()) if len(values := samples(clips)) else float("nan")


def _longest(samples: Callable[[Clips], Array]) -> Callable[[Clips], float]:
    return lambda clips: float(values.max()) if len(values := samples(clips)) else float("nan")


def _roll(clips: Clips) -> Array:
    return _joined(clip.roll_deg for clip in clips)


def _zoom(clips: Clips) -> Array:
    return 100.0 * _joined(clip.zoom for clip in clips)


def _saturated(clips: Clips) -> Array:
    return 100.0 * _joined(clip.saturated for clip in clips)


def _noise(clips: Clips) -> float:
    return _middle(_joined([np.array([clip.noise]) for clip in clips]))


_PX = f"px at {COMMON_WIDTH_PX}"
_TARGETS_MOTION = {10: "5-14", 50: "13-25", 90: "33-49"}
_TARGETS_EXTENT = {10: "5-10", 50: "13-18", 90: "28-30"}

STATISTICS: tuple[Statistic, ...] = (
    Statistic("frames", "frames", "", 0, lambda clips: float(sum(len(clip.extent_px) for clip in clips))),
    *(
        Statistic(
            f"motion_p{p}",
            f"motion per frame, {p} %",
            _PX,
            1,
            _percentile(speed, p),
            speed if p == 50 else None,
            target,
        )
        for p, target in _TARGETS_MOTION.items()
    ),
    *(
        Statistic(
            f"extent_p{p}", f"blur extent, {p} %", _PX, 1, _percentile(extent, p), extent if p == 50 else None, target
        )
        for p, target in _TARGETS_EXTENT.items()
    ),
    Statistic("extent_slope", "extent on motion, slope", "", 2, _slope),
    Statistic("extent_slope_origin", "the same through the origin", "", 2, _slope_origin, target="0.6-0.85"),
    Statistic("extent_correlation", "extent on motion, correlation", "", 2, _correlation, target="> 0.85"),
    Statistic(
        "direction_error",
        "blur direction off the motion's, median",
        "deg",
        1,
        _percentile(direction_error, 50),
        direction_error,
        "< 10",
    ),
    Statistic("edge_over_centre", "extent, edge over centre", "", 2, _edge, target="> 1"),
    Statistic("sharp_share", "sharp frames", "%", 0, _sharp_share, target="4-23"),
    Statistic("sharp_run", "run of sharp frames, mean", "frames", 1, _mean(sharp_runs), sharp_runs, "1-2"),
    Statistic("sharp_run_longest", "run of sharp frames, longest", "frames", 0, _longest(sharp_runs), target="3-6"),
    Statistic("blurry_run", "run of blurry frames, mean", "frames", 1, _mean(blurry_runs), blurry_runs, "3-13"),
    Statistic("blurry_run_longest", "run of blurry frames, longest", "frames", 0, _longest(blurry_runs)),
    Statistic("stay_sharp", "sharp after sharp", "", 2, lambda clips: stay_share([clip.is_sharp for clip in clips])),
    Statistic(
        "stay_blurry", "blurry after blurry", "", 2, lambda clips: stay_share([clip.is_blurry for clip in clips])
    ),
    Statistic(
        "shift_x_acf1",
        "autocorrelation of dx, 1 frame",
        "",
        2,
        lambda clips: autocorrelation([clip.shift_px[:, :1] for clip in clips], 1),
        target="0.57-0.87",
    ),
    *(Statistic(f"shift_acf{lag}", f"of (dx, dy), lag {lag}", "", 2, _acf(lag)) for lag in (1, 2, 3)),
    Statistic("above_6hz_x", f"power of dx above {SHAKE_HZ:g} Hz", "%", 0, _above(0), target="5-20"),
    Statistic("above_6hz_y", f"power of dy above {SHAKE_HZ:g} Hz", "%", 0, _above(1), target="5-20"),
    *(
        Statistic(
            f"sharpness_p{p}",
            f"log2 sharpness to the clip's best, {p} %",
            "",
            2,
            _percentile(relative_sharpness, p),
            relative_sharpness if p == 50 else None,
        )
        for p in (10, 50)
    ),
    Statistic("sharpness_range", "largest over least sharpness of a clip", "", 1, _ranges, target="3-5"),
    Statistic("roll_sd", "roll, standard deviation", "deg/frame", 2, lambda clips: _spread(_roll(clips)), _roll),
    Statistic("zoom_median", "zoom, median", "%/frame", 2, _percentile(_zoom, 50), _zoom),
    Statistic("noise", "noise in flat patches", "levels", 2, _noise),
    Statistic("saturated", "saturated pixels, mean", "%", 2, _mean(_saturated), _saturated),
)


def _spread(values: Array) -> float:
    return float(values.std()) if len(values) else float("nan")
