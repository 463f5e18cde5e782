"""The command that restores one clip."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing


@click.command()
@click.argument("input_path", metavar="INPUT", type=options.PATH)
@options.output(
    "Write the restored clip here: a folder for frames, or a file that ends in .mp4, .mov or .mkv.",
    kind=options.PATH,
)
@click.option(
    "--estimate", is_flag=True, help="Restore nothing; report what gain to expect and how long restoring would take."
)
@options.crop("Restore only this part of each frame, in px: left edge, top edge, width and height.")
@click.option(
    "--size", metavar="WxH", help="Reduce frames to this width and height in px, after --crop, before all else."
)
@click.option(
    "--minutes",
    metavar="MINUTES",
    type=click.FloatRange(min=0.1),
    help="Fit for about this many minutes on one core. By default the method's recipe decides.",
)
@click.option(
    "--method",
    metavar="METHOD",
    default="selfhvd_rc_fusion",
    show_default=True,
    help="Restore with this method: a recipe's name or file, a network (with --weights), their_pkg.net:Net, or a model "
    "file, as 'hvdbench eval --help' lists them.",
)
@click.option("--weights", metavar="FILE", type=options.FILE, help="Load the network's weights from this checkpoint.")
@click.option(
    "--bit-depth",
    type=click.Choice(["8", "10"]),
    default="8",
    show_default=True,
    help="Write this many bits per colour. With 10, which only networks can do, 10-bit sources keep their depth and "
    "HDR is not tone-mapped.",
)
@options.seed
@options.device
@options.inference
@options.overwrite
@options.trust
@options.examples(
    "hvdbench deblur clip.mp4 --estimate",
    "hvdbench deblur clip.mp4 -o restored.mp4",
    "hvdbench deblur frames/ -o restored/ --size 640x360 --minutes 2",
    "hvdbench deblur a.mp4 -o b.mp4 --method estrnn --weights estrnn.pth",
)
def deblur(
    input_path: Path,
    output: Path | None,
    estimate: bool,
    crop: options.Crop | None,
    size: str | None,
    minutes: float | None,
    method: str,
    weights: Path | None,
    bit_depth: str,
    seed: int,
    device: str,
    precision: str | None,
    window: str | None,
    tile: str | None,
    overwrite: bool,
    trust: bool,
) -> None:
    """Restore a blurry video or a folder of blurry frames.

    INPUT is a video file or a folder of frames. The default method needs no training: it is fitted to this clip alone
    and borrows from the clip's own sharp frames. --method and --weights restore it with a network instead.

    The restored frames keep the names of the input's frames; those of JPEG frames end in .png, because JPEG would lose
    something again. Beside the output OUT this command writes OUT.html, a page
    that shows before and after, and OUT.json, which records what was done. Nothing leaves this machine.

    A method that is fitted to the clip, or trained on it because no --weights are named, holds the whole clip in
    memory. A network with weights restores frame by frame as it decodes, so that memory does not grow with the clip; a
    run that will take long is announced first.
    """
    from dataclasses import replace

    from hvdbench.methods.restoration import Budget
    from hvdbench.video.input import parse_size
    from hvdbench.workflows.deblur import deblur_clip
    from hvdbench.workflows.deblur.estimate import estimate_clip
    from hvdbench.workflows.deblur.request import DeblurRequest
    from hvdbench.workspace.workspace import Workspace

    if output is None and not estimate:
        raise click.UsageError("Missing option '-o' / '--output': write a folder for frames, or a video file.")
    request = DeblurRequest(
        source=input_path,
        output=output or Path(),
        crop=crop,
        size=parse_size(size) if size else None,
        method=method,
        weights=weights,
        bit_depth=10 if bit_depth == "10" else 8,
    )
    budget = Budget(
        seed=seed,
        device=options.choose_device(device),
        inference=options.read_inference(precision, window, tile, usual="auto"),
        minutes=minutes,
        announce=lambda line: click.echo(line, err=True),
    )
    workspace = Workspace.from_environment(overwrite=overwrite, trust=trust)
    if estimate:
        click.echo("\n".join(estimate_clip(request, workspace=workspace, budget=budget).lines))
        return
    with showing() as progress:
        result = deblur_clip(request, workspace=workspace, budget=replace(budget, progress=progress))
    for line in result.lines:
        click.echo(line)
