"""The command that ranks methods over several boards."""

from pathlib import Path

import click

from hvdbench.cli import options


@click.command()
@click.argument("names", metavar="BOARD...", nargs=-1, required=True)
@options.subset
@options.boards
@options.examples("hvdbench leaderboard borda goproshake real-paired")
def borda(names: tuple[str, ...], subset: str, boards: Path) -> None:
    """Rank methods over several leaderboards.

    Each BOARD is the name of a leaderboard or a CSV file. Methods are ordered by Borda's points: on each dataset and
    split, the points of a method are the share of the other methods that it beats.
    """
    from hvdbench.boards.files import read_board
    from hvdbench.boards.ranking.order import headline, ranked
    from hvdbench.boards.ranking.points import borda as borda_points
    from hvdbench.boards.settings import settings_of
    from hvdbench.boards.text.standings import borda_text

    orders = []
    for name in names:
        rows = read_board(name, boards)
        settings = settings_of(rows)
        metric, truth = headline(rows, settings.rank, settings.truths)
        orders.append(ranked(rows, metric=metric, truth=truth, subset=subset))
    click.echo(borda_text(borda_points(orders)), nl=False)
