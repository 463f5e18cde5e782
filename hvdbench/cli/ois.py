"""Commands about stabilisers."""

from pathlib import Path

import click

from hvdbench.cli import options


@click.group()
def ois() -> None:
    """Look into stabilisers: what they follow, and how often they leave a frame sharp."""


@ois.command()
@click.option("--kind", "kinds", multiple=True, help="off, lens_shift, sensor_shift, module_tilt, eis; repeatable.")
@click.option("--stroke", "strokes", multiple=True, type=float, help="Largest angle, deg; repeatable.")
@click.option("--controller", "controllers", multiple=True, help="Your own, their_package.module:Controller.")
@click.option("--log", type=options.FILE, help="A CSV t,gx,gy,lx,ly (s, rad/s, rad) in place of simulated hands.")
@click.option("--seconds", type=click.FloatRange(min=1), default=120.0, show_default=True, help="Of every hand.")
@options.seed
@click.option("-o", "--out", type=options.FOLDER, required=True, help="Where tables and pictures go.")
def sweep(
    kinds: tuple[str, ...],
    strokes: tuple[float, ...],
    controllers: tuple[str, ...],
    log: Path | None,
    seconds: float,
    seed: int,
    out: Path,
) -> None:
    """Compare stabilisers: suppression curves, share of sharp frames and lengths of runs, as CSV and PNG.

    Left to itself it compares a set of all kinds under five simulated hands.
    """
    from hvdbench.camera.sweep_figures import choose_stabilisers, run_sweep

    done = run_sweep(choose_stabilisers(kinds, strokes, controllers, log), out, seconds=seconds, log=log, seed=seed)
    first = done.sharp[0].hand
    for row in done.sharp:
        if row.hand == first:
            runs = f"runs sharp {row.sharp_run:.1f}, blurry {row.blurry_run:.1f}"
            click.echo(f"{first}, {row.stabiliser}: {row.sharp_share:.0%} of {row.frames} frames sharp, {runs}")
    click.echo(f"{out}: {len(done.sharp)} rows of sharp shares, {len(done.suppression)} of suppression, and pictures")
