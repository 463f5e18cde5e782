"""Write the table that compares protocols."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from hvdbench.tables.table import Kind, cell, table_of
from hvdbench.tables.texts import markdown


def differences_markdown(found: pd.DataFrame) -> str:
    """Write :func:`hvdbench.scoring.differences.differences` as Markdown, rounded as boards are."""
    first = str(found["protocol"].iloc[0])
    numbers = ("PSNR (dB)", f"to {first}", "SSIM", f"to {first}", "frames")
    rows = [
        [
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
    heads: list[tuple[str, Kind]] = [("protocol", "words"), *((title, "number") for title in numbers)]
    return markdown(table_of([*heads, ("what it does otherwise", "words")], rows))


def _remark(row: Mapping[Any, Any]) -> str:
    unregistered = row["unregistered"]
    words = str(row["differs"])
    return f"{words}; {unregistered} frames found no motion" if unregistered else words
