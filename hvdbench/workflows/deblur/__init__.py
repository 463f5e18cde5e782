"""Restore a user's own clip, from its own sharp frames or frame by frame through a network with weights.

A method that is trained over clips without truth is trained on the clip alone where no weights are given.
"""

from hvdbench.errors import InputError
from hvdbench.methods.opening import open_method
from hvdbench.methods.recipe import Method
from hvdbench.methods.restoration import Budget
from hvdbench.methods.training.one_clip import on_one_clip
from hvdbench.workflows.deblur.fitting import fit_clip
from hvdbench.workflows.deblur.request import DeblurRequest, DeblurResult
from hvdbench.workflows.deblur.streaming import stream_clip
from hvdbench.workspace.workspace import Workspace


def deblur_clip(
    request: DeblurRequest, *, workspace: Workspace | None = None, budget: Budget | None = None
) -> DeblurResult:
    """Restore a clip; the same command again finishes a stopped run and leaves a finished one unchanged.

    Args:
        request: what to restore, how, and where the result goes.
        workspace: whether an output that came from something else is replaced.
        budget: seed, device, progress, and the minutes of the run or the steps on each window; how a network is run, by
            default in windows and tiles that fit into memory. Its listener is told before a run starts what it takes.

    Raises:
        InputError: if the input is not a clip, the output contains other files, or the method has no use for an option.
        UnknownNameError: if there is no such method.
        WeightsError: if weights are missing, damaged, or made for another network.
    """
    workspace, budget = workspace or Workspace(), budget or Budget()
    if not request.output.name:
        raise InputError(f"'{request.output}' cannot be an output: name a new folder, or a video file")
    method = ready_method(request, workspace=workspace, budget=budget)
    if method.has_network:
        return stream_clip(request, method, budget=budget, overwrite=workspace.overwrite)
    _check_fits(method, request, budget)
    return fit_clip(request, method, budget=budget, overwrite=workspace.overwrite)


def ready_method(request: DeblurRequest, *, workspace: Workspace, budget: Budget) -> Method:
    """Open the method of a request; one that is trained over clips and has no weights becomes a fit to the clip alone.

    Args:
        request: names the method and its weights.
        workspace: whether import strings and commands inside a recipe's file may run.
        budget: how many steps to make on each window; minutes, from which a run chooses the steps, are only checked.

    Raises:
        InputError: if the method learns from a truth and has no weights, or has no steps that could be set.
        UnknownNameError: if there is no such method.
        WeightsError: if weights are missing, damaged, or made for another network.
    """
    method = open_method(request.method, weights=request.weights, trust=workspace.trust)
    if method.is_trained and method.weights is None:
        method = on_one_clip(method)
    if budget.minutes is not None and budget.steps is not None:
        raise InputError("--minutes chooses the number of steps, so leave out either --minutes or --steps")
    if budget.minutes is not None and not method.takes_fit_steps:
        raise InputError(f"method '{method.name}' has no steps that --minutes could set: leave it out")
    return method.with_fit_steps(budget.steps)


def _check_fits(method: Method, request: DeblurRequest, budget: Budget) -> None:
    """Refuse options that the method has no use for."""
    if not budget.inference.is_usual and not method.scheme.takes_inference:
        raise InputError(
            f"method '{method.name}' does not run a network of its own, so it has no use for --precision, --window and "
            "--tile: leave them out"
        )
    if request.bit_depth != 8 and not method.scheme.takes_16_bits:
        raise InputError(
            f"method '{method.name}' works in 8 bits: --bit-depth {request.bit_depth} is for networks with weights and "
            "for fusion_pretrained, reblur_blend and other methods that blend the clip's own frames"
        )
