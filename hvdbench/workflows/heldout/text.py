"""The table of held-out scores as text."""

import math

import pandas as pd

from hvdbench.metrics.protocols.text import as_markdown


def as_table(summary: pd.DataFrame) -> str:
    """Give the rows over clips (of the clip, where there is one) as Markdown, the best gain first."""
    over = summary[summary["clip"] == "*"] if (summary["clip"] == "*").any() else summary
    rows = [
        {
            "method": row["method"],
            "score (dB)": f"{row['score_db']:.2f}",
            "gain (dB)": f"{row['gain_db']:+.2f}",
            "95 % of the gain": _interval(row["gain_low_db"], row["gain_high_db"]),
            "shift (px)": "-" if math.isnan(row["shift_px"]) else f"{row['shift_px']:.2f}",
            "coverage": f"{100 * row['coverage']:.0f} %",
            "withheld": row["withheld"],
            "compared": row["compared"],
        }
        for row in over.sort_values("gain_db", ascending=False, kind="stable").to_dict("records")
    ]
    return as_markdown(pd.DataFrame(rows))


def _interval(low: float, high: float) -> str:
    return "-" if math.isnan(low) else f"{low:+.2f} … {high:+.2f}"
