"""The command that compares two methods of a board."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.parameters import Renamed


@click.command()
@click.argument("a")
@click.argument("b")
@click.option(
    "--board",
    metavar="NAME|FILE",
    help="Use the leaderboard of this name or in this CSV file. The default is the leaderboard that was written last.",
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    help="Compare by this metric only. This option may be repeated. The default is all metrics.",
)
@click.option(
    "--by-clip",
    "clips",
    cls=Renamed,
    old=("--clips",),
    is_flag=True,
    help="Also print a row for each clip, with the scores by the first metric.",
)
@options.subset
@options.boards
@options.examples("hvdbench leaderboard compare selfhvd_fusion warp_average --board goproshake")
def compare(
    a: str, b: str, board: str | None, metrics: tuple[str, ...], clips: bool, subset: str, boards: Path
) -> None:
    """Compare two methods of a leaderboard clip by clip.

    A and B are the names of two methods on the leaderboard. It prints, for each metric, the mean difference with its 95
    % interval, the p-value and the number of clips that A wins. The metric that ranks the leaderboard, or the first
    --metric, is the headline: as 'show' does, it is corrected for the pairs of methods (Holm's method) and for nothing
    else. The other metrics are secondary, and corrected for their number, too.
    """
    from hvdbench.boards.files import latest_board, read_board
    from hvdbench.boards.ranking.order import headline
    from hvdbench.boards.ranking.pairs import clip_differences
    from hvdbench.boards.ranking.pairs import compare as compare_methods
    from hvdbench.boards.settings import settings_of
    from hvdbench.boards.text.notes import caption
    from hvdbench.boards.text.standings import clips_text, comparison_text

    rows = read_board(board or str(latest_board(boards)), boards)
    settings = settings_of(rows)
    metric, truth = headline(rows, metrics[0] if metrics else settings.rank, settings.truths)
    found = compare_methods(rows, a, b, metrics=metrics or None, subset=subset, first=(metric, truth))
    about = caption(rows[rows["method"].isin([a, b])], subset, sorted(set(found["truth"])))
    click.echo(comparison_text(found, a, b, caption=about), nl=False)
    if clips:
        pairs = clip_differences(rows, a, b, metric=metric, truth=truth, subset=subset)
        click.echo("\n" + clips_text(pairs, a, b, metric, truth), nl=False)
