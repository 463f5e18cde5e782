"""The command that makes a dataset."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing

HANDS = (
    "still",
    "hold",
    "scan",
    "walk",
    "shaky",
    "hvd",
    "tense",
)  # those of hvdbench.camera.hand, which is slow to import


@click.command()
@click.option(
    "--src",
    "source",
    metavar="NAME",
    help="Take sharp frames from this source: gopro, reds, folder, sample, or an import string. The default is the "
    "recipe's source.",
)
@click.option(
    "--traj",
    "trajectories",
    metavar="NAME",
    help="Take camera paths from this set, one of those that 'hvdbench traj list' shows; monst3r stands for all sets "
    "that MonST3R estimated. The default is the recipe's set.",
)
@click.option(
    "--recipe",
    metavar="NAME|FILE",
    help="Use this dataset recipe. The default is goproshake, or averaging with --blur average.",
)
@click.option(
    "--blur",
    type=click.Choice(["shake", "average"]),
    help="Make blur in this way: shake moves a camera over the source, and average takes the mean of whole source "
    "frames, before a camera that stands still. The default is the recipe's way.",
)
@click.option(
    "--average",
    "window",
    metavar="N",
    type=click.IntRange(min=1),
    help="Average this many source frames for each blurry frame. The default is the recipe's number.",
)
@click.option(
    "--stride",
    metavar="N",
    type=click.IntRange(min=1),
    help="Begin each window this many source frames after the one before. The default is the recipe's stride, or else "
    "as many as its frame rate asks for.",
)
@click.option(
    "--between",
    metavar="N",
    type=click.IntRange(min=0),
    help="Interpolate this many pictures between two source frames, and average them too. The default is the recipe's "
    "number.",
)
@click.option(
    "--response",
    metavar="NAME|FILE",
    help="Average in the light of this camera response: linear takes the mean of the 8-bit levels as they are, "
    "gamma2.2 of their powers, srgb of sRGB's light, and the path of a .csv file of the light that a measured curve "
    "gives. The default is the recipe's response.",
)
@click.option(
    "--root",
    type=options.SOURCE_PATH,
    help="Read the source's frames from this folder, such as GOPRO_Large_all. With --src folder it may also be a "
    "video file.",
)
@options.output("Write the dataset to this folder. The default is datasets/RECIPE.", "out")
@click.option(
    "--ois",
    metavar="KIND",
    help="Simulate this stabiliser: off, lens_shift, sensor_shift, module_tilt, eis, a controller of your own, "
    "written as your_pkg:Controller, or one whose motion was recorded in a file such as log.csv. The default is the "
    "recipe's stabiliser.",
)
@options.orientation
@click.option(
    "--hand",
    type=click.Choice(HANDS),
    help="Simulate this way of holding the phone in every clip. The default is the recipe's choice.",
)
@click.option("--clips", metavar="N", type=click.IntRange(min=1), help="Make at most this many clips of each split.")
@click.option(
    "--fps",
    metavar="FPS",
    type=click.FloatRange(min=1),
    help="Make clips with this many frames per second. The default is the recipe's rate.",
)
@click.option(
    "--source-fps",
    metavar="FPS",
    type=click.FloatRange(min=1),
    help="Assume that the source has this many frames per second, whatever its video files or the names of its clips "
    "state.",
)
@click.option("--seed", metavar="N", type=options.SEED, help="Random seed. The default is the recipe's seed.")
@options.engine
@options.overwrite
@options.strict
@options.trust
@options.examples(
    "hvdbench synth",
    "hvdbench synth --src folder --root video.mp4 -o datasets/mine",
    "hvdbench synth --recipe goproshake_day --ois off --hand walk --seed 7",
    "hvdbench synth --blur average --average 7 --stride 7 --root GOPRO_Large_all",
)
def synth(
    source: str | None,
    trajectories: str | None,
    recipe: str | None,
    blur: str | None,
    window: int | None,
    stride: int | None,
    between: int | None,
    response: str | None,
    root: Path | None,
    out: Path | None,
    ois: str | None,
    orientation: str,
    hand: str | None,
    clips: int | None,
    fps: float | None,
    source_fps: float | None,
    seed: int | None,
    engine: str,
    overwrite: bool,
    strict: bool,
    trust: bool,
) -> None:
    """Make blurry clips with exact ground truth from sharp frames.

    A simulated camera, which a hand shakes and a stabiliser steadies, moves along camera paths over the sharp frames of
    a high-speed camera. What it sees is averaged over each exposure. A clip holds the blurry frames, the true sharp
    frames, and the motion of the camera.

    If no GoPro folder is configured, scenes that come with hvdbench are used instead; if no camera paths of MonST3R
    were imported, simulated paths are used. Either way a warning says so, the recipe's other settings stay, and the
    dataset goes to datasets/demo-RECIPE. Nothing stands in for frames that are to be averaged. The options from --blur
    to --response, and --ois, --hand, --clips, --fps, --source-fps and --seed, replace the recipe's values.
    """
    from hvdbench.camera.stabiliser.kinds import stabiliser_table
    from hvdbench.camera.stabiliser.log import read_log
    from hvdbench.workflows.datasets import SynthRequest
    from hvdbench.workflows.datasets import synth as make
    from hvdbench.workspace.engine import parse_engine
    from hvdbench.workspace.fallback import Fallback

    if orientation and not ois:
        raise click.UsageError("--orientation turns the axes of a log: name one with --ois, or leave it out.")
    stabiliser = stabiliser_table(ois, orientation) if ois else None
    if stabiliser and stabiliser["log"]:
        click.echo(f"{ois} was read as: {read_log(Path(stabiliser['log']), orientation).read_as}")
    windows = {"window": window, "stride": stride, "between": between}
    average = {key: value for key, value in windows.items() if value is not None}
    named = {
        "blur": blur,
        "average": average or None,
        "response": response,
        "ois": stabiliser,
        "hand": hand,
        "max_clips": clips,
        "fps": fps,
        "source_fps": source_fps,
        "seed": seed,
    }
    request = SynthRequest(
        recipe=recipe or ("averaging" if blur == "average" else "goproshake"),
        source=source,
        trajectories=trajectories,
        root=root,
        out=out,
        overrides={key: value for key, value in named.items() if value is not None},
        trust=trust,
    )
    with showing() as progress:
        dataset = make(
            request,
            fallback=Fallback.from_environment(strict),
            engine=parse_engine(engine),
            overwrite=overwrite,
            progress=progress,
        )
    click.echo(f"{dataset.folder}: {len(dataset.clips())} clips, {dataset.origin}, digest {dataset.digest}")
