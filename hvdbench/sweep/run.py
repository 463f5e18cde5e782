"""Run ``hvdbench ois sweep``: tables, pictures, a page, and on request the quality of restored frames."""

import logging
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hvdbench.camera.stabiliser.settings import OisSettings
from hvdbench.errors import InputError
from hvdbench.recipe import load_recipe
from hvdbench.store import ClipFolder, Dataset
from hvdbench.sweep.figures import Sweep, as_png, draw_restored, run_sweep
from hvdbench.sweep.measure import Camera
from hvdbench.sweep.page import sweep_page
from hvdbench.sweep.rows import RestoredRow, write_csv
from hvdbench.synth.goproshake import open_scenes, synthesise
from hvdbench.synth.settings import DatasetSettings
from hvdbench.workspace.atomic import atomic_write_bytes
from hvdbench.workspace.engine import Engine
from hvdbench.workspace.fallback import Fallback
from hvdbench.workspace.progress import Progress, silent
from hvdbench.workspace.workspace import Workspace

logger = logging.getLogger(__name__)

SCENES = ("coffee", "motorcycle")  # flat, and with depth
KEPT = "through"  # the folder of clips and runs below the sweep's


@dataclass(frozen=True)
class Through:
    """How the frames of a sweep are restored.

    Attributes:
        method: a method recipe.
        data_recipe: a dataset recipe, for hand, exposure and size; its scenes where its source is ``sample``, else two
            embedded ones. The hand model alone moves the camera.
        frames: a scene.
        runs: where a method that is trained first has its weights.
        trust: whether the files of these recipes may name code to run, wherever they lie.
    """

    method: str
    data_recipe: str = "goproshake_hvd"
    frames: int = 24
    runs: Path = Path("runs")
    trust: bool = False


def sweep(
    stabilisers: Mapping[str, OisSettings],
    folder: Path,
    *,
    seconds: float = 120.0,
    log: Path | None = None,
    orientation: str = "",
    seed: int = 0,
    camera: Camera | None = None,
    through: Through | None = None,
    engine: Engine | None = None,
    fallback: Fallback | None = None,
    progress: Progress = silent,
) -> tuple[Sweep, list[RestoredRow]]:
    """Measure stabilisers, and restore their clips if requested; write tables, pictures and ``sweep.html``.

    Args:
        stabilisers: by name.
        folder: made when absent; files of the same names are replaced.
        seconds: of every hand.
        log: its turning stands in for the simulated hands; not together with ``through``.
        orientation: of the log, as in :func:`hvdbench.camera.stabiliser.log.read_log`.
        seed: of the hands, the gyro's noise, clips and fits.
        camera: the camera that sees the motion; None: the usual one. The clips of ``through`` have the size and focal
            length of their own recipe.
        through: how frames are restored; None: they are not.
        engine: runs the clips; None: one after the other.
        fallback: whether a tiny fit may stand in for missing weights.
        progress: called with (done, total, what).

    Returns:
        What :func:`hvdbench.sweep.figures.run_sweep` returns, and the restored rows, none without ``through``.

    Raises:
        InputError: if a log or controller cannot be used, or a log is given together with ``through``.
        HvdbenchError: as :func:`restore_under`.
    """
    if through is not None and log is not None:
        raise InputError(
            f"{log} cannot be carried through '{through.method}': a log has one lens, and clips need that of each "
            "stabiliser"
        )
    done = run_sweep(stabilisers, folder, seconds=seconds, log=log, orientation=orientation, seed=seed, camera=camera)
    restored: list[RestoredRow] = []
    if through is not None:
        restored = restore_under(
            stabilisers,
            folder / KEPT,
            through,
            seed=seed,
            engine=engine or Engine(),
            fallback=fallback or Fallback(),
            progress=progress,
        )
        write_csv(folder / "restored.csv", restored)
        atomic_write_bytes(folder / "restored.png", as_png(draw_restored, restored))
    sweep_page(
        folder / "sweep.html",
        stabilisers=stabilisers,
        sharp=done.sharp,
        suppression=done.suppression,
        restored=restored,
        method="" if through is None else through.method,
        data_recipe="" if through is None else through.data_recipe,
        hands="" if log is None else log.name,
        camera=camera or Camera(),
        seed=seed,
    )
    return done, restored


