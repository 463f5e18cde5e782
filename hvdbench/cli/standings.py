"""The table of a board, printed after methods were scored."""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from hvdbench.workflows.evaluate import Evaluation


def tell(result: "Evaluation") -> None:
    """Print a board's table, and one of all frames where a metric is of whole clips."""
    from hvdbench.boards.facts import metric_facts
    from hvdbench.boards.files import read_board
    from hvdbench.boards.settings import settings_of
    from hvdbench.boards.text.texts import export

    rows = read_board(str(result.board))
    truths = settings_of(rows).truths
    subsets = ["not_selected" if (rows["subset"] == "not_selected").any() else "all"]
    known = [metric_facts(name) for name in set(rows["metric"])]
    if "all" not in subsets and any(facts is not None and facts.of_clips for facts in known):
        subsets.append("all")
    for subset in subsets:
        click.echo(export(rows, "text", subset=subset, truths=truths))
    click.echo(f"written: {result.board}")
