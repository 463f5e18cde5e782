"""Commands about leaderboards."""

from pathlib import Path
from typing import Any

import click

from hvdbench.cli import options

ROOT = Path("leaderboards")

_boards = click.option("--boards", type=options.FOLDER, default=ROOT, show_default=True, help="Where the boards lie.")
_subset = click.option(
    "--subset", default="not_selected", show_default=True, help="Frames: not_selected, all, selected, or a board's own."
)


def _frames(command: options.F) -> options.F:
    """Add ``--runs`` and ``--data``: where frames lie."""
    for option in (
        click.option(
            "--data", type=options.FOLDER, multiple=True, help="A dataset of the board; may be given several times."
        ),
        click.option("--runs", type=options.FOLDER, default=Path("runs"), show_default=True, help="Where frames lie."),
    ):
        command = option(command)
    return command


@click.group()
def leaderboard() -> None:
    """Show, compare, export and exchange leaderboards."""


@leaderboard.command()
@click.argument("board", required=False)
@click.option("--format", "kind", type=click.Choice(["csv", "md", "latex", "html"]), default="md", show_default=True)
@_subset
@_boards
@_frames
@click.option("-o", "--output", type=options.FILE, help="A file; left out: standard output, but for html.")
def export(
    board: str | None,
    kind: str,
    subset: str,
    boards: Path,
    runs: Path,
    data: tuple[Path, ...],
    output: Path | None,
) -> None:
    """Print BOARD, a name or a CSV, with what papers print beside it; left out: the one written last.

    html is a page: tables, charts and, where --runs and --data have them, the frames, of which it embeds one a clip
    and links to the others.
    """
    if kind == "html":
        _export_page(board, subset, boards, runs, data, output)
        return
    from hvdbench.boards.files import latest_board, read_beside
    from hvdbench.boards.settings import settings_of
    from hvdbench.boards.text.texts import export as as_text
    from hvdbench.workspace.atomic import atomic_write_text

    rows, papers = read_beside(board or str(latest_board(boards)), boards)
    settings = settings_of(rows if len(rows) else papers)
    text = as_text(rows, kind, subset=subset, truths=settings.truths, rank=settings.rank, papers=papers)
    if output is None:
        click.echo(text)
    else:
        atomic_write_text(output, text if text.endswith("\n") else text + "\n")
        click.echo(f"written: {output}", err=True)


def _export_page(
    board: str | None, subset: str, boards: Path, runs: Path, data: tuple[Path, ...], output: Path | None
) -> None:
    from hvdbench.boards.files import latest_board, read_beside
    from hvdbench.pages.board.page import write_page

    if output is None:
        raise click.UsageError("--format html needs -o FILE: the page links to frames relative to where it lies")
    rows, papers = read_beside(board or str(latest_board(boards)), boards)
    for line in write_page(output, rows, papers, runs=runs, data=data, subset=subset):
        click.echo(f"not shown: {line}", err=True)
    click.echo(f"written: {output}", err=True)


@leaderboard.command()
@click.argument("board", required=False)
@click.option(
    "--kind",
    type=click.Choice(["bars", "clips", "extent", "sheet"]),
    default="bars",
    show_default=True,
    help="Means with intervals; clip by clip; PSNR against blur extent; a contact sheet.",
)
@_subset
@click.option("--truth", type=click.Choice(["centroid", "mid"]), help="Left out: the board's first.")
@_boards
@_frames
@click.option("--clip", "clips", multiple=True, help="Only this clip, in a sheet; may be given several times.")
@click.option("--frame", type=click.IntRange(0), help="Of a sheet; left out: each clip's blurriest.")
@click.option("--zoom", type=click.FloatRange(1, 16), default=2.0, show_default=True, help="Of a sheet.")
@click.option("--width", "width_in", type=click.FloatRange(1, 40), help="Inches; left out: one or two columns.")
@click.option("-o", "--output", type=options.FILE, required=True, help="A .pdf, .png or .svg.")
def figure(board: str | None, boards: Path, output: Path, kind: str, **asked: Any) -> None:
    """Draw one figure of BOARD, a name or a CSV, for a paper; left out: the one written last."""
    from hvdbench.boards.files import latest_board, read_board
    from hvdbench.pages.board.figures import write_figure

    rows = read_board(board or str(latest_board(boards)), boards)
    for line in write_figure(output, rows, kind, **asked):
        click.echo(f"not found: {line}", err=True)
    click.echo(f"written: {output}", err=True)


@leaderboard.command(name="list")
@click.option("--all", "everything", is_flag=True, help="Recipes and papers' boards too, with their titles.")
@_boards
def list_boards(everything: bool, boards: Path) -> None:
    """List the boards by name."""
    from hvdbench.boards.files import board_names
    from hvdbench.boards.published import published_boards
    from hvdbench.boards.settings import board_settings
    from hvdbench.recipe import recipe_names

    written = board_names(boards)
    if not everything:
        for name in written:
            click.echo(name)
        return
    recipes, papers = recipe_names("boards"), published_boards()
    for name in sorted({*written, *recipes, *papers}):
        kinds = [word for word, among in (("rows", written), ("papers' numbers", papers)) if name in among]
        title = board_settings(name).values.title if name in recipes else ""
        click.echo(f"{name}  [{', '.join(kinds) or 'empty'}]  {title}".rstrip())


