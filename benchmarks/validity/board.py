"""The rows of the board ``validity``: PSNR in the regimes of parts (b), (c) and (d)."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from hvdbench import __version__
from hvdbench.boards.rows import Stamp, board_rows
from hvdbench.statistics.intervals import mean_interval

BOARD = "validity"
Row = dict[str, Any]


def board(report: Mapping[str, Any]) -> pd.DataFrame:
    """Return the board's rows; a row over clips is the mean of the clips' means over seeds."""
    parts = [
        (f"validity-{name}", list(rows))
        for name, rows in (
            ("labels", _propagation(report.get("propagation", {}))),
            ("cross-clip", _circularity(report.get("circularity", {}))),
            *((f"sharp-{100 * float(s):g}", _sparsity(found)) for s, found in report.get("sparsity", {}).items()),
        )
    ]
    source = "python -m benchmarks.validity; embedded scenes, simulated camera, and real footage"
    return pd.concat(
        [
            board_rows(
                pd.DataFrame(rows),
                Stamp(BOARD, dataset, "simulated", source=source, versions=f"hvdbench={__version__}"),
            )
            for dataset, rows in parts
            if rows
        ],
        ignore_index=True,
    )


def _rows(method: str, truth: str, subset: str, clips: Mapping[str, float]) -> Iterator[Row]:
    interval = mean_interval(list(clips.values()))
    fixed = {"method": method, "split": "test", "truth": truth, "subset": subset, "metric": "psnr"}
    ends = {"ci_low": interval.low, "ci_high": interval.high}
    yield {**fixed, "clip": "*", "value": interval.mean, **ends, "n": interval.n}
    for clip, value in clips.items():
        yield {**fixed, "clip": clip, "value": value, "ci_low": None, "ci_high": None, "n": 1}


def _propagation(part: Mapping[str, Any]) -> Iterator[Row]:
    for variant, stages in part.get("rows", {}).items():
        for stage, truths in stages.items():
            method = variant if variant == "input" else f"{variant} labels, {stage}"
            for truth, found in truths.items():
                yield from _rows(method, truth, "not_oracle_sharp", found["clips"])


def _circularity(part: Mapping[str, Any]) -> Iterator[Row]:
    clips: Mapping[str, Any] = part.get("clips", {})
    for method, arms in _kinds_of_fit(clips).items():
        yield from _rows(method, "centroid", "not_selected", arms)


def _kinds_of_fit(clips: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return method → made clip → PSNR; clips without a centroid truth stay off the board, it is their mid one."""
    found: dict[str, dict[str, float]] = {}
    for clip, arms in clips.items():
        if clip.startswith("reds"):
            continue
        for arm in ("input", "warp_average", "reblur_blend"):
            found.setdefault(arm, {})[clip] = arms[arm]["psnr"]
        for recipe in ("plain", "rc"):
            found.setdefault(f"{recipe}, own fit", {})[clip] = arms[f"{recipe} from {clip}"]["psnr"]
            others = [arms[f"{recipe} from {other}"]["psnr"] for other in clips if other != clip]
            found.setdefault(f"{recipe}, other clips' fits", {})[clip] = sum(others) / len(others)
    return found


def _sparsity(found: Mapping[str, Any]) -> Iterator[Row]:
    for arm, truths in found["rows"].items():
        for truth, values in truths.items():
            yield from _rows(arm, truth, "never_planted", values["clips"])
