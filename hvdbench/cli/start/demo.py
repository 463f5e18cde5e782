"""Commands that a newcomer types first: demo, deblur, doctor."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing


@click.command()
@click.option("--out", type=options.FOLDER, default=Path("demo"), show_default=True, help="Where everything goes.")
@options.engine
@options.seed
def demo(out: Path, engine: str, seed: int) -> None:
    """Run the whole pipeline on embedded scenes: synthesise, label, fit, restore, score, and write a page."""
    from hvdbench.workflows.demo import run_demo
    from hvdbench.workspace.engine import parse_engine

    with showing() as progress:
        result = run_demo(out, engine=parse_engine(engine), seed=seed, progress=progress)
    click.echo("\n".join(result.label_lines))
    click.echo(f"\n{result.table}")
    click.echo(f"board: {result.board}\npage:  {result.page}")


@click.command()
@click.argument("input_path", metavar="INPUT", type=options.FILE)
@click.option("-o", "--output", type=options.FILE, help="A folder for frames, or a video file.")
@click.option("--estimate", is_flag=True, help="Restore nothing: say what gain to expect, and how long it takes.")
@click.option("--crop", help="x:y:w:h, the part of each frame to restore.")
@click.option("--size", help="WxH to reduce frames to (by area) before anything else.")
@click.option("--minutes", type=click.FloatRange(min=0.1), help="Fit for about this long on one core.")
@click.option(
    "--method",
    default="selfhvd_rc_fusion",
    show_default=True,
    help="A recipe, a network (with --weights), their_pkg.net:Net, or a model file, as for eval.",
)
@click.option("--weights", type=options.FILE, help="A checkpoint of the network.")
@click.option(
    "--bit-depth",
    type=click.Choice(["8", "10"]),
    default="8",
    show_default=True,
    help="10 keeps 10-bit sources whole and HDR as it is; for networks.",
)
@options.seed
@options.device
@options.inference
@options.overwrite
@options.trust
def deblur(
    input_path: Path,
    output: Path | None,
    estimate: bool,
    crop: str | None,
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
    """Restore INPUT, a video file or a folder of frames, from its own sharp frames, or through a network.

    A method that is fitted to the clip holds the clip in memory; so does one that is trained without truth, where no
    --weights are named: it is trained on this clip alone. A network with weights restores it as it is decoded,
    and writes as it goes: memory does not grow with the clip, and a run that is going to be long is told of first.

    OUT gets the restored frames under the input's names, or the video; OUT.html shows before and after, OUT.json says
    what was done. Nothing leaves this machine. --estimate writes nothing and needs no OUT.
    """
    from hvdbench.video.input import parse_crop, parse_size
    from hvdbench.workflows.deblur import deblur_clip
    from hvdbench.workflows.deblur.estimate import estimate_clip
    from hvdbench.workflows.deblur.request import DeblurRequest

    if output is None and not estimate:
        raise click.UsageError("Missing option '-o' / '--output': a folder for frames, or a video file.")
    request = DeblurRequest(
        source=input_path,
        output=output or Path(),
        crop=parse_crop(crop) if crop else None,
        size=parse_size(size) if size else None,
        minutes=minutes,
        method=method,
        seed=seed,
        device=options.choose_device(device),
        weights=weights,
        inference=options.read_inference(precision, window, tile, usual="auto"),
        bit_depth=10 if bit_depth == "10" else 8,
        trust=trust,
    )
    if estimate:
        click.echo("\n".join(estimate_clip(request).lines))
        return
    with showing() as progress:
        result = deblur_clip(
            request, overwrite=overwrite, progress=progress, announce=lambda line: click.echo(line, err=True)
        )
    for line in result.lines:
        click.echo(line)


@click.command()
def doctor() -> None:
    """Say what is installed, configured and missing, and how to mend it."""
    from hvdbench.workflows.doctor import examine

    marks = {"ok": "ok     ", "note": "note   ", "problem": "PROBLEM"}
    findings = examine()
    for finding in findings:
        click.echo(f"{marks[finding.state]} {finding.topic}: {finding.text}")
    if any(finding.state == "problem" for finding in findings):
        raise SystemExit(1)