def restore_under(
    stabilisers: Mapping[str, OisSettings],
    folder: Path,
    through: Through,
    *,
    seed: int = 0,
    engine: Engine,
    fallback: Fallback,
    progress: Progress = silent,
) -> list[RestoredRow]:
    """Make the same small clips under every stabiliser, restore and score them.

    Scene, hand, exposure and noise are the same throughout; only the stabiliser differs. A method that is trained first
    restores all with the same weights.

    Args:
        stabilisers: by name.
        folder: clips are written to ``data/`` and frames to ``runs/``; results of other settings there are replaced.
        through: method, recipe and frames.
        seed: of clips and fits.
        engine: runs the clips.
        fallback: whether a tiny fit may stand in for missing weights.
        progress: called with (done, total, what).

    Returns:
        Rows by stabiliser, scene (``*``, the mean, first) and truth.

    Raises:
        HvdbenchError: if a recipe or method is unknown, or weights are missing.
    """
    from hvdbench.methods.recipe import load_method
    from hvdbench.methods.restoration import Budget
    from hvdbench.runs.restoring import do_jobs, plan_run
    from hvdbench.scoring.run_metrics import score
    from hvdbench.workflows.train import open_with_weights

    load_method(through.method, trust=through.trust)  # a typo is an error before anything is made
    datasets: list[Dataset] = []
    for index, (name, ois) in enumerate(stabilisers.items()):
        progress(index, len(stabilisers), "synthesise under each stabiliser")
        slug = f"{index:02d}-{re.sub('[^a-z0-9.]+', '-', name.lower())}"
        datasets.append(_clips_under(ois, slug, folder / "data" / slug, through, seed=seed, engine=engine))
    _compare_hands(list(stabilisers), datasets)
    budget = Budget(seed=seed, engine=engine, progress=progress)
    trainings = Workspace(through.runs, strict=fallback.strict)
    method = open_with_weights(through.method, datasets[0], workspace=trainings, budget=budget)
    here = Workspace(folder / "runs", overwrite=True)
    planned = [plan_run(method, data, workspace=here, budget=budget) for data in datasets]
    do_jobs([job for _, jobs in planned for job in jobs], budget, what=f"restore: {method.name}")
    rows: list[RestoredRow] = []
    for name, data, (run, _) in zip(stabilisers, datasets, planned, strict=True):
        rows += _rows(name, data, score(run, data))
    return rows


def _compare_hands(names: Sequence[str], datasets: Sequence[Dataset]) -> None:
    """Warn where a clip could not have the hand of the others, since its motion would have left the scene."""
    hands = [[_drawn(clip) for clip in data.clips()] for data in datasets]
    for name, drawn in zip(names, hands, strict=True):
        if drawn != hands[0]:
            logger.warning(
                "under '%s' the hand had to be calmed to stay within the scene, and by another amount than under '%s', "
                "so their rows cannot be compared: choose another --seed or a calmer recipe",
                name,
                names[0],
            )


def _drawn(clip: ClipFolder) -> tuple[object, ...]:
    attributes = clip.attributes()
    return tuple(attributes.get(name) for name in ("reference_hz", "motions_rejected"))


def _clips_under(ois: OisSettings, slug: str, folder: Path, through: Through, *, seed: int, engine: Engine) -> Dataset:
    asked = load_recipe("datasets", through.data_recipe, DatasetSettings, trust=through.trust).values
    overrides = {
        "source": "sample",
        "clips": (asked.clips if asked.source == "sample" else ()) or SCENES,
        "max_clips": None,
        "frames_per_clip": through.frames,
        "stroke_deg": None,
        "seed": seed,
        "ois": ois.model_dump(),
    }
    recipe = load_recipe("datasets", through.data_recipe, DatasetSettings, overrides=overrides, trust=through.trust)
    settings = recipe.values
    return synthesise(
        settings,
        f"sweep-{slug}",
        folder,
        scenes=open_scenes(settings),
        trajectories=(),
        origin="demo",
        engine=engine,
        overwrite=True,
    )


def _rows(name: str, dataset: Dataset, scores: Any) -> list[RestoredRow]:
    rows = []
    for truth in ("mid", "centroid"):
        scenes = []
        for clip in dataset.clips():
            table = scores[(scores["split"] == clip.split) & (scores["clip"] == clip.name)].sort_values("frame")
            after = table[f"psnr_{truth}"].to_numpy(np.float64)
            before = after - table[f"psnr_gain_{truth}"].to_numpy(np.float64)
            kinds = clip.track("oracle/class")
            is_sharp = np.zeros(len(after), np.bool_) if kinds is None else kinds == 0
            scenes.append(
                RestoredRow(
                    stabiliser=name,
                    scene=clip.name,
                    truth=truth,
                    frames=len(after),
                    sharp_share=float(is_sharp.mean()),
                    input_db=float(before.mean()),
                    restored_db=float(after.mean()),
                    blurry_input_db=_mean(before[~is_sharp]),
                    blurry_restored_db=_mean(after[~is_sharp]),
                )
            )
        rows += [_over(scenes), *scenes]
    return rows


def _over(scenes: Sequence[RestoredRow]) -> RestoredRow:
    """Average the rows of scenes; every scene weighs the same."""

    def over(name: str) -> float:
        return _mean(np.array([getattr(row, name) for row in scenes]))

    return replace(
        scenes[0],
        scene="*",
        frames=sum(row.frames for row in scenes),
        sharp_share=over("sharp_share"),
        input_db=over("input_db"),
        restored_db=over("restored_db"),
        blurry_input_db=over("blurry_input_db"),
        blurry_restored_db=over("blurry_restored_db"),
    )


def _mean(values: Any) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else math.nan
