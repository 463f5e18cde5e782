"""Run the network of a method with the options that were asked for, and record in the manifest how it was run."""

import dataclasses
from collections.abc import Sequence

import torch

from hvdbench.errors import HvdbenchError, InputError
from hvdbench.frames import Frames
from hvdbench.methods.inference.estimate import duration_text
from hvdbench.methods.inference.options import Extents, InferenceOptions
from hvdbench.methods.inference.plan import InferencePlan, plan_inference
from hvdbench.methods.inference.restore import InferenceReport, restore_clip
from hvdbench.methods.recipe import Method
from hvdbench.methods.restoration import Budget, Restoration
from hvdbench.networks.spec import VideoNetwork
from hvdbench.workspace.progress import Announce

LONG_RUN_S = 30.0
"""Runs that will take longer than this are announced before they start."""


def plan_stream(
    method: Method,
    network: VideoNetwork,
    size: tuple[int, int],
    asked: InferenceOptions,
    *,
    frame_count: int | None,
    device: str,
) -> InferencePlan:
    """Plan a run over frames that arrive one after the other; ``auto`` never takes the whole clip at once.

    Args:
        method: method whose settings decide what is left open here.
        network: network of the method.
        size: height and width of the frames.
        asked: windows, tiles and precision, which take precedence over the method's settings.
        frame_count: number of frames to come, for the estimate; None where it is not known.
        device: device to run on.

    Returns:
        The plan with its estimate.

    Raises:
        InputError: if a window or tile does not suit the network.
        FitError: if the memory does not suffice.
    """
    extents = method.scheme.extents(network, asked, is_stream=True)
    try:
        plan = plan_inference(network, size, device=device, **vars(extents))
    except HvdbenchError:
        raise
    except ValueError as error:
        raise InputError(f"method '{method.name}': {error}") from error
    if plan.estimate is None:
        return plan
    return dataclasses.replace(plan, estimate=dataclasses.replace(plan.estimate, frame_count=frame_count))


def plan_clips(
    method: Method,
    clips: Sequence[tuple[tuple[int, int], int]],
    asked: InferenceOptions,
    *,
    device: str,
    threads: int | None = None,
) -> list[InferencePlan]:
    """Plan the restoration of whole clips in the way of the method's own ``restore``, to get the estimates.

    Args:
        method: method that has a network.
        clips: height and width, and number of frames, of each clip.
        asked: windows, tiles and precision.
        device: device that the clips will be restored on.
        threads: number of threads of each job on a CPU; None for as many as torch uses here.

    Raises:
        HvdbenchError: if the network cannot be opened, fails on a small clip of noise, or does not fit into memory.
        ValueError: if a window or tile does not suit the network.
    """
    network = method.open()
    extents = vars(method.scheme.extents(network, asked))
    former = torch.get_num_threads()
    torch.set_num_threads(threads or former)
    try:
        return [plan_inference(network, size, frame_count=count, device=device, **extents) for size, count in clips]
    finally:
        torch.set_num_threads(former)


def tell_if_long(announce: Announce | None, what: str, plans: Sequence[InferencePlan], workers: int = 1) -> None:
    """Announce in one line what a run will take, if that is long or cannot be estimated.

    Args:
        announce: function that receives the line; None for no announcement.
        what: subject of the line.
        plans: plans of the clips that will be restored, with their estimates.
        workers: number of clips that are restored at once.
    """
    seconds = [plan.estimated_s or 0.0 for plan in plans]
    total_s = max([sum(seconds) / workers, *seconds])
    if announce is None or (total_s <= LONG_RUN_S and all(plan.estimated_s is not None for plan in plans)):
        return
    if len(plans) == 1:
        announce(f"{what}: {plans[0].describe()}")
        return
    at_once = f", {workers} at once" if workers > 1 else ""
    total = f"{len(plans)} clips{at_once}, about {duration_text(total_s)} to restore"
    announce(f"{what}: {total}; the first: {plans[0].describe()}")


def restore_with(
    network: VideoNetwork, blurry: Frames, budget: Budget, *, extents: Extents | None = None, whose: str = ""
) -> Restoration:
    """Restore a clip with a network; the facts of the result record how it was run.

    Args:
        network: network with its weights.
        blurry: uint8 RGB (T, H, W, 3).
        budget: seed, device and progress.
        extents: windows, tiles and precision; None for those that the budget asks for.
        whose: beginning of an error's sentence, such as ``network 'estrnn': ``.

    Raises:
        InputError: if a window or tile does not suit the network.
        FitError: if the network returns a value that is not finite, or the memory does not suffice.
    """
    asked = budget.inference
    run = extents or Extents(window=asked.window, tile=asked.tile, precision=asked.precision)
    reports: list[InferenceReport] = []
    try:
        frames = restore_clip(
            network,
            blurry,
            device=budget.device,
            **vars(run),
            seed=budget.seed,
            progress=lambda done, total: budget.progress(done, total, "restore"),
            report=reports.append,
        )
    except HvdbenchError:
        raise
    except ValueError as error:
        raise InputError(f"{whose}{error}") from error
    return Restoration(frames, report_facts(reports[-1]))


def report_facts(report: InferenceReport) -> dict[str, object]:
    """Return what a manifest records of a run: the plan that was used, the speed, and the peak memory."""
    plan = report.plan
    return {
        "plan": dataclasses.replace(plan, estimate=None).describe(),
        "inference": {
            "window": plan.window,
            "overlap": plan.overlap,
            "tile": None if plan.tile is None else list(plan.tile),
            "context_px": plan.context_px,
            "precision": plan.precision,
            "carry_state": plan.carry_state,
            "device": plan.device,
        },
        "frames_per_s": round(report.frames_per_s, 3),
        "peak_bytes": report.peak_bytes,
    }
