"""Commands about stabilisers."""

from pathlib import Path

import click

from hvdbench.cli import options
from hvdbench.cli.progress import showing


@click.group()
def ois() -> None:
    """Look into stabilisers: what they follow, and how often they leave a frame sharp."""


@ois.command()
@click.option("--kind", "kinds", multiple=True, help="off, lens_shift, sensor_shift, module_tilt, eis; repeatable.")
@click.option("--stroke", "strokes", multiple=True, type=float, help="Largest angle, deg; repeatable.")
@click.option("--controller", "controllers", multiple=True, help="Your own, their_package.module:Controller.")
@click.option("--log", type=options.FILE, help="A CSV t,gx,gy,lx,ly (s, rad/s, rad) in place of simulated hands.")
@click.option("--seconds", type=click.FloatRange(min=1), default=120.0, show_default=True, help="Of every hand.")
@click.option("--through", "method", help="A method recipe: restore small clips made under each stabiliser, and score.")
@click.option(
    "--data-recipe", default="goproshake_hvd", show_default=True, help="With --through: whose hand, exposure and size."
)
@click.option(
    "--frames", type=click.IntRange(min=2), default=24, show_default=True, help="With --through: of each of two scenes."
)
@options.seed
@options.engine
@options.strict
@options.trust
@click.option("-o", "--out", type=options.FOLDER, required=True, help="Where tables, pictures and the page go.")
def sweep(
    kinds: tuple[str, ...],
    strokes: tuple[float, ...],
    controllers: tuple[str, ...],
    log: Path | None,
    seconds: float,
    method: str | None,
    data_recipe: str,
    frames: int,
    seed: int,
    engine: str,
    strict: bool,
    trust: bool,
    out: Path,
) -> None:
    """Compare stabilisers: suppression, share of sharp frames, lengths of runs, as CSV, PNG and one page.

    Left to itself it compares a set of all kinds under five simulated hands. --through METHOD goes on to restored dB.
    """
    from hvdbench.sweep.figures import choose_stabilisers
    from hvdbench.sweep.run import Through
    from hvdbench.sweep.run import sweep as run
    from hvdbench.workspace.engine import parse_engine
    from hvdbench.workspace.fallback import Fallback

    with showing() as progress:
        done, restored = run(
            choose_stabilisers(kinds, strokes, controllers, log),
            out,
            seconds=seconds,
            log=log,
            seed=seed,
            through=Through(method, data_recipe, frames, trust=trust) if method else None,
            engine=parse_engine(engine),
            fallback=Fallback.from_environment(strict),
            progress=progress,
        )
    first = done.sharp[0].hand
    for row in done.sharp:
        if row.hand == first:
            runs = f"runs sharp {row.sharp_run:.1f}, blurry {row.blurry_run:.1f}"
            click.echo(f"{first}, {row.stabiliser}: {row.sharp_share:.0%} of {row.frames} frames sharp, {runs}")
    for after in restored:
        if after.scene == "*" and after.truth == "mid":
            gain = f"{after.input_db:.2f} dB to {after.restored_db:.2f} dB"
            click.echo(f"{method}, {after.stabiliser}: {gain}, {after.sharp_share:.0%} of {after.frames} frames sharp")
    click.echo(f"{out / 'sweep.html'}: {len(done.sharp)} rows of sharp shares, {len(done.suppression)} of suppression")
