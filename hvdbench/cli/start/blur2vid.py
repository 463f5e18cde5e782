"""The command that makes a short video of the sharp frames inside a blurry picture."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing


@click.command()
@click.argument("source", metavar="INPUT", type=options.SOURCE_PATH)
@options.output("Write the video to this file, which ends in .mp4, .mov or .mkv.", kind=options.PATH, required=True)
@click.option(
    "--method",
    metavar="METHOD",
    default="blur2vid_purohit_hypercut",
    show_default=True,
    help="Make the frames with this method: the name or file of a recipe of 'hvdbench train' whose name begins with "
    "blur2vid.",
)
@click.option(
    "--weights",
    metavar="FILE",
    type=options.FILE,
    help="Load the network's weights from this checkpoint. The default is the method's only training in the folder of "
    "runs.",
)
@click.option(
    "--fps",
    metavar="FPS",
    type=options.RATE,
    default=14.0,
    show_default=True,
    help="Play the video at this many frames per second; the frames of one picture are seven.",
)
@options.runs
@options.seed
@options.device
@options.overwrite
@options.trust
@options.examples(
    "hvdbench blur2vid blurry.png -o frames.mp4 --weights weights.safetensors",
    "hvdbench blur2vid clip.mp4 -o slow.mp4 --method blur2vid_jin --fps 30",
)
def blur2vid(
    source: Path,
    output: Path,
    method: str,
    weights: Path | None,
    fps: float,
    runs: Path,
    seed: int,
    device: str,
    overwrite: bool,
    trust: bool,
) -> None:
    """Make a short video of the sharp frames inside a blurry picture.

    INPUT is a picture, or a video file or a folder of frames, of which each frame is taken as one blurry picture. A
    network makes the seven sharp frames that lie in each exposure; it must have been trained with 'hvdbench train'
    before, since no weights of it come with hvdbench.

    A blurry picture does not say which end of its exposure came first. For a clip, each picture's frames are played in
    the direction that begins near the end of the picture before. Beside the video OUT this command writes OUT.html, a
    page that plays the frames, and OUT.json, which records what was done. Nothing leaves this machine.
    """
    from hvdbench.methods.restoration import Budget
    from hvdbench.workflows.blur2vid import Blur2vidRequest
    from hvdbench.workflows.blur2vid import blur2vid as make
    from hvdbench.workspace.workspace import Workspace

    request = Blur2vidRequest(source, output, method, weights, fps)
    workspace = Workspace.from_environment(runs=runs, overwrite=overwrite, trust=trust)
    with showing() as progress:
        budget = Budget(seed=seed, device=options.choose_device(device), progress=progress)
        result = make(request, workspace=workspace, budget=budget)
    for line in result.lines:
        click.echo(line)
