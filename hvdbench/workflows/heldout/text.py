"""Write held-out scores as a text table."""

import math

import pandas as pd

from hvdbench.tables.table import DASH, Cell, Kind, cell, interval, table_of
from hvdbench.tables.texts import padded


def as_table(summary: pd.DataFrame) -> str:
    """Write the rows over clips, or of the only clip, for a terminal, with the best gain first."""
    over = summary[summary["clip"] == "*"] if (summary["clip"] == "*").any() else summary
    rows = [
        [
            row["method"],
            cell(row["score_db"]),
            cell(row["gain_db"], signed=True),
            Cell(interval(row["gain_low_db"], row["gain_high_db"], 2, signed=True) or DASH),
            cell(row["shift_px"]),
            DASH if math.isnan(row["coverage"]) else f"{100 * row['coverage']:.0f} %",
            int(row["withheld"]),
            int(row["compared"]),
        ]
        for row in over.sort_values("gain_db", ascending=False, kind="stable").to_dict("records")
    ]
    numbers = ("score (dB)", "gain (dB)", "95 % of the gain", "shift (px)", "coverage", "withheld", "compared")
    heads: list[tuple[str, Kind]] = [("method", "words"), *((title, "number") for title in numbers)]
    return padded(table_of(heads, rows))
