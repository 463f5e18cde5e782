"""The table of a board, printed after methods were scored."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from hvdbench.workflows.evaluate import Evaluation


def tell(result: "Evaluation") -> None:
    """Print a board's table, and a second one of all frames where a metric that was asked for is of whole clips."""
    from hvdbench.boards.files import read_board
    from hvdbench.boards.settings import settings_of
    from hvdbench.boards.text.texts import export
    from hvdbench.metrics.measure import OF_CLIPS

    rows = read_board(str(result.board))
    truths = settings_of(rows).truths
    subsets = ["not_selected" if (rows["subset"] == "not_selected").any() else "all"]
    if "all" not in subsets and set(rows["metric"]) & OF_CLIPS:
        subsets.append("all")
    for place, subset in enumerate(subsets):
        heading = "All frames:\n\n" if place else ""
        click.echo(heading + export(rows, "text", subset=subset, truths=truths))
    click.echo(f"written: {result.board}")
