"""Write the table that compares protocols."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from hvdbench.tables.table import Kind, cell, table_of
from hvdbench.tables.texts import markdown


def differences_markdown(found: pd.DataFrame) -> str:
    """Write :func:`hvdbench.scoring.differences.differences` as Markdown, rounded as boards are.

    A column names the clips where there are rows of single clips.
    """
    first = str(found["protocol"].iloc[0])
    numbers = ("PSNR (dB)", f"to {first}", "SSIM", f"to {first}", "frames")
    by_clip = len(set(found["clip"])) > 1
    rows = [
        [
            *([row["clip"]] if by_clip else []),
            row["protocol"],
            cell(float(row["psnr"]), 2),
            cell(float(row["psnr_difference"]), 2, signed=True),
            cell(float(row["ssim"]), 4),
            cell(float(row["ssim_difference"]), 4, signed=True),
            int(row["frames"]),
            _remark(row),
        ]
        for row in found.to_dict("records")
    ]
    of_clips: list[tuple[str, Kind]] = [("clip", "words")] if by_clip else []
    heads: list[tuple[str, Kind]] = [*of_clips, ("protocol", "words"), *((title, "number") for title in numbers)]
    return markdown(table_of([*heads, ("what it does otherwise", "words")], rows))


def _remark(row: Mapping[Any, Any]) -> str:
    unregistered = row["unregistered"]
    words = str(row["differs"])
    return f"{words}; {unregistered} frames found no motion" if unregistered else words
