"""Tables of protocols as text."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd


def as_csv(table: pd.DataFrame) -> str:
    """Write a table as CSV with every digit."""
    return str(table.to_csv(index=False, lineterminator="\n"))


def as_markdown(table: pd.DataFrame) -> str:
    """Write a table of texts as Markdown."""
    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in table.itertuples(index=False)]
    lines = [list(map(str, table.columns)), ["---"] * len(table.columns), *cells]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def differences_markdown(table: pd.DataFrame) -> str:
    """Format :func:`hvdbench.scoring.differences.differences` as Markdown, rounded as boards are."""
    first = str(table["protocol"].iloc[0])
    rows = [
        {
            "protocol": row["protocol"],
            "PSNR (dB)": _number(row["psnr"], 2),
            f"to {first}": _number(row["psnr_difference"], 2, signed=True),
            "SSIM": _number(row["ssim"], 4),
            f"to {first} ": _number(row["ssim_difference"], 4, signed=True),
            "frames": row["frames"],
            "what it does otherwise": _remark(row),
        }
        for row in table.to_dict("records")
    ]
    return as_markdown(pd.DataFrame(rows))


def _remark(row: Mapping[Any, Any]) -> str:
    unregistered = row["unregistered"]
    words = str(row["differs"])
    return f"{words}; {unregistered} frames found no motion" if unregistered else words


def _number(value: object, decimals: int, *, signed: bool = False) -> str:
    number = float(str(value))
    if math.isnan(number):
        return "-"
    return f"{number:+.{decimals}f}" if signed else f"{number:.{decimals}f}"