@leaderboard.command()
@click.argument("board")
@click.option("--metric", help="What ranks; left out: the board's own choice.")
@click.option("--truth", type=click.Choice(["centroid", "mid", "none"]), help="Left out: the board's first.")
@_subset
@_boards
def show(board: str, metric: str | None, truth: str | None, subset: str, boards: Path) -> None:
    """Rank the methods on BOARD: intervals, tie groups, what is incomplete, and papers' numbers apart."""
    from hvdbench.boards.files import read_beside
    from hvdbench.boards.ranking.order import headline, ranked
    from hvdbench.boards.settings import settings_of
    from hvdbench.boards.text.standings import ranked_text

    rows, papers = read_beside(board, boards)
    settings = settings_of(rows if len(rows) else papers)
    usual, against = headline(rows if len(rows) else papers, metric or settings.rank, settings.truths)
    metric, truth = metric or usual, truth or against
    order = ranked(rows, metric=metric, truth=truth, subset=subset) if len(rows) else rows.assign(seed=None)
    click.echo(f"{settings.title}\n\n{ranked_text(order, metric, truth, papers)}", nl=False)


@leaderboard.command()
@click.argument("a")
@click.argument("b")
@click.option("--board", help="A name or a CSV; left out: the one written last.")
@click.option("--metric", "metrics", multiple=True, help="Only this one; may be given several times.")
@click.option("--clips", is_flag=True, help="A row for each clip too, by the first metric.")
@_subset
@_boards
def compare(
    a: str, b: str, board: str | None, metrics: tuple[str, ...], clips: bool, subset: str, boards: Path
) -> None:
    """Compare methods A and B clip by clip: difference, interval, p after Holm, clips won."""
    from hvdbench.boards.files import latest_board, read_board
    from hvdbench.boards.ranking.order import headline
    from hvdbench.boards.ranking.pairs import clip_differences
    from hvdbench.boards.ranking.pairs import compare as compare_methods
    from hvdbench.boards.settings import settings_of
    from hvdbench.boards.text.standings import clips_text, comparison_text

    rows = read_board(board or str(latest_board(boards)), boards)
    settings = settings_of(rows)
    found = compare_methods(rows, a, b, metrics=metrics or None, subset=subset)
    click.echo(comparison_text(found, a, b), nl=False)
    if clips:
        metric, truth = headline(rows, metrics[0] if metrics else settings.rank, settings.truths)
        pairs = clip_differences(rows, a, b, metric=metric, truth=truth, subset=subset)
        click.echo("\n" + clips_text(pairs, a, b, metric, truth), nl=False)


@leaderboard.command()
@click.argument("names", metavar="BOARD...", nargs=-1, required=True)
@_subset
@_boards
def borda(names: tuple[str, ...], subset: str, boards: Path) -> None:
    """Rank methods over several boards by Borda's points."""
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


@leaderboard.command()
@click.argument("run", metavar="RUNS", type=options.FOLDER)
@click.option("--data", type=options.FOLDER, required=True, help="The dataset that the run was scored on.")
@click.option("--board", help="The board with the run's rows, a name or a CSV; left out: the one written last.")
@_boards
@click.option("-o", "--output", type=options.FILE, required=True, help="The result file, JSON.")
def submit(run: Path, data: Path, board: str | None, boards: Path, output: Path) -> None:
    """Write the result file of RUNS (runs/<method>/<dataset>): rows, frame scores, digests."""
    from hvdbench.boards.files import board_path, latest_board
    from hvdbench.boards.submission import submit as write

    path = (
        Path(board)
        if board and board.endswith(".csv")
        else board_path(boards, board)
        if board
        else latest_board(boards)
    )
    found = write(run, data, path, output)
    click.echo(f"{output}: {len(found.rows)} rows of '{found.method}' for board '{found.board}'")


@leaderboard.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=options.FILE)
@click.option("--data", type=options.FOLDER, help="The dataset itself, whose digest must be that of the files.")
@click.option("--runs", type=options.FOLDER, help="The frames, as runs/<method>/<dataset>/…, to be hashed again.")
@click.option("--overwrite", is_flag=True, help="Replace rows of the same method from another run.")
@_boards
def merge(files: tuple[Path, ...], data: Path | None, runs: Path | None, overwrite: bool, boards: Path) -> None:
    """Lay result files over the boards that they name; a file that was changed is refused."""
    from hvdbench.boards.merging import merge_submissions

    for path in merge_submissions(list(files), boards, data=data, runs=runs, overwrite=overwrite).values():
        click.echo(path)
