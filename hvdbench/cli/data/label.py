"""Commands that find the sharp frames of clips and check what was found."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing
from hvdbench.workspace.objects.location import Place

LABELLERS = ("paper", "extent")  # what 'check' checks where --labeller names none
MEASURES = ("gray", "colour", "luma")  # those of hvdbench.labels.sharpness; a test compares the two


class _LabelGroup(click.Group):
    """A group for ``label DATASET`` and ``label check DATASET``: a word that names no sub-command is a dataset."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["clips", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_LabelGroup, subcommand_metavar="DATASET | check DATASET | map DATASET")
@options.examples(
    "hvdbench label datasets/goproshake",
    "hvdbench label check datasets/goproshake",
    "hvdbench label map clip.mp4 -o maps",
)
def label() -> None:
    """Find the sharp frames of clips, check labels, or map sharpness.

    'hvdbench label DATASET' is short for 'hvdbench label clips DATASET', and takes the options that 'hvdbench label
    clips --help' lists. Write './check', './clips' or './map' for a folder that is called 'check', 'clips' or 'map'.
    """


_measure = click.option(
    "--measure",
    type=click.Choice(MEASURES),
    help="Let the labeller 'paper' measure sharpness in gray values, in all colours, or in a video's luma. The "
    "default is gray.",
)


@label.command()
@click.argument("dataset", type=options.DATASET)
@click.option(
    "--labeller",
    metavar="NAME",
    help="Label by this rule: extent (the length of the blur, estimated from motion), paper (the variance of the "
    "Laplacian and Otsu's threshold), clues (the least blurred frames of each stretch, sharp or not, which a method "
    "learns from), temporal_sharpness (how well the neighbouring frames agree), or an import string. The default is "
    "extent, or paper if --measure is set.",
)
@_measure
@click.option(
    "--csv",
    "table",
    metavar="FILE",
    type=options.FILE,
    help="Also write a table with a row for each frame: its sharpness, whether it is sharp, and why.",
)
@click.option(
    "--plot",
    type=options.FOLDER,
    help="Also write a plot for each clip to this folder. It shows the sharpness over time and the frames that were "
    "selected.",
)
@options.examples(
    "hvdbench label datasets/goproshake",
    "hvdbench label frames/ --csv labels.csv --plot plots",
    "hvdbench label clip.mp4 --labeller paper --measure luma",
)
def clips(dataset: Place, labeller: str | None, measure: str | None, table: Path | None, plot: Path | None) -> None:
    """Label every frame of clips as sharp or blurry.

    DATASET is a dataset, a folder of clip folders, one folder of frames, or a video. The labels of a dataset are stored
    in the file tracks.h5 of each clip and used again the next time. Other labels are only printed, unless --csv names a
    file for them.
    """
    from hvdbench.labels.clips import find_clips, label_clips, label_lines, write_labels_csv

    labeller = labeller or ("paper" if measure else "extent")
    with showing() as progress:
        found = label_clips(find_clips(dataset), labeller, measure, store=True, progress=progress)  # type: ignore[arg-type]
    click.echo("\n".join(label_lines(found)))
    if table is not None:
        write_labels_csv(table, found)
        click.echo(f"{table}: {sum(len(clip.labels.is_sharp) for clip in found)} frames")
    if plot is not None:
        from hvdbench.pages.label_plot import write_label_plots

        parts = [(clip.source.name, clip.source.frames, clip.labels, clip.source.oracle()) for clip in found]
        click.echo("\n".join(str(path) for path in write_label_plots(plot, parts)))


@label.command()
@click.argument("dataset", type=options.DATASET)
@click.option(
    "--labeller",
    "labellers",
    multiple=True,
    metavar="NAME",
    help=f"Check the labels of this labeller. This option may be repeated. The default is {' and '.join(LABELLERS)}.",
)
@_measure
@click.option(
    "--labels",
    "labels_csv",
    metavar="FILE",
    type=options.FILE,
    help="Compare with labels made by hand, in a CSV file with the columns clip, frame, label, annotator and, "
    "optionally, confidence. The default is to compare with the ground truth.",
)
@options.output(
    "Also write thresholds.csv and thresholds.png to this folder; they show the scores that other thresholds would "
    "have given.",
    "out",
)
@click.option(
    "--board",
    metavar="FILE",
    type=options.FILE,
    help="Also enter the scores on this leaderboard, a CSV file such as leaderboards/labels.csv.",
)
@options.examples(
    "hvdbench label check datasets/goproshake -o checked",
    "hvdbench label check clips/ --labels anna.csv --labeller extent",
)
def check(
    dataset: Place,
    labellers: tuple[str, ...],
    measure: str | None,
    labels_csv: Path | None,
    out: Path | None,
    board: Path | None,
) -> None:
    """Compare labels with the ground truth, or with labels made by hand.

    DATASET is a dataset, or a folder of clips that the file of --labels covers. Frames in between
    sharp and blurry are left out of the first row of the table; the second row counts them as not sharp.
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


@label.command(name="map")
@click.argument("dataset", type=options.DATASET)
@options.output(
    "Write the maps to this folder, in a folder for each clip. The default for a dataset is the folder "
    "temporal_sharpness of each clip, where pages find the maps; all other clips need this option.",
    "out",
)
@click.option(
    "--hdf5",
    metavar="FILE",
    type=options.FILE,
    help="Also write the exact values to this HDF5 file, as float32 of frames, rows and columns for each clip.",
)
@click.option(
    "--as",
    "form",
    type=click.Choice(("meant", "published")),
    default="meant",
    show_default=True,
    help="Follow the paper's equations, or the published code, which computes something else.",
)
@options.examples(
    "hvdbench label map clip.mp4 -o maps --hdf5 maps.h5",
    "hvdbench label map datasets/goproshake",
)
def map_(dataset: Place, out: Path | None, hdf5: Path | None, form: str) -> None:
    """Map how well neighbours agree with each frame.

    DATASET is a dataset, a folder of clip folders, one folder of frames, or a video. A map is white where both
    neighbours, laid over the frame by optical flow, agree with it, and black where they do not; this is CDVD-TSP's
    temporal sharpness prior. Frames that share the same blur agree too.
    """
    from hvdbench.labels.clips import find_clips
    from hvdbench.labels.sharpness_maps import write_maps

    with showing() as progress:
        written = write_maps(find_clips(dataset), out, hdf5, form, progress=progress)  # type: ignore[arg-type]
    for clip in written:
        click.echo(f"{clip.clip}: {clip.count} maps, mean {clip.mean:.3f}  {clip.folder}")
    if hdf5 is not None:
        click.echo(str(hdf5))
