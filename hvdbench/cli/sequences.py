"""Commands about datasets of sequences: one blurry frame and several sharp ones that show its exposure."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing
from hvdbench.workspace.objects.location import Place


@click.command("pair-cameras")
@click.argument("sharp", metavar="SHARP", type=options.SOURCE_PATH)
@click.argument("blurry", metavar="BLURRY", type=options.SOURCE_PATH)
@options.output(
    "Add the clip to the dataset in this folder. If there is none, a new dataset is made.", "out", required=True
)
@click.option("--clip", metavar="NAME", required=True, help="Use this name for the clip in the dataset.")
@click.option(
    "--split",
    type=click.Choice(["train", "test"]),
    default="test",
    show_default=True,
    help="Put the clip into this split.",
)
@click.option(
    "--sharp-fps", metavar="FPS", type=click.FloatRange(min=1), help="Frame rate of SHARP, where it states none."
)
@click.option(
    "--blurry-fps", metavar="FPS", type=click.FloatRange(min=1), help="Frame rate of BLURRY, where it states none."
)
@click.option(
    "--subframes",
    metavar="N",
    type=click.IntRange(min=3, max=65),
    default=7,
    show_default=True,
    help="Make this odd number of sharp sub-frames of each blurry frame.",
)
@click.option(
    "--response",
    metavar="NAME|FILE",
    default="gamma2.2",
    show_default=True,
    help="Average in the light of this camera response, and fit colours in it: gamma2.2, srgb, linear, or the path of "
    "a .csv file of a measured curve.",
)
@click.option(
    "--search",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="The beginnings of the two films may lie this far apart.",
)
@click.option(
    "--homography",
    type=options.FILE,
    metavar="FILE",
    help="Read the 3x3 homography of your own calibration from this text file. It maps pixels of SHARP to pixels of "
    "BLURRY. By default it is estimated from the films.",
)
@click.option(
    "--background",
    type=options.FILE,
    metavar="FILE",
    help="Cut the subject from its green screen, and lay it over this picture. By default the background stays.",
)
@options.overwrite
@options.examples(
    "hvdbench dataset pair-cameras fast.mp4 slow.mp4 -o mine --clip a",
    "hvdbench dataset pair-cameras a b.mp4 --sharp-fps 100 -o d --clip c",
)
def pair_cameras(
    sharp: Path,
    blurry: Path,
    out: Path,
    clip: str,
    split: str,
    sharp_fps: float | None,
    blurry_fps: float | None,
    subframes: int,
    response: str,
    search: float,
    homography: Path | None,
    background: Path | None,
    overwrite: bool,
) -> None:
    """Make a clip of two synchronised cameras.

    Both see the same through a beam splitter. SHARP is the film of the fast camera, which does not blur, and BLURRY
    that of the slow one, whose exposure lasts a whole frame; each may also be a folder of frames. Both are aligned in
    space and time, the fast camera's colours are fitted to the slow one's, and each blurry frame gets N sharp
    sub-frames, in the order of time.
    """
    from hvdbench.ingest.camera_pairs import CameraPair, read_homography
    from hvdbench.ingest.camera_pairs import pair_cameras as make

    pair = CameraPair(
        sharp,
        blurry,
        sharp_fps,
        blurry_fps,
        subframes=subframes,
        response=response,
        search_s=search,
        homography=None if homography is None else read_homography(homography),
        background=background,
    )
    with showing() as progress:
        dataset, matched = make(pair, out, clip=clip, split=split, overwrite=overwrite, progress=progress)
    left, top, right, bottom = matched.box
    psnr = sum(match.psnr for match in matched.matches) / len(matched.matches)
    click.echo(
        f"{split}/{clip}: {len(matched.frames)} blurry frames of {right - left}x{bottom - top} px, the first at the "
        f"sharp film's frame {float(matched.matches[0].start):g}; the made blurry frames have {psnr:.2f} dB"
    )
    click.echo(f"{dataset.folder}: {len(dataset.clips())} clips, {dataset.origin}, digest {dataset.digest}")


@click.command()
@click.argument("dataset_folder", metavar="DATASET", type=options.DATASET_FOLDER)
@click.option(
    "--weights",
    metavar="NAME|FILE",
    required=True,
    help="Use these weights of the order network hypercut: a file, or a name that 'hvdbench weights list' shows.",
)
@click.option("--split", metavar="NAME", help="Measure the clips of this split. The default is every split.")
@click.option("--board", metavar="NAME", help="Also enter the shares on this leaderboard, such as blur2vid-order.")
@click.option(
    "--name",
    metavar="NAME",
    default="order network",
    show_default=True,
    help="Use this name for the network on the leaderboard.",
)
@click.option(
    "--seed",
    metavar="N",
    type=click.IntRange(min=0),
    help="The weights were trained with this seed. The leaderboard shows the mean over the seeds of a name.",
)
@click.option(
    "--picture",
    metavar="FILE",
    type=options.PATH,
    help="Draw a t-SNE of the network's vectors to this .png file; it needs the package scikit-learn.",
)
@options.boards
@options.device
@options.examples(
    "hvdbench dataset order datasets/rb2v --weights a.safetensors",
    "hvdbench dataset order rb2v --weights a.safetensors --board blur2vid-order",
)
def order(
    dataset_folder: Place,
    weights: str,
    split: str | None,
    board: str | None,
    name: str,
    seed: int | None,
    picture: Path | None,
    boards: Path,
    device: str,
) -> None:
    """Measure an order network on sequences.

    DATASET is the folder of a dataset with sub-frames. The command prints, for each split, hit (the share of symmetric
    pairs of frames that lie on another side of the hyperplane than their reverse), con@2 and con@3 (the share of
    sequences of which two or three pairs lie on one side).
    """
    from hvdbench.workflows.order import enter_shares, measure_order, shares_table, write_picture

    with showing() as progress:
        measured = measure_order(
            dataset_folder,
            weights,
            split=split,
            device=options.choose_device(device),
            progress=progress,
        )
    click.echo(shares_table(measured), nl=False)
    if picture is not None:
        write_picture(measured, picture)
        click.echo(f"written: {picture}", err=True)
    if board is not None:
        click.echo(f"{enter_shares(measured, boards, board=board, method=name, seed=seed)}: entered as '{name}'")
