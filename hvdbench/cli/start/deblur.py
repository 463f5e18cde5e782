"""The command that restores one clip."""

from collections.abc import Iterable
from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing


@click.command()
@click.argument("inputs", metavar="INPUT...", type=options.SOURCE_PATH, nargs=-1, required=True)
@options.output(
    "Write the restored clip here: a folder for frames, or a file that ends in .mp4, .mov or .mkv. For several inputs "
    "it is a folder, in which each result has the name of its input.",
    kind=options.PATH,
)
@click.option(
    "--estimate", is_flag=True, help="Restore nothing; report what gain to expect and how long restoring would take."
)
@options.crop(
    "Restore only this part of each frame, in px: left edge, top edge, width and height. What lies round it is still "
    "used to restore it."
)
@click.option(
    "--size", metavar="WxH", help="Reduce frames to this width and height in px. Only --crop is applied before this."
)
@click.option(
    "--start",
    metavar="TIME",
    type=options.TIME,
    help="Begin at this time, in seconds or as m:ss; for a folder of frames, at the frame of this number, from 0.",
)
@click.option(
    "--end", metavar="TIME", type=options.TIME, help="End before this time, or before the frame of this number."
)
@click.option(
    "--preview",
    is_flag=True,
    help="Restore one second only, or 25 frames of a folder: from --start on, or else from the middle of the clip.",
)
@options.deinterlace
@click.option(
    "--minutes",
    metavar="MINUTES",
    type=click.FloatRange(min=0.1),
    help="Take this many minutes in all: what the restoration leaves of them is spent on adapting the default method "
    "to this clip, or on the fit of another. By default nothing is adapted, and fits make the steps of their recipe.",
)
@click.option(
    "--steps",
    metavar="STEPS",
    type=click.IntRange(min=1),
    help="Make this many steps of that adaptation or fit, on each window of a long clip. OUT.json says how many a run "
    "with --minutes made, so that this repeats it exactly.",
)
@click.option(
    "--method",
    metavar="METHOD",
    default="fusion_pretrained",
    show_default=True,
    help="Restore with this method: the name or file of a recipe, a network (with --weights), an import string such "
    "as their_pkg.net:Net, or a model file; 'hvdbench eval --help' lists all forms.",
)
@click.option("--weights", metavar="FILE", type=options.FILE, help="Load the network's weights from this checkpoint.")
@click.option(
    "--bit-depth",
    type=click.Choice(["8", "10"]),
    default="8",
    show_default=True,
    help="Write this many bits per colour. With 10, 10-bit sources keep their depth and HDR is not tone-mapped; "
    "methods that train a network on the clip work in 8 bits only.",
)
@options.seed
@options.device
@options.inference
@options.overwrite
@options.trust
@options.examples(
    "hvdbench deblur clip.mp4 --estimate",
    "hvdbench deblur clip.mp4 -o restored.mp4",
    "hvdbench deblur clip.mp4 -o try.mp4 --preview",
    "hvdbench deblur clip.mp4 -o restored.mp4 --minutes 5",
    "hvdbench deblur frames/ -o restored/ --size 640x360 --steps 300",
    "hvdbench deblur a.mp4 b.mp4 -o restored/",
    "hvdbench deblur a.mp4 -o b.mp4 --method estrnn --weights estrnn.pth",
)
def deblur(
    inputs: tuple[Path, ...],
    output: Path | None,
    estimate: bool,
    crop: options.Crop | None,
    size: str | None,
    start: float | None,
    end: float | None,
    preview: bool,
    deinterlace: bool,
    minutes: float | None,
    steps: int | None,
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

    Each INPUT is a video file or a folder of frames. The default method borrows from the clip's own sharp frames, and a
    small network, which was trained on other scenes and comes with hvdbench, corrects the result. Nothing is learned
    from the clip, unless --minutes or --steps ask for it: then the network is adapted to the clip, and the adapted one
    is used only if sharp frames of the clip that were held out say that it is better. Use --method and --weights to
    restore with another method.

    The restored frames keep the names of the input's frames; those of JPEG frames end in .png, because JPEG would lose
    something again. Beside the output OUT this command writes OUT.html, a page
    that shows before and after, and OUT.json, which records what was done. Nothing leaves this machine.

    Memory does not grow with the length of the clip. A network with weights restores frames while the clip is decoded.
    All other methods work in windows of up to 100 frames (30 at 3840x2160), and each window is adapted or fitted to
    alone. Up to 20 frames at both ends of a window are only looked at. Before it starts, the command measures on a few
    frames how long it is going to take, and prints it.
    """
    from dataclasses import replace

    from hvdbench.methods.restoration import Budget
    from hvdbench.video.crop import parse_size
    from hvdbench.video.input import Part
    from hvdbench.workflows.deblur.estimate import estimate_clip
    from hvdbench.workflows.deblur.request import DeblurRequest
    from hvdbench.workflows.deblur.several import deblur_clips, preview_part, requests_for
    from hvdbench.workspace.workspace import Workspace

    if output is None and not estimate:
        raise click.UsageError("Missing option '-o' / '--output': write a folder for frames, or a video file.")
    if estimate and len(inputs) > 1:
        raise click.UsageError("Option '--estimate' takes one INPUT at a time.")
    if preview and end is not None:
        raise click.UsageError("Option '--preview' ends after a second by itself: leave '--end' out.")
    asked = DeblurRequest(
        source=inputs[0],
        output=output or Path(),
        crop=crop,
        size=parse_size(size) if size else None,
        method=method,
        weights=weights,
        deinterlace=deinterlace,
        bit_depth=10 if bit_depth == "10" else 8,
        part=Part(start or 0.0, end),
    )
    requests = requests_for(asked, inputs)
    if preview:
        requests = [replace(one, part=preview_part(one.source, start)) for one in requests]
    budget = Budget(
        seed=seed,
        device=options.choose_device(device),
        inference=options.read_inference(precision, window, tile, usual="auto"),
        minutes=minutes,
        steps=steps,
        announce=lambda line: click.echo(line, err=True),
    )
    workspace = Workspace.from_environment(overwrite=overwrite, trust=trust)
    with showing() as progress:
        budget = replace(budget, progress=progress)
        if estimate:
            lines: Iterable[str] = estimate_clip(requests[0], workspace=workspace, budget=budget).lines
        else:
            lines = (line for one in deblur_clips(requests, workspace=workspace, budget=budget) for line in one.lines)
        for line in lines:
            click.echo(line)
