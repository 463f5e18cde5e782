"""Commands that find the sharp frames of clips and check what was found."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing

LABELLERS = ("paper", "extent")  # checked against each other where nobody names one
MEASURES = ("gray", "colour", "luma")  # of hvdbench.labels.sharpness; a test compares them


class _LabelGroup(click.Group):
    """``label DATASET`` and ``label check DATASET``: what is no subcommand's name is a dataset."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["clips", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_LabelGroup, subcommand_metavar="DATASET [OPTIONS] | check DATASET [OPTIONS]")
def label() -> None:
    """Find the sharp frames of clips, and check labels against the truth.

    'hvdbench label DATASET' is short for 'hvdbench label clips DATASET'; see 'hvdbench label clips --help'.
    """


_measure = click.option(
    "--measure", type=click.Choice(MEASURES), help="What the paper's Laplacian is taken of; left out: gray."
)


@label.command()
@click.argument("dataset", type=options.FILE)
@click.option(
    "--labeller",
    help="extent (blur extent from motion; the default), paper (Laplacian and Otsu; with --measure the default), or an "
    "import string.",
)
@_measure
@click.option("--csv", "table", type=options.FILE, help="Write a row a frame: clip,frame,sharpness,is_sharp,…")
@click.option("--plot", type=options.FOLDER, help="Write a picture a clip: sharpness over time and the chosen frames.")
def clips(dataset: Path, labeller: str | None, measure: str | None, table: Path | None, plot: Path | None) -> None:
    """Label every frame of DATASET: a dataset, a folder of clip folders, one folder of frames, or a film.

    A dataset keeps the labels in its tracks.h5 under labels/<labeller>; kept labels are used again.
    """
    from hvdbench.labels.clips import find_clips, label_clips, label_lines, write_labels_csv

    labeller = labeller or ("paper" if measure else "extent")
    with showing() as progress:
        found = label_clips(find_clips(dataset), labeller, measure, progress=progress)  # type: ignore[arg-type]
    click.echo("\n".join(label_lines(found)))
    if table is not None:
        write_labels_csv(table, found)
        click.echo(f"{table}: {sum(len(clip.labels.is_sharp) for clip in found)} frames")
    if plot is not None:
        from hvdbench.pages.label_plot import write_label_plots

        parts = [(clip.source.name, clip.source.frames, clip.labels, clip.source.oracle()) for clip in found]
        click.echo("\n".join(str(path) for path in write_label_plots(plot, parts)))


@label.command()
@click.argument("dataset", type=options.FILE)
@click.option(
    "--labeller", "labellers", multiple=True, help=f"Whose labels; repeatable. Left out: {' and '.join(LABELLERS)}."
)
@_measure
@click.option("--labels", "labels_csv", type=options.FILE, help="Hand labels: clip,frame,label,annotator[,confidence].")
@click.option("--out", type=options.FOLDER, help="Write thresholds.csv and thresholds.png here.")
@click.option("--board", type=options.FILE, help="Enter the scores on this board, e.g. leaderboards/labels.csv.")
def check(
    dataset: Path,
    labellers: tuple[str, ...],
    measure: str | None,
    labels_csv: Path | None,
    out: Path | None,
    board: Path | None,
) -> None:
    """Compare labels of DATASET with the oracle, or with labels made by hand.

    The headline leaves mild frames out; a second row counts them as not sharp.
    """
    from hvdbench.workflows.label_check import check_labels, check_lines, enter_on_board, write_curves

    with showing() as progress:
        checked = check_labels(
            dataset,
            labellers or LABELLERS,
            labels_csv=labels_csv,
            measure=measure,  # type: ignore[arg-type]
            progress=progress,
        )
    click.echo("\n".join(check_lines(checked)))
    if out is not None:
        from hvdbench.labels.check import curve_of
        from hvdbench.pages.label_plot import write_threshold_plot

        write_threshold_plot(out / "thresholds.png", {name: curve_of(own) for name, own in checked.clips.items()})
        click.echo(f"{write_curves(out, checked)}  {out / 'thresholds.png'}")
    if board is not None:
        click.echo(f"{board}: {enter_on_board(board, checked, dataset)} rows")
