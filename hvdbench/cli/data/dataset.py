"""Commands that import published releases, and that describe and export datasets."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing
from hvdbench.cli.sequences import order, pair_cameras
from hvdbench.workspace.objects.location import Place

_incomplete = click.option(
    "--incomplete",
    is_flag=True,
    help="Accept a release of which clips or frames are missing. A dataset's default name then ends in -subset.",
)


@click.group(commands=[pair_cameras, order])
def dataset() -> None:
    """Import, check, export or describe a dataset."""


@dataset.command("import")
@click.argument("root", type=options.SOURCE_FOLDER)
@click.option(
    "--layout",
    metavar="NAME",
    required=True,
    help="Read the release by this layout: the name of a file in recipes/layouts, such as gopro or reds, or the path "
    "of a .toml file of your own.",
)
@options.output("Write the dataset to this folder.", "out", required=True)
@click.option(
    "--name",
    metavar="NAME",
    default="",
    help="Use this name for the dataset on leaderboards. The default comes from the layout's name.",
)
@click.option(
    "--link/--copy",
    "link",
    default=True,
    show_default=True,
    help="Make symbolic links to the release's 8-bit RGB PNG files, or copies of them. Other files are always "
    "converted to such PNG files.",
)
@click.option(
    "--blur",
    metavar="PATTERN",
    help="Find the blurry frames by this pattern, such as '{split}/{clip}/blur_gamma/*.png', or in the folders that "
    "have this name.",
)
@click.option(
    "--sharp",
    metavar="PATTERN",
    help="Find the sharp frames by this pattern, such as '{split}/{clip}/sharp/*.png', or in the folders that have "
    "this name.",
)
@_incomplete
@options.overwrite
@options.examples(
    "hvdbench dataset import GOPRO_Large --layout gopro -o datasets/gopro_large",
    "hvdbench dataset import GOPRO --layout gopro --blur blur_gamma -o gamma",
)
def import_(
    root: Path,
    layout: str,
    out: Path,
    name: str,
    link: bool,
    blur: str | None,
    sharp: str | None,
    incomplete: bool,
    overwrite: bool,
) -> None:
    """Import a published release without changing its files.

    ROOT is the folder of the release. It may hold pairs of blurry and sharp frames, or blurry frames only. Nothing in
    ROOT is changed. A release is refused if its clips are not those of the layout, if some of them are missing, or if
    the folders of blurry and sharp frames are exchanged.

    The pattern of --blur or --sharp is a path relative to ROOT, in which {clip} stands for the folder of a clip and
    {split}, if the release has splits, for the folder train, test or val. A plain folder name replaces the folder
    'blur' or 'sharp' in the layout's own pattern.
    """
    from hvdbench.dataset.importing import AdoptRequest, adopt

    request = AdoptRequest(root, layout, out, name, blur, sharp, "link" if link else "copy", overwrite, incomplete)
    with showing() as progress:
        adopted = adopt(request, progress=progress)
    click.echo("\n".join(adopted.notes))
    found = adopted.dataset
    click.echo(f"{found.folder}: '{found.name}', {len(found.clips())} clips, {found.origin}, digest {found.digest}")


@dataset.command()
@click.argument("root", type=options.SOURCE_FOLDER)
@click.option(
    "--layout",
    metavar="NAME",
    required=True,
    help="Compare the release with this layout: the name of a file in recipes/layouts, or the path of a .toml file of "
    "your own.",
)
@_incomplete
@options.examples("hvdbench dataset check GOPRO_Large --layout gopro")
def check(root: Path, layout: str, incomplete: bool) -> None:
    """Check a published release without importing it.

    ROOT is the folder of the release. Nothing is written. The names and numbers of its clips and frames are compared
    with those that the layout states, and the blurry frames with the sharp ones.
    """
    from hvdbench.dataset.wholeness import check_release

    click.echo("\n".join(check_release(root, layout, incomplete=incomplete)))


@dataset.command()
@click.argument("dataset_folder", metavar="DATASET", type=options.DATASET_FOLDER)
@options.output("Also write tables and plots to this folder.", "out")
@options.examples("hvdbench dataset describe datasets/goproshake -o report")
def describe(dataset_folder: Place, out: Path | None) -> None:
    """Report a dataset's clips, motion, blur and sharp frames.

    DATASET is the folder of a dataset, with or without ground truth.
    """
    from hvdbench.realism.describe import describe_dataset
    from hvdbench.store import Dataset

    click.echo("\n".join(describe_dataset(Dataset.open(dataset_folder), out)))


@dataset.command()
@click.argument("dataset_folder", metavar="DATASET", type=options.DATASET_FOLDER)
@click.option(
    "--as",
    "form",
    type=click.Choice(["gopro", "bsd", "basicsr", "basicsr-lmdb", "kair", "kair-lmdb"]),
    required=True,
    help="Write the folders or the LMDB files that this code reads.",
)
@options.output("Write to this folder, which must be new or empty.", "out", required=True)
@click.option(
    "--link/--copy",
    "link",
    default=True,
    show_default=True,
    help="Make symbolic links to the dataset's frames, or copies of them. LMDB files always hold copies.",
)
@click.option(
    "--truth",
    type=click.Choice(["mid", "centroid"]),
    default="mid",
    show_default=True,
    help="Write this truth as the sharp frames.",
)
@options.examples(
    "hvdbench dataset export datasets/mine --as bsd -o BSD_mine",
    "hvdbench dataset export datasets/mine --as basicsr-lmdb -o lmdb",
)
def export(dataset_folder: Place, form: str, out: Path, link: bool, truth: str) -> None:
    """Export a dataset for other people's training code.

    DATASET is the folder of a dataset, which is not changed. gopro and bsd are the folders of GOPRO_Large and of BSD;
    basicsr and kair are those that BasicSR and KAIR train video networks on, with their meta_info files, and with
    -lmdb the LMDB files that they read.
    """
    from hvdbench.dataset.exporting import export_dataset
    from hvdbench.store import Dataset

    with showing() as progress:
        notes = export_dataset(
            Dataset.open(dataset_folder),
            out,
            form,
            transfer="link" if link else "copy",
            truth="mid" if truth == "mid" else "centroid",
            progress=progress,
        )
    click.echo("\n".join([*notes, f"{out} has been written as {form} reads it"]))


@dataset.command("check-gopro")
@click.argument("whole", metavar="GOPRO_LARGE_ALL", type=options.FOLDER)
@click.argument("release", metavar="GOPRO_LARGE", type=options.FOLDER)
@click.option(
    "--clip",
    "clips",
    multiple=True,
    metavar="NAME",
    help="Check only this clip, such as GOPR0372_07_00. This option may be repeated. The default is all 33 clips.",
)
@options.engine
@options.examples("hvdbench dataset check-gopro GOPRO_Large_all GOPRO_Large")
def check_gopro(whole: Path, release: Path, clips: tuple[str, ...], engine: str) -> None:
    """Make GOPRO_Large's blurry frames again, as a check.

    GOPRO_LARGE_ALL is the folder of the frames at 240 fps, and GOPRO_LARGE that of the pairs. A frame of the folders
    'blur' is the mean of 7, 11 or 13 frames at 240 fps; which ones, was published. The 14 frames whose windows begin
    before the frames that were released cannot be made, and are named. Nothing is written. The exit code is 1 if a
    frame differs, or if a clip or a frame is missing.
    """
    from hvdbench.workflows.gopro_check import check, refuse_different, report
    from hvdbench.workspace.engine import parse_engine

    with showing() as progress:
        found = check(whole, release, clips=clips, engine=parse_engine(engine), progress=progress)
    click.echo("\n".join(report(found)))
    refuse_different(found, release)
